"""A reproducible companion to "On Robustness and Chain-of-Thought Consistency of RL-Finetuned VLMs".

Data flows one way: question → perturbation → prompt → response → row → measure → figure.
Importing this package loads neither torch nor transformers.
"""

__version__ = "0.1.0"
