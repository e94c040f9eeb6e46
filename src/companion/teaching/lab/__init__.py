"""The trade-off lab: panels of widgets to ask the shipped models, to move along RL steps, to guess, and to train.

Each panel is a thin layer over plain functions of its module, which work without widgets: `compose` (a prompt of one's
own, put to the model of each recipe), `steps` (a slider along GRPO runs), `guess` (whose answers are these?), and
`train_yourself` (two minutes of GRPO, in a thread). Panels draw into picture and text widgets, never into an Output,
with which a headless run may wait for ever; what a picture shows stands as text below it; and each control is one that
JupyterLab leaves its keys: buttons, check boxes, sliders and lines of text.
"""

from companion.teaching.lab.compose import ComposePanel
from companion.teaching.lab.guess import GuessPanel
from companion.teaching.lab.steps import StepsPanel
from companion.teaching.lab.train_yourself import TrainPanel

__all__ = ["ComposePanel", "GuessPanel", "StepsPanel", "TrainPanel"]
