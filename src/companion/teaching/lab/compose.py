"""A prompt of one's own: an item, a caption, a reasoning prefix, and what the model of each recipe says to it."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
import pandas as pd

from companion.figures import single_items
from companion.figures.theme import png
from companion.models.profiles import get_profile, user_text
from companion.perturbations.perturbation import PERTURBATIONS, Prompt, apply, layout, with_abstain
from companion.questions.question import Question
from companion.teaching.lab.asking import CHECKPOINTS, Answer, ask_models, models_in
from companion.teaching.lab.widgets import (
    LABEL,
    WIDE,
    choice,
    grid,
    picture,
    prompt_html,
    put_there,
    spoken,
    working,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer

OWN = "your own"
"""The perturbation of a prompt that none of `PERTURBATIONS` would give."""


@dataclass(frozen=True)
class Parts:
    """What a prompt adds to an item. caption: before the question. start: of the reasoning, in the model's turn.

    reason: whether the reasoning may go on from there; abstain: whether "I'm not sure" is an option; blank: whether an
    even grey stands in the picture's place.
    """

    caption: str = ""
    start: str = ""
    reason: bool = True
    abstain: bool = False
    blank: bool = False


def preset(question: Question, perturbation: str) -> Parts:
    """The parts of one of the `PERTURBATIONS` of an item."""
    prompt = apply(question, perturbation)
    caption = prompt.text.removesuffix(layout(question.text, prompt.options)).rstrip("\n")
    start = prompt.prefill.removeprefix("<think>").removesuffix("</think>")
    plan = PERTURBATIONS[perturbation]
    return Parts(caption, start, not plan.stop, plan.abstain, plan.blank)


def compose(question: Question, parts: Parts) -> Prompt:
    """The prompt of an item with these parts: that of the perturbation which has them, if there is one, else `OWN`."""
    for name in PERTURBATIONS:
        if preset(question, name) == parts:
            return apply(question, name)
    options = with_abstain(question.options) if parts.abstain else question.options
    prefill = f"<think>{parts.start}" if parts.start or not parts.reason else ""
    return Prompt(
        question=question,
        perturbation=OWN,
        text=layout(question.text, options, parts.caption),
        prefill=prefill if parts.reason else f"{prefill}</think>",
        options=options,
        suggested=_asserted(question, parts.caption) if parts.caption else _asserted(question, parts.start),
        wording="",
        blank=parts.blank,
    )


def _asserted(question: Question, text: str) -> int | None:
    """The option whose claim stands in a text, word for word."""
    return next((option for option, claim in enumerate(question.claims) if claim in text), None)


@lru_cache(maxsize=1)
def _tokenizer() -> Tokenizer:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(CHECKPOINTS / "base" / "tokenizer.json"))


def unknown_words(text: str) -> list[str]:
    """The words of a text that no text of the microworld has, which its models read byte by byte."""
    words = dict.fromkeys(re.findall(r"[^\W_]+(?:'[^\W_]+)?", text))
    return [word for word in words if min(len(_tokenizer().encode(form).tokens) for form in (word, f" {word}")) > 1]


def answer_cells(answer: Answer) -> dict[str, str]:
    """An answer in words: model, answer, is it right, P(correct), and what the judges found."""
    agrees = {"agree": "yes", "disagree": "no, it leads to another option"}
    true = {"agree": "yes", "disagree": f"no ({answer.grounding.reason})"}
    return {
        "model": answer.model,
        "answers": answer.letter or "nothing that can be read",
        "right?": "right" if answer.right else "wrong",
        "P(correct)": "–" if answer.p_right is None else f"{answer.p_right:.2f}",
        "reasoning leads to the answer?": agrees.get(answer.rule.verdict, answer.rule.verdict),
        "reasoning true of the picture?": true.get(answer.grounding.verdict, "it states nothing"),
    }


def answer_table(answers: Sequence[Answer]) -> pd.DataFrame:
    """Answers as lines: model, answer, correct, p_correct, letter_probs, rule, grounding, prefill, response."""
    return pd.DataFrame(
        [
            {
                "model": answer.model,
                "answer": answer.letter,
                "correct": answer.right,
                "p_correct": answer.p_right,
                "letter_probs": answer.probs,
                "rule": answer.rule.verdict,
                "grounding": answer.grounding.verdict,
                "prefill": answer.prompt.prefill,
                "response": answer.response.text,
            }
            for answer in answers
        ]
    )


def answers_html(answers: Sequence[Answer]) -> str:
    """A table of answers with what was written, all escaped; `put_there` marks what was put into a model's mouth."""
    lines = []
    for answer in answers:
        wrote = put_there(html.escape(answer.prompt.prefill)) + html.escape(answer.response.text)
        lines.append([*map(html.escape, answer_cells(answer).values()), wrote])
    return grid([*answer_cells(answers[0]), "it wrote"], lines, safe=True)


def summary(question: Question, answers: Sequence[Answer]) -> str:
    """One sentence for those who do not see the picture: the right option, and who answers what."""
    said = "; ".join(
        f"{answer.model} answers {answer.letter or 'nothing'}"
        + ("" if answer.p_right is None else f" (P(correct) {answer.p_right:.2f})")
        for answer in answers
    )
    return f"Right: {question.letter} ({question.options[question.answer]}). {said}."


