"""What is put beside the question: `perturbation` has every perturbation with its wordings, `prompt_files`
reads and writes prompts.
"""
