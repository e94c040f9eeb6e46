"""Small copies of the public benchmarks in their real schemas, with every quirk that a loader must know.

`write(name, folder)` writes one into the folder that stands for `data/<name>/`. `rows(name)` are its rows, of which a
test may spoil some before it writes them.
"""

import base64
import csv
import hashlib
import io
import json
from pathlib import Path

from PIL import Image

FORMS = {
    "3dsrbench": ("tsv", "parquet"),
    "3dsrbench-circular": ("tsv", "parquet"),
    "cv-bench": ("parquet",),
    "spatial-mm": ("json",),
    "spatial-mm-multihop": ("json",),
    "whatsup": ("json",),
    "vstar": ("parquet",),
    "mme-realworld-lite": ("parquet", "tsv"),
    "mmbench": ("parquet", "tsv"),
}
"""In which forms each is written; the first is that of its home."""

TRAINING = ("sat2", "pixmo-count", "geometry3k")
"""The training sets, as Parquet."""


def content(number, mode="RGB", ending="PNG"):
    """The bytes of a picture's file; no two numbers give the same picture."""
    picture = Image.new("RGB", (56, 42), (40 * number % 256, 90, 7 * number % 256))
    picture.putpixel((number % 56, 0), (255, 255, 255))
    written = io.BytesIO()
    picture.convert(mode).save(written, ending)
    return written.getvalue()


def picture(number):
    """Pictures come in several modes and formats."""
    modes = [("RGB", "PNG"), ("L", "PNG"), ("RGBA", "PNG"), ("P", "PNG"), ("RGB", "JPEG"), ("CMYK", "JPEG")]
    return content(number, *modes[number % len(modes)])


def rows(name):
    """Its rows, in the order of the files; a picture is bytes."""
    return globals()[f"_{name.replace('-', '_').replace('3d', 'threed')}"]()


