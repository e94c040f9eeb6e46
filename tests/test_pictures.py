"""Picture files of every kind become the picture that a person would see, as RGB."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image, ImageOps

from companion.errors import CompanionError
from companion.questions.folder import read_image
from companion.questions.public.files import in_cell

HEIGHT, WIDTH = 40, 60


def photograph():
    """RGB, (40, 60, 3): smooth, as photographs are, and with no symmetry that a turn could hide in."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    bands = [x * 255 / WIDTH, y * 255 / HEIGHT, 127 + 120 * np.sin(x / 9 + y / 5)]
    return np.stack(bands, axis=2).round().astype(np.uint8)


def upright():
    return Image.fromarray(photograph())


def load(tmp_path, image, ending="png", **settings):
    """Written and read back; both ways of reading see the same."""
    file = tmp_path / f"picture.{ending}"
    image.save(file, **settings)
    found = read_image(file, "1")
    assert found.mode == "RGB"
    assert found.tobytes() == in_cell(file.read_bytes, "a cell").tobytes()
    return np.asarray(found).astype(int)


@pytest.mark.parametrize(("ending", "close"), [("png", 0), ("webp", 0), ("tiff", 0), ("jpg", 6)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_exif_says(tmp_path, orientation, ending, close):
    """Stored as a camera would that was held that way; the steps are those of the EXIF standard."""
    back = {
        1: [],
        2: ["mirror"],
        3: ["rotate"],
        4: ["rotate", "mirror"],
        5: ["mirror", "left"],
        6: ["left"],
        7: ["mirror", "right"],
        8: ["right"],
    }
    turn = {
        "mirror": ImageOps.mirror,
        "rotate": lambda i: i.rotate(180),
        "left": lambda i: i.rotate(90, expand=True),
        "right": lambda i: i.rotate(-90, expand=True),
    }
    stored = upright()
    for step in back[orientation]:
        stored = turn[step](stored)
    exif = Image.Exif()
    exif[0x0112] = orientation
    settings = {"lossless": True} if ending == "webp" else {"quality": 98, "subsampling": 0} if ending == "jpg" else {}
    found = load(tmp_path, stored, ending, exif=exif, **settings)
    assert found.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(found - photograph()).max() <= close


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_exif_that_is_damaged_turns_nothing(tmp_path):
    found = load(tmp_path, upright(), exif=b"Exif\0\0II*\0\xff\xff\xff\xff\x12\x01")
    assert (found == photograph()).all()


@pytest.mark.parametrize(("mode", "ending"), [("P", "png"), ("P", "gif"), ("RGB", "png"), ("L", "png")])
def test_a_colour_that_stands_for_transparent_is_white(tmp_path, mode, ending):
    values = np.full((HEIGHT, WIDTH), 200, np.uint8)
    values[:, : WIDTH // 3] = 7
    image = Image.fromarray(values).convert(mode)
    found = load(tmp_path, image, ending, transparency=(7, 7, 7) if mode == "RGB" else 7)
    assert (found[:, : WIDTH // 3] == 255).all()
    assert (found[:, WIDTH // 3 :] == 200).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_is_white(tmp_path, mode):
    """The left third is fully transparent, the middle half, the right not at all."""
    grey = upright().convert("L")
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:, : WIDTH // 3], alpha[:, WIDTH // 3 : 2 * WIDTH // 3] = 0, 128
    image = upright().convert("RGBA") if mode == "RGBA" else grey.convert("LA")
    image.putalpha(Image.fromarray(alpha))
    under = np.asarray(image.convert("RGBA"))[..., :3].astype(float)
    found = load(tmp_path, image)
    share = alpha[..., None] / 255
    assert np.abs(found - (share * under + (1 - share) * 255)).max() <= 1


@pytest.mark.parametrize(
    ("image", "ending", "settings"),
    [
        (upright(), "png", {}),
        (upright(), "webp", {"lossless": True}),
        (upright().convert("RGBA"), "png", {}),
        (upright().quantize(64), "png", {}),
        (upright().quantize(64), "gif", {}),
        (upright().convert("L"), "png", {}),
        (upright().convert("1"), "png", {}),
        (upright(), "jpg", {}),
        (upright().convert("L"), "jpg", {}),
        (upright().convert("CMYK"), "jpg", {}),
        (upright().convert("CMYK"), "tiff", {}),
    ],
)
def test_a_plain_picture_keeps_its_pixels(tmp_path, image, ending, settings):
    """Those that Pillow's own conversion gives: the hashes of rows hang on them."""
    found = load(tmp_path, image, ending, **settings)
    with Image.open(tmp_path / f"picture.{ending}") as opened:
        assert (found == np.asarray(opened.convert("RGB"))).all()
    assert np.corrcoef(found[..., 1].ravel(), np.asarray(upright().convert("L")).ravel())[0, 1] > 0.3


def grey():
    return np.asarray(upright().convert("L")).astype(float)


@pytest.mark.parametrize(("white", "ending"), [(65535, "png"), (65535, "tiff"), (4095, "png"), (255, "tiff")])
def test_16_bits_are_scaled_and_not_cut_off(tmp_path, white, ending):
    """Also where only 12 of them are used, as by microscopes and depth cameras, or 8. The first pixel is white."""
    values = (grey() * white / 255).round()
    values[0, 0] = white
    found = load(tmp_path, Image.fromarray(values.astype(np.uint16)), ending)
    assert (found[0, 0] == 255).all()
    assert np.abs(found[..., 0] - grey())[1:].max() <= 1


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (grey() / 255, grey()),
        (grey(), grey()),
        (grey() * 1e6 + 5, (grey() - grey().min()) * 255 / np.ptp(grey())),
        (grey() - 300, (grey() - grey().min()) * 255 / np.ptp(grey())),
        (np.where(grey() > 200, np.nan, grey()), np.where(grey() > 200, 0, grey())),
        (np.full((HEIGHT, WIDTH), -3.0), np.zeros((HEIGHT, WIDTH))),
        (np.full((HEIGHT, WIDTH), np.nan), np.zeros((HEIGHT, WIDTH))),
    ],
)
def test_floats_are_scaled_and_not_cut_off(tmp_path, values, wanted):
    found = load(tmp_path, Image.fromarray(values.astype(np.float32)), "tiff")
    assert np.abs(found[..., 2] - wanted).max() <= 1


def test_32_bit_integers_are_scaled_too(tmp_path):
    found = load(tmp_path, Image.fromarray((grey() * 1000).astype(np.int32)), "tiff")
    assert np.abs(found[..., 0] - (grey() - grey().min()) * 255 / np.ptp(grey())).max() <= 1


def test_a_jpeg_above_pillows_limit_is_read_at_a_smaller_size(tmp_path, monkeypatch):
    for limit, size in ((WIDTH * HEIGHT // 2, (60, 40)), (WIDTH * HEIGHT // 2 - 1, (30, 20)), (75, (15, 10))):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = load(tmp_path, upright(), "jpg", quality=95)
        assert found.shape == (size[1], size[0], 3)
        small = np.asarray(upright().resize(size, Image.Resampling.BOX)).astype(int)
        assert np.abs(found - small).mean() < 6


def test_another_picture_above_the_limit_is_refused_by_its_name(tmp_path, monkeypatch):
    upright().save(tmp_path / "huge.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(CompanionError, match=r"question 7, .*huge.png: the picture has more than 200 pixels.*smaller"):
        read_image(tmp_path / "huge.png", "7")


def cut(ending):
    written = io.BytesIO()
    upright().save(written, ending)
    return written.getvalue()[:-200]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (cut("PNG"), "is damaged"),
        (cut("JPEG"), "is damaged"),
        (b"", "is damaged, or of a kind"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "replace it by a JPEG or PNG"),
        (None, "there is no picture"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path, content, says):
    file = tmp_path / "IMG 1.heic"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CompanionError, match=rf"question 7, .*IMG 1.heic: .*{says}"):
        read_image(file, "7")


def test_a_folder_in_the_place_of_a_picture(tmp_path):
    with pytest.raises(CompanionError, match="question 7, "):
        read_image(tmp_path, "7")