class ComposePanel(ipywidgets.VBox):
    """Compose a prompt and ask the models; the controls are attributes.

    questions: those to choose from. item: the number of the first one shown. own: a folder in which the reader's own
    models lie; they are looked for on demand, so that what a headless run writes does not depend on them.
    """

    def __init__(self, questions: Sequence[Question], item: int = 0, own: str = "runs/lab") -> None:
        self.questions, self.own, self.filling = questions, Path(own), False

        # 1) The prompt: an item, and what is put beside it.
        line = {"style": {"description_width": LABEL}, "layout": ipywidgets.Layout(**WIDE)}
        self.item = ipywidgets.IntSlider(
            item, 0, len(questions) - 1, description="item", continuous_update=False, **line
        )
        self.preset = choice(list(PERTURBATIONS), "fill in")
        self.caption = ipywidgets.Text(
            description="caption", placeholder="(none) something said of the picture", **line
        )
        self.start = ipywidgets.Text(
            description="reasoning prefix", placeholder="(none) put into the model's mouth", **line
        )
        self.reason = ipywidgets.Checkbox(True, description="it may reason", indent=False)
        self.abstain = ipywidgets.Checkbox(False, description="“I'm not sure” is an option", indent=False)
        self.blank = ipywidgets.Checkbox(False, description="the picture is blank", indent=False)
        self.fields = {
            "caption": self.caption,
            "start": self.start,
            "reason": self.reason,
            "abstain": self.abstain,
            "blank": self.blank,
        }
        self.prompt_text = ipywidgets.HTML()

        # 2) The models that can be asked, and what they answer.
        self.models: dict[Path, ipywidgets.Checkbox] = {}
        columns = ipywidgets.Layout(grid_template_columns="repeat(4, 15em)", max_width="900px")
        self.boxes = ipywidgets.GridBox(layout=columns)
        self.asking = ipywidgets.Button(description="ask them", button_style="primary")
        self.looking = ipywidgets.Button(
            description=f"look for models in {own}", layout=ipywidgets.Layout(width="auto")
        )
        self.status = ipywidgets.HTML(spoken("Nothing was asked yet."))
        self.picture, self.text = picture(), ipywidgets.HTML()
        self._offer(models_in(CHECKPOINTS), ticked=("base", "misread-20", "rl-correct", "reference"))

        # 3) What the controls do, and where they stand.
        self.item.observe(self._fill, "value")
        self.preset.observe(self._fill, "value")
        for field in self.fields.values():
            field.observe(self._edited, "value")
        self.asking.on_click(self._ask)
        self.looking.on_click(self._look)
        self._fill()
        super().__init__(
            [
                self.item,
                self.preset,
                self.caption,
                self.start,
                ipywidgets.HBox([self.reason, self.abstain, self.blank]),
                self.prompt_text,
                self.boxes,
                ipywidgets.HBox([self.asking, self.looking]),
                self.status,
                self.picture,
                self.text,
            ]
        )

    @property
    def question(self) -> Question:
        return self.questions[self.item.value]

    @property
    def parts(self) -> Parts:
        given = {name: field.value for name, field in self.fields.items()}
        return Parts(**given | {"caption": given["caption"].strip(), "start": given["start"].strip()})

    def prompt(self) -> Prompt:
        return compose(self.question, self.parts)

    def _fill(self, _change: Any = None) -> None:
        """Put the chosen perturbation's parts into the fields; a prompt of the reader's own stays as it is."""
        if self.filling:
            return
        if self.preset.value:
            self.filling = True
            parts = preset(self.question, self.preset.value)
            for name, field in self.fields.items():
                field.value = getattr(parts, name)
            self.filling = False
        self._show()

    def _edited(self, _change: Any) -> None:
        if self.filling:
            return
        self.filling = True
        perturbation = self.prompt().perturbation
        self.preset.value = None if perturbation == OWN else perturbation
        self.filling = False
        self._show()

    def _show(self) -> None:
        prompt = self.prompt()
        unknown = unknown_words(f"{self.caption.value} {self.start.value}")
        warning = (
            f"<p><b>Words that these models do not know:</b> {html.escape(', '.join(unknown))}. They know the words of "
            "the microworld only, and spell out all others byte by byte.</p>"
            if unknown
            else ""
        )
        self.prompt_text.value = warning + prompt_html(user_text(prompt, get_profile("microworld")), prompt.prefill)
        self.picture.value = png(single_items.answers_to_prompt(prompt, answer_table([])))
        right = html.escape(self.question.options[self.question.answer])
        self.text.value = spoken(f"The question and its picture; {right} is right.")

    def _offer(self, models: dict[str, Path], ticked: Sequence[str] = ()) -> None:
        for name, folder in models.items():
            self.models.setdefault(folder, ipywidgets.Checkbox(name in ticked, description=name, indent=False))
        self.boxes.children = list(self.models.values())

    def _look(self, _button: Any) -> None:
        found = models_in(self.own)
        for folder in [folder for folder in self.models if folder.parent == self.own and folder not in found.values()]:
            del self.models[folder]
        self._offer(found)
        told = f"Found {', '.join(found)}." if found else "There is none yet: train one below."
        self.status.value = spoken(html.escape(f"Looked in {self.own}. {told}"))

    def _ask(self, _button: Any) -> None:
        folders = [folder for folder, box in self.models.items() if box.value]
        if not folders:
            self.status.value = spoken("<b>Not done:</b> tick a model to ask first.")
            return
        models = f"{len(folders)} model{'s' if len(folders) > 1 else ''}"
        with working(self.status, f"Asking {models} …", f"Asked {models}."):
            prompt = self.prompt()
            answers = ask_models(folders, prompt)
            self.picture.value = png(single_items.answers_to_prompt(prompt, answer_table(answers)))
            self.text.value = spoken(f"<p>{html.escape(summary(self.question, answers))}</p>") + answers_html(answers)
