"""The LLM judge: how replies are read, and that a failing server costs no row and no second verdict.

The server is a real one (`transformers serve`), whose model writes the same verdict after any prompt.
"""

from dataclasses import replace

import pytest
from faulty_server import Proxy, free_port
from test_engine import Scripted
from tiny_models import save_parrot

from companion.cli import main
from companion.errors import CompanionError
from companion.evaluation import fill_missing
from companion.evaluation.engine import evaluate, judge
from companion.evaluation.judges.llm_judge import LLMJudge, instruct, parse
from companion.evaluation.judges.verdicts import Case
from companion.evaluation.store import VERDICTS, Store
from companion.models.language import CausalLM
from companion.models.openai_client import Endpoint
from companion.questions.microworld import questions

FAULTS = ("slow", "429", "500", "malformed", "empty", "wrong", "cut")
ITEMS = questions("test", 24)
SAID = '{ "quote": "so", "concludes": "B" }'


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ('{"quote": "so B", "concludes": "B"}', (1, "so B")),
        ('{"quote": "", "concludes": "none"}', (None, "")),
        ('<think>{"concludes": "A"}?</think>\n```json\n{"concludes": "(C)"}\n```', (2, "")),
        ('{"concludes": "A"} or rather {"concludes": "b"}', (1, "")),
        ('{"quote": "E", "concludes": "E"}', None),
        ('{"quote": "B"}', None),
        ("The reasoning concludes B.", None),
        ("{concludes: B}", None),
        ("[1]", None),
        (r'{"quote": "so \boxed{A}", "concludes": "A"}', (0, r"so \boxed{A}")),
        (r'{"quote": "so \\boxed{A}", "concludes": "A"}', (0, r"so \boxed{A}")),
        (
            r'{"quote": "\(x\) is \text{red}: \frac{1}{2}", "concludes": "\boxed{C}"}',
            (2, r"\(x\) is \text{red}: \frac{1}{2}"),
        ),
        (r'{"quote": "a {set} of \"B\"\u00e9\nso", "concludes": "B"}', (1, 'a {set} of "B"é\nso')),
        ('{"quote": "one\nline", "concludes": "B"}', (1, "one\nline")),
        ('{"verdict": {"concludes": "D"}}', (3, "")),
        (r'{"quote": "\boxed{A}", "concludes": "A"} {"note": 1}', (0, r"\boxed{A}")),
        ("", None),
    ],
)
def test_parse(reply, found):
    assert parse(reply, 4) == found


def test_the_judge_is_asked_blind():
    item = ITEMS[0]
    first, second = (instruct(Case(item, "", item.options, "It is so.", answer)) for answer in (0, 1))
    assert first == second
    assert "It is so." in first
    assert all(option in first for option in item.options)


class Told:
    """A writer that says what it is told to, attempt by attempt."""

    label = identity = "told"

    def __init__(self, *attempts):
        self.attempts, self.asked = attempts, []

    def write(self, prompts, attempt=0, schemas=()):
        self.asked.append(list(prompts))
        return [self.attempts[attempt]] * len(prompts)


def cases(*answers, think="So it is."):
    return [Case(ITEMS[0], "", ITEMS[0].options, think, answer) for answer in answers]


def test_cases_that_read_the_same_are_asked_once_and_a_bad_reply_again():
    writer = Told("Well, B.", SAID)
    verdicts = LLMJudge(writer).judge(cases(1, 0, None))
    assert [verdict.verdict for verdict in verdicts] == ["agree", "disagree", "no answer"]
    assert [len(asked) for asked in writer.asked] == [1, 1]


def test_a_reply_that_stays_bad_is_unusable_and_one_that_never_came_is_no_verdict():
    assert LLMJudge(Told("Well.", "", "Hm.")).judge(cases(0))[0].verdict == "unusable"
    assert LLMJudge(Told(None, None, None)).judge(cases(0)) == [None]


@pytest.fixture(scope="module")
def parrot(tmp_path_factory):
    return save_parrot(SAID, tmp_path_factory.mktemp("models") / "parrot")


