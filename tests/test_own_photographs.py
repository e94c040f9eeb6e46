"""A folder of photographs as they come from phones, cameras, scanners and the web: the commands that a newcomer types.

Evaluate, judge, compare, claims and the report, on twelve pictures of as many kinds, with no flag but where things are.
"""

import json
import warnings

import numpy as np
import pytest
from PIL import Image

from companion.cli import main
from companion.questions.registry import load_benchmark

pytestmark = pytest.mark.slow

SIZE = (320, 240)


def landscape(seed):
    """A sky, hills and a sun with some grain, RGB: smooth and full of colours, as photographs are."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[1], : SIZE[0]].astype(float)
    hill = 150 + 25 * np.sin(x / rng.uniform(25, 60) + rng.uniform(0, 6))
    sky = np.stack([90 + y / 3, 140 + y / 3, 230 - y / 4], axis=2)
    grass = np.stack([40 + x / 8, 120 - y / 6, 30 + x / 20], axis=2)
    shown = np.where((y > hill)[..., None], grass, sky)
    shown[(x - 250) ** 2 + (y - 50) ** 2 < 900] = (250, 220, 90)
    return Image.fromarray((shown + rng.normal(0, 4, shown.shape)).clip(0, 255).astype(np.uint8))


def turned(image, orientation):
    """As a camera that was held so stores it, with the EXIF that says so."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    return (image if orientation == 1 else image.transpose(back[orientation])), {"exif": exif, "quality": 95}


def write_album(folder):
    """Twelve pictures: EXIF 1 to 8 (two of them CMYK and palette as well), 16-bit, transparent, float, huge."""
    folder.mkdir()
    for number in range(1, 8):
        image, settings = turned(landscape(number), number)
        mode = "CMYK" if number == 3 else "RGB"
        image.convert(mode).save(folder / f"IMG_{number:04}.JPG", "JPEG", **settings)
    image, settings = turned(landscape(8), 8)
    image.quantize(128).save(folder / "IMG_0008.png", exif=settings["exif"])
    deep = np.asarray(landscape(9).convert("L"))
    Image.fromarray(deep.astype(np.uint16) * 257).save(folder / "scan 16 bit.png")
    cut_out = landscape(10).convert("RGBA")
    alpha = np.full(SIZE[::-1], 255, np.uint8)
    alpha[:60] = 0
    cut_out.putalpha(Image.fromarray(alpha))
    cut_out.save(folder / "ausgeschnitten ü.webp", lossless=True)
    Image.fromarray(np.asarray(landscape(11).convert("L")).astype(np.float32) / 255).save(folder / "float.tif")
    landscape(12).resize((1600, 1200)).save(folder / "panorama.jpg", quality=90)
    rows = [
        {"image": name, "question": f"What stands in the sky of picture {number}?", "options": options, "answer": "A"}
        for number, (name, options) in enumerate(
            (file.name, ["a sun", "a moon", "nothing"][: 2 + place % 2])
            for place, file in enumerate(sorted(folder.iterdir()))
        )
    ]
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8-sig")
    return folder


@pytest.fixture
def album(tmp_path, monkeypatch):
    """Pillow's limit is lowered instead of a picture of 179 million pixels written."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500_000)
    return write_album(tmp_path / "my photos")


def test_every_photograph_is_seen_as_a_person_sees_it(album):
    questions = load_benchmark(str(album))
    assert load_benchmark(str(album / "questions.jsonl")) == questions
    assert len(questions) == 12
    for question in questions:
        shown = question.load_image()
        assert shown.mode == "RGB"
        assert shown.size == ((800, 600) if "panorama" in str(question.load_image.args[0]) else SIZE)
        levels = np.asarray(shown.resize(SIZE)).astype(float)
        assert 60 < levels.mean() < 200
        assert levels.std() > 25
        assert levels[50, 250].mean() > levels[200, 20].mean() + 40  # the sun is up there, the grass down here
        if "ü" in str(question.load_image.args[0]):
            assert (levels[:60] == 255).all()


@pytest.mark.slow(50)
def test_evaluate_judge_compare_claims_and_report(album, tmp_path, root, monkeypatch, capsys):
    for name in ("notebooks", "checkpoints", "results", "figures", "requirements.lock"):
        (tmp_path / name).symlink_to(root / name)
    monkeypatch.chdir(tmp_path)

    def said(*command):
        capsys.readouterr()
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            code = main(list(command))
        captured = capsys.readouterr()
        assert code == 0, captured.err
        return captured.out

    out = said("evaluate", "--benchmark", "my photos")
    assert "n 12" in out
    assert "(chance)" in out
    assert "my photos" in said("judge", "runs")
    assert "my photos" in said("judge", "runs", "--benchmark", "my photos/questions.jsonl")
    out = said("compare", "runs")
    assert "my photos" in out
    assert "41.7" in out  # half of the items with two options, half with three
    assert "consistent" in out
    assert said("claims", "runs")
    said("figures", "--out", "reports", "BENCHMARK=my photos")
    page = (tmp_path / "reports" / "FINDINGS.md").read_text(encoding="utf-8")
    assert "my photos" in page
    lines = said("compare", "runs", "--csv", "table.csv") and (tmp_path / "table.csv").read_text("utf-8").splitlines()
    chance = float(next(line for line in lines if ",chance," in line).split(",")[3])
    above = float(next(line for line in lines if ",accuracy," in line).split(",")[4]) > chance
    assert ("not above chance" in page) is not above
