"""The page *Try it*: its modules, run by node, against the package. In a browser it is tried by `browser_try.py`."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from base64 import b64decode

import numpy as np
import pandas as pd
import pytest
from transformers import AutoTokenizer

from companion.evaluation.judges.verdicts import Case, verdict_on
from companion.models.interface import Sampling, responses
from companion.models.local import LocalModel
from companion.models.read_answer import parse_answer
from companion.perturbations.perturbation import apply
from companion.questions.microworld import questions
from companion.questions.microworld.grammar import conclusion
from companion.questions.microworld.items import find

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")

READ = """
import fs from "node:fs/promises";
const read = async (file) => {
  const { buffer, byteOffset, byteLength } = await fs.readFile(file);
  return buffer.slice(byteOffset, byteOffset + byteLength);
};
const given = JSON.parse(new TextDecoder().decode(await read("given.json")));
"""

ANSWER = 'import { answerAll } from "./try_page.js"; console.log(JSON.stringify(await answerAll(read, given)));'


@pytest.fixture(scope="module")
def page(root, tmp_path_factory):
    """The page's folder, with nine items, made as `make site` makes it."""
    spec = importlib.util.spec_from_file_location("make_try", root / "docs" / "site" / "try" / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("site") / "try"
    module.make(folder, items=9)
    shutil.copy(root / "tests" / "try_page.js", folder)
    (folder / "package.json").write_text('{"type": "module"}')  # node asks for it, browsers do not
    return folder


def in_node(page, script, given):
    """What a script prints, in the page's folder, as JSON."""
    (page / "given.json").write_text(json.dumps(given))
    done = subprocess.run(
        ["node", "--input-type=module", "-e", READ + script], cwd=page, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def items_of(page):
    return {item["id"]: item for item in json.loads((page / "setup.json").read_text(encoding="utf-8"))["items"]}


@needs_node
@pytest.mark.parametrize(
    ("name", "perturbation"),
    [
        ("misread-20", "plain"),
        ("misread-20", "wrong-think"),
        ("rl-correct", "wrong-caption"),
        ("rl-consistent", "stop-think"),
    ],
)
def test_the_page_answers_as_the_package_does(root, page, name, perturbation):
    prompts = [apply(question, perturbation) for question in questions("test", 9)[:3]]
    added = [items_of(page)[prompt.question.id]["added"].get(perturbation, {}) for prompt in prompts]
    cases = [[name, prompt.question.id, said] for prompt, said in zip(prompts, added, strict=True)]
    model = LocalModel(str(root / "checkpoints" / name))
    for own, response in zip(in_node(page, ANSWER, cases), responses(model, prompts, Sampling()), strict=True):
        assert (own["text"], own["think"], own["answer"]) == (response.text, response.think, response.answer)
        assert own["probabilities"] == pytest.approx(response.letter_probs, abs=1e-4)


@needs_node
def test_a_text_that_stands_for_a_picture_is_refused(page):
    (refused,) = in_node(page, ANSWER, [["misread-20", "test-0-0", {"caption": "An <image>."}]])
    assert refused == {"error": "the text holds <image>, which stands for a picture; take it out"}


@needs_node
def test_the_page_opens_with_an_answer_that_leaves_its_reasoning(page):
    first = json.loads((page / "setup.json").read_text(encoding="utf-8"))["first"]
    caption = items_of(page)[first]["added"]["wrong-caption"]
    plain, misled = in_node(page, ANSWER, [["rl-correct", first, {}], ["rl-correct", first, caption]])
    assert (plain["answer"], plain["verdict"]) == (items_of(page)[first]["answer"], "agree")
    assert (misled["answer"], misled["verdict"]) == (caption["suggested"], "disagree")


TEXTS = (
    "",
    " ",
    "  two  blanks ",
    "a\n\n b\t\tc\r\n",
    "The red circle is in the northwest.",
    "don't we'll I'm CAN'T",
    "x1 23  4",
    "naïve café – “quoted” … 日本語 🟥🟦",
    "\u00a0\u2003\ufeff\u0085end",
    "e\u0301\u0301",
    "\x00\x07",
    "<think>a</think><answer>A</answer>",
    "<|user|> <|end|><image><THINK>",
    "a<answer",
    "½ ² ٣ Ⅷ",
    "_under_score--dash",
)


@needs_node
def test_its_tokenizer_cuts_every_text_as_tokenizers_does(root, page):
    tokenizer = AutoTokenizer.from_pretrained(root / "checkpoints" / "base")
    asked = [apply(question, "wrong-caption").text for question in questions("validation", 200)]
    texts = [*TEXTS, *asked]
    script = """
import { Tokenizer } from "./tokenizer.js";
const tokenizer = new Tokenizer(JSON.parse(new TextDecoder().decode(await read("tokenizer.json"))));
const ids = given.map((text) => tokenizer.encode(text));
console.log(JSON.stringify(ids.map((own) => [own, tokenizer.decode(own), tokenizer.decode(own.slice(1))])));
"""
    for text, (ids, whole, cut) in zip(texts, in_node(page, script, texts), strict=True):
        assert ids == tokenizer.encode(text), text
        decoded = [
            tokenizer.decode(part, skip_special_tokens=True, clean_up_tokenization_spaces=False)
            for part in (ids, ids[1:])
        ]
        assert [whole, cut] == decoded, text


OPTIONS, CLAIMS = ("red", "blue"), ("The shape is red.", "The shape is blue.")

REPLIES = [
    ("<think>x</think><answer>A</answer>", ""),
    ("<answer> B </answer>", "<think></think>"),
    ("<answer>b</answer>", ""),
    ("<answer>Blue</answer>", ""),
    ("<answer>C</answer>", ""),
    ("<answer></answer>", ""),
    ("<answer>B", ""),
    ("A", ""),
    ("x</think><ANSWER>A.</ANSWER>", "<think>y "),
    ("</think><answer>red</answer>", ""),
    ("<think>x <answer>A</answer></think><answer>B</answer>", ""),
    ("<think>x <answer>A</answer>", ""),
    ("", "<think>a"),
    ("<answer>A</answer><answer>B</answer>", ""),
    ("b <think>c</think> d<think>e</think><answer>A</answer>", "<think>a "),
    ("a <answer>B</answer>", "<answer>A</answer>"),
]

THOUGHTS = [
    "",
    "So the answer is red.",
    "So the answer is blue",
    "So the answer is pink.",
    "The shape is red. So it is.",
    "The shape is red. The shape is blue.",
    "The shape is blue. So the answer is red. I see.",
    "the shape is red.",
    "So the answer is red. So the answer is pink.",
    "So the answer is I'm not sure.",
    "The shape is red.. .",
    "So the answer is  red.",
    "Not: The shape is red.",
]


@needs_node
def test_it_reads_responses_and_reasoning_as_the_package_does(root, page):
    """On texts made up, and on what the shipped models wrote."""
    rows = shipped_rows(root, 1500)
    cases = [[text, prefill, OPTIONS, CLAIMS] for text, prefill in REPLIES]
    unsure = (*OPTIONS, "I'm not sure")
    cases += [[f"<think>{thought}</think><answer>A</answer>", "", unsure, CLAIMS] for thought in THOUGHTS]
    cases += [[row["response"], row["prefill"], row["options"], find(row["question"]).claims] for row in rows]
    script = """
import { conclusion, readAnswer, verdictOn } from "./reading.js";
console.log(JSON.stringify(given.map(([response, prefill, options, claims]) => {
  const reply = readAnswer(response, prefill, options);
  const concluded = conclusion(reply.think, options, claims);
  return [reply.think, reply.answer, reply.position, reply.letter, concluded, verdictOn(reply.answer, concluded)];
})));
"""
    answered = in_node(page, script, cases)
    for (response, prefill, options, claims), own in zip(cases, answered, strict=True):
        reply = parse_answer(response, prefill, options)
        concluded = conclusion(reply.think, options, claims)
        case = Case(find("test-0-0"), "", tuple(options), reply.think, reply.answer)
        verdict = verdict_on(case, concluded, "").verdict
        expected = [reply.think, reply.answer, reply.position, reply.letter, concluded, verdict]
        assert own == expected, (response, prefill)
    assert {own[5] for own in answered} == {"agree", "disagree", "no commitment", "no answer"}


def shipped_rows(root, count):
    """Some of the rows in results/rows, from all over them."""
    files = [root / "results" / "rows" / f"{name}.parquet" for name in ("rl-correct", "rl-consistent", "misread-20")]
    rows = pd.concat([pd.read_parquet(file, columns=["question", "response", "prefill", "options"]) for file in files])
    rows["options"] = rows["options"].map(list)
    return rows.iloc[:: len(rows) // count].to_dict("records")


@needs_node
def test_it_reads_the_pixels_of_its_pictures(page):
    script = """
import { readBmp } from "./llava.js";
const all = await Promise.all(given.map((id) => read(`pictures/${id}.bmp`)));
console.log(JSON.stringify(all.map((buffer) => [...readBmp(buffer)])));
"""
    asked = questions("test", 9)
    for question, pixels in zip(asked, in_node(page, script, [one.id for one in asked]), strict=True):
        assert np.array_equal(np.array(pixels).reshape(72, 72, 3), np.asarray(question.load_image()))


@pytest.mark.slow
def test_one_file_holds_all_that_the_page_loads(page):
    html = (page / "one-file.html").read_text(encoding="utf-8")
    (imports,) = re.findall(r'<script type="importmap">(.*?)</script>', html)
    (files,) = re.findall(r'<script type="application/json" id="files">(.*?)</script>', html)
    held = {name: b64decode(url.partition(",")[2]) for name, url in json.loads(files).items()}
    script = (page / "page.js").read_text(encoding="utf-8")
    loaded = {*re.findall(r'load\("([^"]+)"\)', script)}
    setup = json.loads((page / "setup.json").read_text(encoding="utf-8"))
    loaded |= {f"pictures/{item['id']}.bmp" for item in setup["items"]}
    loaded |= {
        f"models/{model['name']}/{own}" for model in setup["models"] for own in ("config.json", "model.safetensors")
    }
    assert set(held) == loaded
    assert all(content == (page / name).read_bytes() for name, content in held.items())
    modules = {name: b64decode(url.partition(",")[2]).decode() for name, url in json.loads(imports)["imports"].items()}
    (main,) = re.findall(r'<script type="module">(.*?)</script>', html, re.DOTALL)
    asked = set(re.findall(r'(?:from |import\()"([^"]+)"', "".join([main, *modules.values()])))
    assert asked == set(modules) == {"llava.js", "reading.js", "tokenizer.js"}
    assert not re.search(r'(?:src|href)="(?!data:)', html)  # nothing beside it is needed, and no link leads nowhere


@pytest.mark.slow
def test_the_page_holds_what_its_script_asks_for_and_loads_nothing_from_elsewhere(root, page):
    html = (page / "index.html").read_text(encoding="utf-8")
    script = (page / "page.js").read_text(encoding="utf-8")
    assert set(re.findall(r'\$\("([\w-]+)"\)', script)) <= set(re.findall(r' id="([\w-]+)"', html))
    for target in re.findall(r'(?:from|import\() ?"([^"]+)"', script):
        assert (page / target).is_file(), target
    for name in ("index.html", "executed/00_start_here.html"):
        assert f'href="../{name}"' in html
    for notebook in re.findall(r'href="\.\./executed/(\w+)\.html"', html):
        assert (root / "notebooks" / f"{notebook}.ipynb").is_file(), notebook
        (page.parent / "executed").mkdir(exist_ok=True)
        (page.parent / "executed" / f"{notebook}.html").write_text("")
    (page.parent / "index.html").write_text("")
    checker = root / "docs" / "site" / "check.py"
    done = subprocess.run([sys.executable, checker, page.parent], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
