"""Ask a model in this Python both as `local` and as `vllm:` does, on the CPU; run by test_vllm.py where vLLM is."""

import json
import os
import sys


def main():
    import tiny_models

    tiny_models.declare_torchvision()
    from companion.models.interface import Sampling, responses
    from companion.models.open import open_model
    from companion.perturbations.perturbation import apply
    from companion.questions.microworld import questions

    folder, items, perturbations = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(",")
    prompts = [apply(item, perturbation) for item in questions("test", items) for perturbation in perturbations]
    told = [
        [
            [said.text, said.tokens, said.finish, said.answer, said.letter_probs]
            for said in responses(model, prompts, Sampling())
        ]
        for model in (open_model(folder, "cpu"), open_model(f"vllm:{folder}"))
    ]
    print(json.dumps(told))


if __name__ == "__main__":
    os.environ |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "1"}
    main()