def write(name, folder, rows=None, form=None):
    """Write a copy, of these rows or of all, in a form of `FORMS`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows = globals()["rows"](name) if rows is None else rows
    globals()[f"_write_{form or FORMS.get(name, ['parquet'])[0]}"](name, folder, rows)


def _threedsrbench(rotated=False):
    """Mirrored copies, but of one item; two or four options, the others "nan" or nothing."""
    categories = ("height_higher", "location_above", "orientation_viewpoint", "multi_object_facing")
    found = []
    for number, base in enumerate(("VIN6MS3J", "A2C4E6G8", "ZZTOP001", "QWERTY77", "ABCD1234")):
        four = number % 2
        options = ["left", "right", "front", "back"] if four else ["the dog", "the cat"]
        for flip in ("", "-flip") if number < 4 else ("",):
            for turn in range(len(options) if rotated else 1):
                turned = options[turn:] + options[:turn]
                shown = dict(zip("ABCD", [*turned, *["nan", None][: 4 - len(turned)]], strict=True))
                found.append(
                    {
                        "index": len(found),
                        "qid": base + flip + (f"-{turn}" if turn else ""),
                        "question": f"Which one is it in picture {number},\nas you see it?",
                        **shown,
                        "answer": "ABCD"[turned.index(options[bool(flip)])],
                        "category": categories[number % 4],
                        "image": picture(number + 10 * bool(flip)),
                    }
                )
    return found


def _threedsrbench_circular():
    return _threedsrbench(rotated=True)


def _cv_bench():
    """Two to six options, the answer as "(A)"; two files."""
    found = []
    plan = [
        ("2D", "Count", "ADE20K", ["3", "2", "1", "0", "4", "5"], "F"),
        ("2D", "Count", "ADE20K", ["1", "2"], "A"),
        ("2D", "Relation", "ADE20K", ["left", "right"], "B"),
        ("2D", "Count", "COCO", ["7", "8", "9", "10", "6"], "E"),
        ("2D", "Relation", "COCO", ["above", "below"], "A"),
        ("2D", "Count", "COCO", ["0", "1", "2", "3"], "C"),
        ("3D", "Depth", "Omni3D", ["chair", "table"], "B"),
        ("3D", "Distance", "Omni3D", ["lamp", "bed"], "A"),
        ("3D", "Depth", "Omni3D", ["car", "sign"], "A"),
        ("3D", "Distance", "Omni3D", ["desk", "sofa"], "B"),
    ]
    for number, (kind, task, source, choices, answer) in enumerate(plan):
        listed = " ".join(f"({letter}) {one}" for letter, one in zip("ABCDEF", choices, strict=False))
        found.append(
            {
                "idx": number,
                "type": kind,
                "task": task,
                "image": picture(number),
                "question": f"What does picture {number} show?",
                "choices": choices,
                "answer": f"({answer})",
                "prompt": f"What does picture {number} show? Select from the following choices.\n{listed}",
                "filename": f"img/{kind}/{number}.png",
                "source": source,
                "source_dataset": f"{source} Dataset",
                "source_filename": f"{number}.jpg",
                "target_class": None,
                "target_size": None,
                "bbox": None,
            }
        )
    return found


def _spatial_mm():
    """Options inside the question, the answer as "D. upwards"; two and four options; rows that are known to be bad."""
    questions = [
        (
            "Which direction is cat looking at from camera's perspective?\nA. bottom left\nB. left\nC. right\nD. "
            "upwards",
            "D. upwards",
        ),
        ("Where is dog No. 2 located?\nA. left\nB. right\nC. behind\nD. top left", "B. right"),
        ("Is the deer facing left?\nA. yes\nB. no", "A. no"),  # contradicts itself
        ("Where is elephant facing?\nA. left\nB. Right", "B. right"),  # differs by a capital only
        ("Where is the pumpkin?\nA. middle\nB. left\nC. front\nD. right", "B. left"),
        (
            "Which direction is cat looking at from camera's perspective?\nA. bottom left\nB. left\nC. right\nD. "
            "upwards",
            "D. upwards",
        ),  # again, about the picture of the first
        ("In which hand is the man holding the glass?\nA. left\nB. right", "B. right"),
        ("Is the glass touching the watch?\nA. yes\nB. no", "B. no"),
        ("Where is the toy?\nA. front\nB. left\nC. top\nD. left", "A. front"),  # left twice
        ("Where is the building in relation to the wall?\nA. right\nB. front\nC. behind\nD. below", "C. behind"),
        ("Where is candies in relation to bucket?\nA. inside\nB. outside\nC. back\nD. above", "B. outside"),
        ("Is there a plant on the left?\nA. yes\nB. no", "B. yes"),  # contradicts itself
        ("Where is the boy?\nA. behind\nB. right\nC. front\nD. left", "D. left"),
    ]
    names = [f"{number:010x}.{'jpeg' if number % 3 else 'jpg'}" for number in range(len(questions))]
    names[5] = names[0]
    return [
        {"image_name": name, "question": question, "answer": answer, "object1": "one", "object2": ""}
        for name, (question, answer) in zip(names, questions, strict=True)
    ]


def _spatial_mm_multihop():
    """Open-ended; yes or no, colours, places, people and things, some of which mean the same."""
    answers = [
        "left",
        "pink",
        "Yes",
        "red",
        "behind",
        "back",
        "no",
        "glass",
        "grey",
        "gray",
        "left back",
        "female",
        "man",
        "guitar",
        "bell",
        "glass of milk",
        "top left",
        "right",
        "yellow",
        "cow",
    ]
    return [
        {
            "image_name": f"{number:08x}aa.jpg",
            "question": f"What is it that picture {number} shows?",
            "answer": answer,
            "reasoning": "{[one is left of two], [two is red]}",
            "hop": 2 + number % 7,
        }
        for number, answer in enumerate(answers)
    ]


def _whatsup():
    """The first caption is right; parts A and B, of which one set of four is not whole."""
    found = []
    for folder, relations, pairs in (
        ("controlled_images", ("on", "under", "left_of", "right_of"), (("beer-bottle", "armchair"), ("mug", "table"))),
        ("controlled_clevr", ("in-front_of", "behind", "left_of", "right_of"), (("bowl", "can"), ("mug", "table"))),
    ):
        for one, other in pairs:
            for relation in relations:
                words = [
                    f"A {one} {'to the ' * ('of' in each)}{each.replace('_', ' ')} a {other}" for each in relations
                ]
                first = relations.index(relation)
                found.append(
                    {
                        "image_path": f"data/{folder}/{one}_{relation}_{other}.jpeg",
                        "caption_options": [words[first], *words[:first], *words[first + 1 :]],
                    }
                )
    return found[:-1]


def _vstar():
    """Options inside the text, which may hold parentheses, and in some an instruction behind them."""
    last = "\nAnswer with the option's letter from the given choices directly."
    texts = [
        ("What is the material of the glove? (A) rubber (B) cotton (C) kevlar (D) leather", "A", "direct_attributes"),
        (
            "What is the color of the sign?\n(A) red (dark)\n(B) blue (light)\n(C) green\n(D) white" + last,
            "B",
            "direct_attributes",
        ),
        ("Is the red car on the left or right side of the dog?\n(A) right\n(B) left" + last, "B", "relative_position"),
        (
            "What is the flag (on the boat)? (A) of (B)elgium (B) of France (C) none (D) both (A and B)",
            "D",
            "direct_attributes",
        ),
    ]
    found = []
    for number in range(12):
        text, label, category = texts[number % 4]
        same = sum(row["category"] == category for row in found)
        found.append(
            {"image": picture(number), "text": text, "label": label, "category": category, "question_id": same}
        )
    return found


def _mme_realworld_lite():
    """A string that holds the list of five options; the picture in base64, in a column called bytes."""
    options = ['(A) 1, or "one"', "(B) It's 2 (two)", "(C) 3", "(D)4", "(E) The image does not feature the number"]
    domains = (
        "Perception/OCR with Complex Context",
        "Reasoning/OCR with Complex Context",
        "Perception/Autonomous_Driving",
        "Reasoning/Monitoring",
    )
    return [
        {
            "index": number,
            "bytes": picture(number),
            "question": f"Which number is in picture {number}?",
            "multi-choice options": str(options),
            "answer": "ABCDE"[number % 5],
            "category": domains[number % 4],
            "l2-category": "license",
        }
        for number in range(10)
    ]


def _mmbench():
    """Every item in each rotation of its two, three or four options; hints, "nan" where there is none."""
    found = []
    for turn in range(4):
        for number, count in ((3, 4), (241, 2), (1007, 3), (77, 4)):
            if turn >= count:
                continue
            options = [f"option {one} of {number}" for one in range(count)]
            turned = options[turn:] + options[:turn]
            found.append(
                {
                    "index": number + 1_000_000 * turn,
                    "question": f"What is in picture {number}?",
                    "hint": "The picture was taken at night." if number == 241 else "nan",
                    "answer": "ABCD"[turned.index(options[0])],
                    **dict(zip("ABCD", [*turned, *["nan"] * (4 - count)], strict=True)),
                    "category": "object_localization",
                    "image": picture(number),
                    "source": "made up",
                    "L2-category": "finegrained_perception (instance-level)",
                    "comment": "nan",
                    "split": "dev",
                }
            )
    return found


def _sat2():
    """One picture, or two; the right answer by its text."""
    answers = (["left", "right"], ["yes", "no", "cannot tell"], ["1 m", "2 m", "3 m", "4 m"])
    return [
        {
            "images": [picture(number), picture(number + 30)] if number % 5 == 4 else [picture(number)],
            "question": f"Which way is it in picture {number}?",
            "answers": answers[number % 3],
            "correct_answer": answers[number % 3][number % 2],
            "question_type": ("obj_movement", "other")[number % 2],
        }
        for number in range(14)
    ]


def _pixmo_count():
    """Addresses and hashes; counts from 0 on; the sixth is about the picture of the first."""
    return [
        {
            "image_url": f"http://127.0.0.1:9/{number}.png",
            "image_sha256": hashlib.sha256(content(0 if number == 5 else number)).hexdigest(),
            "count": number,
            "points": {"x": [1.0] * number, "y": [2.0] * number},
            "label": "people" if number % 2 else "dogs",
        }
        for number in range(10)
    ]


def _geometry3k():
    """Open-ended, numbers and expressions, some with the same value; where the figure belongs is marked."""
    answers = ["3", "3.0", "12.5", "40", "6 \\sqrt { 2 }", "6 \\sqrt{2}", "\\frac { 1 } { 2 }", "5 \\pi", "2 x", "7"]
    return [
        {"images": [picture(number)], "problem": f"<image>Find $x$ in figure {number}.", "answer": answer}
        for number, answer in enumerate(answers)
    ]


PARQUET = {
    "3dsrbench": ("3dsr/test", 1),
    "3dsrbench-circular": ("3dsr_circular/test", 2),
    "vstar": ("data/test", 1),
    "mme-realworld-lite": ("data/train", 2),
    "mmbench": ("en/dev", 1),
    "sat2": ("data/train", 2),
    "pixmo-count": ("data/train", 1),
    "geometry3k": ("data/train", 1),
}
"""Path and number of parts."""

TSV = {
    "3dsrbench": "3dsrbench_v1_vlmevalkit.tsv",
    "3dsrbench-circular": "3dsrbench_v1_vlmevalkit_circular.tsv",
    "mme-realworld-lite": "mme_realworld_lite.tsv",
    "mmbench": "MMBench_DEV_EN.tsv",
}


def _write_parquet(name, folder, rows):
    if name == "cv-bench":
        for kind in ("2D", "3D"):
            _parquet(folder / f"test_{kind.lower()}.parquet", [row for row in rows if row["type"] == kind])
        return
    if name == "mme-realworld-lite":
        rows = [{**row, "bytes": _text(row["bytes"])} for row in rows]
    if name == "pixmo-count":  # as if the pictures had been fetched
        (folder / "images").mkdir(exist_ok=True)
        for number in range(len(rows)):
            (folder / "images" / hashlib.sha256(content(number)).hexdigest()).write_bytes(content(number))
    stem, parts = PARQUET[name]
    size = -(-len(rows) // parts)
    for part in range(parts):
        _parquet(folder / f"{stem}-{part:05d}-of-{parts:05d}.parquet", rows[part * size : (part + 1) * size])


def _parquet(file, rows):
    """As `datasets` writes it: pictures as structs of bytes and path, features in the metadata; small row groups."""
    import datasets

    datasets.disable_progress_bars()
    file.parent.mkdir(parents=True, exist_ok=True)
    kinds = {"image": datasets.Image(), "images": datasets.List(datasets.Image())}
    found = datasets.Dataset.from_list([{key: _struct(key, value) for key, value in row.items()} for row in rows])
    for column in set(kinds) & set(rows[0]):
        found = found.cast_column(column, kinds[column])
    found.to_parquet(file, batch_size=3)


def _struct(key, value):
    if key == "images":
        return [_struct("image", one) for one in value]
    return {"bytes": value, "path": None} if key == "image" else value


def _text(content):
    return base64.b64encode(content).decode() if isinstance(content, bytes) else content


def _write_tsv(name, folder, rows):
    """Pictures in base64; those of a rotated row of MMBench by the index of the row that has the picture."""
    written = []
    for row in rows:
        image = _text(row["image" if "image" in row else "bytes"])
        if name == "mmbench" and row["index"] >= 1_000_000:
            image = str(row["index"] % 1_000_000)
        others = {key: value for key, value in row.items() if key not in ("image", "bytes")}
        written.append({**others, "image": image})
    csv.field_size_limit(10**9)
    with (folder / TSV[name]).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(written[0]), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(written)


def _write_json(name, folder, rows):
    """JSON beside a folder, or folders, of pictures."""
    if name == "whatsup":
        parts = {"controlled_images": "controlled_images_dataset", "controlled_clevr": "controlled_clevr_dataset"}
        for part, stem in parts.items():
            _json(folder / f"{stem}.json", [row for row in rows if f"/{part}/" in row["image_path"]])
    elif name == "spatial-mm":
        _json(folder / "data" / "spatial_mm_one_obj.json", rows[:6])
        _json(folder / "data" / "spatial_mm_two_obj.json", rows[6:])
    else:
        _json(folder / "data" / "multihop_reasoning_309.json", rows)
    for number, row in enumerate(rows):
        path = row["image_path"].removeprefix("data/") if "image_path" in row else f"images/{row['image_name']}"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content(number, "RGB", "JPEG"))


def _json(file, rows):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(rows, indent=4), encoding="utf-8")
