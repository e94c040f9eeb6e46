"""Does the reasoning lead to the answer? One module a judge.

`verdicts` is the protocol that they share, `judge_registry` their list.
"""
