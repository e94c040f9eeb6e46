"""The microworld: a small procedural visual-reasoning benchmark in which everything that can be said is checkable."""

from companion.questions.microworld.items import MicroworldQuestion, questions

__all__ = ["MicroworldQuestion", "questions"]
