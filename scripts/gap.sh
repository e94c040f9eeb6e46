#!/usr/bin/env bash
# The answers of notebook 07: base, five reference and five RL models, opened (a start of the reasoning is prefilled) and
# behind OpenAI-compatible servers on loopback (it stands in the user's turn). Goes on where it was interrupted; an hour
# on 2 CPU cores. Wants the models of
#   companion train reference --seed 0,1,2,3,4 --out runs/gap/reference
#   companion train grpo --recipe rl-correct --seed 0,1,2,3,4
#   companion release --results runs/results --scratch runs/grpo --initial base --seed 0,1,2,3,4 --out runs/gap
# Run by `make gap`, from the project's folder.
set -euo pipefail
export HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1

asked="--perturbations plain,right-caption,wrong-caption,right-think,wrong-think --limit 300"
rm -rf runs/gap/base && cp -r checkpoints/base runs/gap/base

# list PREFIX NAME…: the names with commas between them, each after the prefix
list() { printf "$1%s\n" "${@:2}" | paste -sd,; }

companion evaluate --model "$(list runs/gap/ base reference-{0..4} rl-correct-{0..4})" $asked --out results/gap/opened

# audit PORT NAME…: a server of one thread, and models behind it
audit() {
    (cd runs/gap && exec transformers serve --port "$1" --device cpu --dtype float32) &
    trap "kill $!" EXIT
    until python -c "import urllib.request as web; web.urlopen('http://127.0.0.1:$1/health')" 2>/dev/null; do sleep 1; done
    companion evaluate --model "$(list "http://127.0.0.1:$1/v1#" "${@:2}")" --profile microworld $asked \
        --out results/gap/served
}
(audit 8177 base rl-correct-{0..4}) & first=$!
(audit 8178 reference-{0..4}) & second=$!
wait $first
wait $second

for folder in opened served; do
    companion judge results/gap/$folder --judge rule
    companion judge results/gap/$folder --judge conflict
    companion pack results/gap/$folder
done
