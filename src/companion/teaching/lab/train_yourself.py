"""Train one yourself: a start, rewards and augmentation, two minutes of GRPO with its curves, and a button to stop.

The training (`training.live`) runs in a thread of the kernel, so that the widgets stay alive; it is imported when the
button is pressed, since that takes seconds. A panel that is only displayed reads and writes nothing.
"""

from __future__ import annotations

import html
import json
import threading
from pathlib import Path

import ipywidgets
import pandas as pd

from companion.errors import CompanionError, one_line
from companion.figures import live_curves
from companion.figures.live_curves import WINDOW
from companion.figures.theme import PANELS, png
from companion.teaching.lab.widgets import choice, picture, spoken
from companion.training.rewards import ANSWER, FORMAT, SPOKEN_WORDS

STARTS = {
    "misread-20: learned from reasoning of which a fifth misread the picture": "checkpoints/misread-20",
    "misread-0: learned from true reasoning": "checkpoints/misread-0",
}
REWARDS = {
    "consistency": "the reasoning leads to the answer",
    "groundedness": "all that the reasoning says is true of the picture",
    "spoken": f"the reasoning has {SPOKEN_WORDS} words or more",
}
"""Gate → what it asks for, beside the right answer."""
AUGMENTATION = {
    "captions, half of them wrong": ("right-caption", "wrong-caption"),
    "reasoning prefixes, half of them wrong": ("right-think", "wrong-think"),
}
FOLLOWED = ("plain", "wrong-think")
"""The perturbations whose numbers are told below the curves."""
MEASURES = {
    "right": "accuracy (%)",
    "agrees": "agreement (%)",
    "entropy": "letter entropy",
    "words": "words of reasoning",
}


def subtitle(start: str, gates: tuple[str, ...], shares: dict[str, float], n: int) -> str:
    """What a figure of the curves is about, in two lines."""
    mixed = ", ".join(f"{100 * share:.0f} % {name}" for name, share in shares.items()) or "plain prompts"
    return (
        f"microworld · {Path(start).name}, rewarded for {' + '.join(('the right answer', *gates))}; {mixed}\n"
        f"{n} items under each kind of prompt, one seed: a demonstration, not a measurement"
    )


def sentence(curve: pd.DataFrame, log: pd.DataFrame) -> str:
    """The latest numbers in words: what they were at step 0, what they are, with intervals over items."""
    last = int(curve["step"].max())
    values = curve.set_index(["perturbation", "measure", "step"])
    parts = []
    for perturbation in FOLLOWED:
        told = []
        for measure, words in MEASURES.items():
            if {(perturbation, measure, 0), (perturbation, measure, last)} <= set(
                values.index
            ):  # answers could be read
                now, scale, digits = (
                    values.loc[perturbation, measure, last],
                    PANELS[measure][1],
                    2 * (measure == "entropy"),
                )
                numbers = (values.loc[perturbation, measure, 0]["value"], now["value"], now["low"], now["high"])
                begun, value, low, high = (f"{scale * number:.{digits}f}" for number in numbers)
                told.append(f"{words} {begun} → {value} [{low}, {high}]")
        parts.append(f"{perturbation}: {', '.join(told)}")
    reward = f"; mean reward of the last {WINDOW} steps {log['reward'].tail(WINDOW).mean():.2f}" if len(log) else ""
    return f"Steps 0 → {last}. {'; '.join(parts)}{reward}."


