"""The study of when RL parts the answer from the reasoning: what docs/study.md fixed beforehand, run and recorded.

`protocol` has its arms, seeds and items as data, `running` trains and evaluates them, `records` is what is kept.
Run: `companion study`, which resumes wherever it stood.
"""
