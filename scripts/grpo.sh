#!/usr/bin/env bash
# GRPO at the paper's scale: one recipe, one seed, on the GPUs of scripts/accelerate.yaml. It resumes where it stood.
#   scripts/grpo.sh rl-correct 0 sat2,pixmo-count cv-bench
# Sets by name (`companion benchmarks`, and sat2, pixmo-count, geometry3k), or folders (see `companion export`). Needs: pip install -e .[paper] deepspeed
# Its checkpoints are then evaluated: companion evaluate --model runs/grpo/<run>/trainer/checkpoint-250 --perturbations all …
# Not run by the authors of this repository for want of GPUs: the same code is tested on a tiny Qwen2.5-VL only.
set -euo pipefail
exec accelerate launch --config_file "$(dirname "$0")/accelerate.yaml" -m companion train grpo \
  --recipe "$1" --seed "$2" --benchmark "$3" --validation "$4" \
  --model "${MODEL:-Qwen/Qwen2.5-VL-7B-Instruct}" --sample-with-vllm