class TrainPanel(ipywidgets.VBox):
    """Train models into a folder; the controls are attributes. thread: of the training that runs or ran, if any."""

    def __init__(self, folder: Path = Path("runs/lab")) -> None:
        self.folder, self.halt, self.thread, self.drawn = folder, threading.Event(), threading.Thread(), -1
        wide, own = ipywidgets.Layout(width="auto"), {"description_width": "initial"}

        def tick(text: str) -> ipywidgets.Checkbox:
            return ipywidgets.Checkbox(False, description=text, indent=False, layout=wide)

        # 1) What is trained, and for how long.
        self.start = choice(STARTS, "start from", "auto")
        self.rewards = {gate: tick(words) for gate, words in REWARDS.items()}
        self.mixed = {words: tick(words) for words in AUGMENTATION}
        self.share = ipywidgets.IntSlider(
            40,
            10,
            80,
            10,
            description="share of the prompts (%)",
            disabled=True,
            style=own,
            readout_format="d",
            layout=ipywidgets.Layout(width="26em"),
        )
        self.seconds = ipywidgets.BoundedIntText(120, min=20, max=300, step=10, description="seconds", style=own)
        self.seed = ipywidgets.BoundedIntText(0, min=0, max=9999, description="seed", style=own)
        self.name = ipywidgets.Text("mine", description="name of the model", style=own)

        # 2) The buttons, and what is seen of a training.
        self.train = ipywidgets.Button(
            description="Train", button_style="primary", tooltip="Train a model with these choices, and draw its curves"
        )
        self.stop = ipywidgets.Button(
            description="Stop", disabled=True, tooltip="End the training after this step, and keep the model"
        )
        self.bar, self.clock = ipywidgets.FloatProgress(0.0, min=0.0, max=1.0), ipywidgets.HTML("0 seconds")
        self.status = ipywidgets.HTML(spoken("Nothing is being trained. Choose, and press Train."))
        self.curves, self.numbers = picture(), ipywidgets.HTML()
        self.curves.layout.width = "98%"  # with its margins no wider than the panel
        self.curves.layout.display = "none"  # until there is something to see

        # 3) What the controls do, and where they stand.
        for box in self.mixed.values():
            box.observe(self._augmented, "value")
        self.train.on_click(self._train)
        self.stop.on_click(self._stop)
        super().__init__(
            [
                self.start,
                ipywidgets.HTML(
                    f"<b>Reward</b>: {ANSWER:g} for the right answer and {FORMAT:g} for the form. Of every answer, or "
                    "only of those where …"
                ),
                *self.rewards.values(),
                ipywidgets.HTML("<b>Augmentation</b>: mix into the prompts of the training …"),
                *self.mixed.values(),
                self.share,
                ipywidgets.HBox([self.seconds, self.seed, self.name], layout=ipywidgets.Layout(flex_flow="row wrap")),
                ipywidgets.HBox([self.train, self.stop]),
                ipywidgets.HBox([self.bar, self.clock]),
                self.status,
                self.curves,
                self.numbers,
            ]
        )

    @property
    def gates(self) -> tuple[str, ...]:
        return tuple(gate for gate, box in self.rewards.items() if box.value)

    @property
    def shares(self) -> dict[str, float]:
        """Perturbation → share of the prompts, the chosen share in equal parts."""
        names = [name for words, box in self.mixed.items() if box.value for name in AUGMENTATION[words]]
        return {name: self.share.value / 100 / len(names) for name in names}

    def _augmented(self, _change: object) -> None:
        self.share.disabled = not self.shares

    def _busy(self, busy: bool) -> None:
        """While one model is trained there is nothing to choose, and only then there is something to stop."""
        self.stop.disabled = not busy
        for control in (
            self.start,
            self.seconds,
            self.seed,
            self.name,
            self.train,
            *self.rewards.values(),
            *self.mixed.values(),
        ):
            control.disabled = busy
        self.share.disabled = busy or not self.shares

    def _train(self, _button: object) -> None:
        if self.train.disabled:
            return
        self.halt.clear()
        self.drawn, self.bar.value = -1, 0.0
        self._busy(True)
        self._say("Loading trainer and model …")
        self.thread = threading.Thread(target=self._run, daemon=True)  # a kernel that is shut down does not wait for it
        self.thread.start()

    def _stop(self, _button: object) -> None:
        if not self.stop.disabled:
            self.stop.disabled = True
            self._say("Stopping after this step …")
            self.halt.set()

    def _run(self) -> None:
        try:
            told = self._trained()
        except CompanionError as error:
            told = f"Not trained: {error}."
        except Exception as error:  # in a thread it would be lost, or printed anywhere
            told = f"The training broke off, and no model is kept: {one_line(error)}."
        self._busy(False)
        self._say(told)

    def _trained(self) -> str:
        """What came of a training with the present choices, in words."""
        from companion.training import live  # torch and TRL

        recipe = live.recipe(self.gates, self.shares, self.seconds.value)
        self._say("Training. It is evaluated first. Stop ends it sooner, and keeps the model.")
        made = live.train(
            self.start.value,
            recipe,
            self.name.value.strip(),
            self.seconds.value,
            self.folder,
            self.seed.value,
            self.halt,
            self._watch,
        )
        record = json.loads((made / "recipe.json").read_text(encoding="utf-8"))
        return (
            f"The training ended: {record['ended']}. The model after {record['step']} steps ({record['seconds']:.0f} "
            f"seconds) lies in {made}. Ask it in the panel in which prompts are composed, or in a terminal: "
            f"companion evaluate --model {made}"
        )

    def _watch(self, seconds: float, curve: pd.DataFrame, log: pd.DataFrame) -> None:
        self.bar.value = min(1.0, seconds / self.seconds.value)
        self.clock.value = f"{seconds:.0f} of {self.seconds.value} seconds, step {len(log)}"
        if (step := int(curve["step"].max())) > self.drawn:
            self.drawn = step
            what = subtitle(self.start.value, self.gates, self.shares, int(curve["n"].max()))
            self.curves.value = png(live_curves.draw(curve, log, "Curves of the run", what))
            self.curves.layout.display = None
            self.numbers.value = f'<p style="line-height: 1.4">{html.escape(sentence(curve, log))}</p>'
            if not self.halt.is_set():
                self._say(f"Training. Evaluated at step {step}: the numbers stand below the curves.")

    def _say(self, text: str) -> None:
        self.status.value = spoken(html.escape(text))