def test_a_causal_language_model_of_this_machine_judges_too(parrot, monkeypatch):
    writer = CausalLM(str(parrot), "cpu")
    assert [verdict.verdict for verdict in LLMJudge(writer).judge(cases(1, 0))] == ["agree", "disagree"]
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # the Hub is asked for 47 seconds otherwise
    with pytest.raises(CompanionError, match="no language model 'no/where'"):
        CausalLM("no/where", "cpu").write(["?"])


class Thinking(Scripted):
    """Reasons about each question in words of its own."""

    def generate(self, prompts, sampling):
        for number, answer in super().generate(prompts, sampling):
            yield number, replace(answer, think=f"On {prompts[number].question.id}: B.")


def test_a_failing_server_loses_no_row_and_judges_none_twice(serving, parrot, tmp_path, monkeypatch):
    url, model = serving, str(parrot)
    rows = evaluate(Thinking(), ITEMS, ["plain"], Store(tmp_path), progress=False)
    proxy = Proxy(
        url, [fault for fault in FAULTS for _ in range(2)] + [None, "500", None, None, "429"], "It says B.", late=10
    )
    store = Store(tmp_path / "verdicts", VERDICTS)
    monkeypatch.setattr(fill_missing, "FLUSH_SECONDS", 0.0)

    def run():
        writer = Endpoint(proxy.url, model, timeout=8, retries=4, at_once=4)
        return judge(LLMJudge(writer), rows, ITEMS, store, batch_size=6, progress=False)

    verdicts = run()
    assert set(proxy.given) >= set(FAULTS)
    assert verdicts["row"].tolist() == rows["key"].tolist()
    assert set(verdicts["concluded"]) == {"B"}
    assert (verdicts["verdict"] == "agree").tolist() == (rows["answer"] == "B").tolist()
    assert len(proxy.done) == len(ITEMS)
    assert set(proxy.done.values()) == {1}
    run()
    assert sum(proxy.done.values()) == len(ITEMS)  # what is stored is not asked again


def test_a_server_that_is_gone_keeps_what_was_judged(serving, parrot, tmp_path, monkeypatch):
    url, model = serving, str(parrot)
    rows = evaluate(Thinking(), ITEMS, ["plain"], Store(tmp_path), progress=False)
    store = Store(tmp_path / "verdicts", VERDICTS)
    dying = Proxy(url, [None] * 12 + ["malformed"] * 1000)
    with pytest.raises(CompanionError, match=r"answered none of 12 requests.*what was finished is kept"):
        judge(LLMJudge(Endpoint(dying.url, model, retries=1)), rows, ITEMS, store, batch_size=12, progress=False)
    well = Proxy(url, [])
    verdicts = judge(LLMJudge(Endpoint(well.url, model)), rows, ITEMS, store, progress=False)
    assert len(verdicts) == 24


def test_judge_from_the_command_line(serving, parrot, root, tmp_path, monkeypatch, capsys):
    """The second run on the rows knows what labelled pairs have told of this very judge in between."""
    monkeypatch.chdir(tmp_path)
    url, model = serving, str(parrot)
    evaluate(Thinking(), ITEMS, ["plain"], Store(tmp_path), progress=False)
    options = ["--judge", "llm", "--endpoint", f"{url}/v1", "--endpoint-model", model]
    assert main(["judge", str(tmp_path), *options]) == 0
    said = capsys.readouterr().out
    assert "agree" in said
    assert "the judge llm was never held against labelled pairs" in said.splitlines()[-1]
    pairs = (root / "results" / "labelled" / "judge_pairs.jsonl").read_text(encoding="utf-8").splitlines()
    (tmp_path / "few.jsonl").write_text("\n".join(pairs[:12]), encoding="utf-8")
    assert main(["judge", "few.jsonl", *options]) == 0
    capsys.readouterr()
    assert main(["judge", str(tmp_path), *options]) == 0
    assert "of 12 labelled pairs (few.jsonl)" in capsys.readouterr().out.splitlines()[-1]
    assert main(["judge", str(tmp_path), "--judge", "llm", "--endpoint", f"http://127.0.0.1:{free_port()}/v1"]) == 2
    assert "does not list its models" in capsys.readouterr().err
