"""What is put beside the question: `table` has every perturbation with its wordings, `prompt_files` reads and writes
prompts.
"""
