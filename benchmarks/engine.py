"""The evaluation engine against the ways in which VLMs are usually evaluated: same model, items, perturbations, one
run.

* *plain batched*: the processor on every prompt, `generate`, and a second pass over the texts for the letters;
* *one at a time*: the same with batches of one, as harnesses do that run transformers models item by item;
* *floor*: the multiplications of the engine's own work at the rate that this machine's matrix products reach, and what
  it has to read at its memory bandwidth: the weights once for each forward pass, and at each new token the keys and
  values of all rows.

Also how time grows with items, with perturbations, and with the tokens of a picture (a random Qwen2.5-VL, where
torchvision imports). Run: `make benchmarks`, some minutes on 2 CPU cores that do nothing else. Only ratios are
comparable between machines."""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from companion.evaluation.engine import evaluate
from companion.evaluation.store import Store
from companion.models.decode import _Layers
from companion.models.interface import Sampling, responses
from companion.models.local import LocalModel
from companion.models.profiles import messages
from companion.models.read_answer import parse_answer
from companion.perturbations.perturbation import PERTURBATIONS, Prompt, apply
from companion.questions.microworld import questions
from companion.questions.question import LETTERS, Question

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import tiny_models

ROUNDS = 3
BATCH = 64


def engine(model: LocalModel, items: Sequence[Question]) -> list[tuple[str, tuple[float, ...] | None]]:
    """`evaluate` as it is, its rows stored."""
    with tempfile.TemporaryDirectory() as folder:
        rows = evaluate(model, items, list(PERTURBATIONS), Store(Path(folder)), progress=False)
    return [
        (text, None if probs is None else tuple(probs))
        for text, probs in zip(rows["response"], rows["letter_probs"], strict=True)
    ]


@torch.inference_mode()
def plain(
    model: LocalModel, prompts: Sequence[Prompt], size: int = BATCH
) -> list[tuple[str, tuple[float, ...] | None]]:
    """What a careful user of transformers writes."""
    found: list[tuple[str, tuple[float, ...] | None]] = []
    processor, tokenizer = model.processor, model.processor.tokenizer
    for k in range(0, len(prompts), size):
        batch = prompts[k : k + size]
        images = [prompt.load_image() for prompt in batch]
        heads = [
            processor.apply_chat_template(messages(prompt, model.profile), add_generation_prompt=True) + prompt.prefill
            for prompt in batch
        ]

        def ready(texts: list[str], images: list = images) -> dict:
            return processor(text=texts, images=[[image] for image in images], padding=True, return_tensors="pt")

        inputs = ready(heads)
        ids = model.model.generate(**inputs, do_sample=False, max_new_tokens=model.profile.max_new_tokens)
        texts = tokenizer.batch_decode(ids[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        replies = [
            parse_answer(text, prompt.prefill, prompt.options) for text, prompt in zip(texts, batch, strict=True)
        ]
        known = [n for n, reply in enumerate(replies) if reply.position is not None]
        probs: dict[int, tuple[float, ...]] = {}
        if known:
            again = ready([heads[n] + texts[n][: replies[n].position] for n in known], [images[n] for n in known])
            mask = again["attention_mask"]
            logits = model.model(**again, position_ids=(mask.cumsum(-1) - 1).clamp(min=0), logits_to_keep=1).logits[
                :, -1
            ]
            encoded = [[tokenizer.encode(form, add_special_tokens=False) for form in (c, f" {c}")] for c in LETTERS]
            tokens = [[ids[0] for ids in forms if len(ids) == 1] for forms in encoded]
            for n, row in zip(known, logits.softmax(-1), strict=True):
                letters = torch.stack([row[ids].sum() for ids in tokens[: len(batch[n].options)]])
                probs[n] = tuple((letters / letters.sum()).tolist())
        found += [(text, probs.get(n)) for n, text in enumerate(texts)]
    return found


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def prompts_of(items: Sequence[Question]) -> list[Prompt]:
    return [apply(item, name) for item in items for name in PERTURBATIONS]


def against_others(model: LocalModel, items: int) -> None:
    """Rows per second of each in turn, and whether they say the same."""
    pool = questions("test", ROUNDS * items)
    ways: dict[str, tuple[Callable[[Sequence[Question]], object], float]] = {
        "engine": (lambda part: engine(model, part), 1.0),
        "plain batched": (lambda part: plain(model, prompts_of(part)), 0.25),
        "one at a time": (lambda part: plain(model, prompts_of(part), 1), 0.05),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for way, _ in ways.values():
        way(pool[:2])  # what the first call sets up
    for k in range(ROUNDS):
        part = pool[k * items : (k + 1) * items]
        for name, (way, share) in ways.items():
            own = part[: max(1, int(share * items))]
            rates[name].append(len(own) * len(PERTURBATIONS) / timed(lambda way=way, own=own: way(own)))
    ours = statistics.median(rates["engine"])
    for name, found in rates.items():
        rate = statistics.median(found)
        print(f"{name:15} {rate:8.1f} rows/s   engine is {ours / rate:5.1f} × as fast")
    one, other = engine(model, pool[:10]), plain(model, prompts_of(pool[:10]), 1)
    same = sum(a[0] == b[0] for a, b in zip(one, other, strict=True))
    apart = max(
        max(abs(p - q) for p, q in zip(a[1], b[1], strict=True))
        for a, b in zip(one, other, strict=True)
        if a[1] and b[1] and a[0] == b[0]
    )
    print(f"same text as one at a time: {same} of {len(one)}; letter probabilities differ by at most {apart:.0e}")


def against_floor(model: LocalModel, items: int) -> None:
    """How much of the engine's time its multiplications, and reading weights, keys and values, would take at the
    machine's best."""
    pool = questions("test", items)
    flops = weights = cached = 0

    def count(layer: torch.nn.Linear, _: tuple, out: torch.Tensor) -> None:
        nonlocal flops, weights
        flops += 2 * out.numel() * layer.in_features
        weights += layer.weight.numel() * layer.weight.element_size()

    step = _Layers.next

    def counted(self: _Layers, tokens: torch.Tensor) -> torch.Tensor:
        nonlocal cached
        heads, size = self.keys[0].shape[1], self.keys[0].shape[3]
        places = len(tokens) * (int(self.lengths.max()) + 1)
        cached += 2 * len(self.keys) * heads * size * places * self.keys[0].element_size()
        return step(self, tokens)

    linear = [module for module in model.model.modules() if isinstance(module, torch.nn.Linear)]
    hooks = [module.register_forward_hook(count) for module in linear]
    _Layers.next = counted  # type: ignore[method-assign]
    texts = engine(model, pool)
    _Layers.next = step  # type: ignore[method-assign]
    for hook in hooks:
        hook.remove()
    tokens = sum(len(model.processor.tokenizer.encode(text, add_special_tokens=False)) for text, _ in texts)
    seconds = min(timed(lambda: engine(model, pool)) for _ in range(2))
    a, b = torch.randn(1024, 1024), torch.randn(1 << 25)
    rate = 2 * 1024**3 / min(timed(lambda: a @ a) for _ in range(20))
    bandwidth = b.numel() * 4 / min(timed(b.sum) for _ in range(10))
    parts = {"products": flops / rate, "weights": weights / bandwidth, "keys and values": cached / bandwidth}
    told = ", ".join(f"{name} {part:.2f} s ({100 * part / seconds:.0f} %)" for name, part in parts.items())
    print(
        f"{len(texts)} rows in {seconds:.1f} s, {tokens / seconds:,.0f} new tokens/s; floor: {told}; "
        f"{flops / 1e9:.0f} GFLOP at {rate / 1e9:.0f} GFLOP/s, {weights / 1e9:.1f} and {cached / 1e9:.1f} GB at "
        f"{bandwidth / 1e9:.0f} GB/s"
    )


def growth(model: LocalModel, items: int) -> None:
    """Time over items, with the line through it."""
    counts = [items // 4, items // 2, items, 2 * items]
    pool = questions("test", counts[-1])
    times = [min(timed(lambda n=n: engine(model, pool[:n])) for _ in range(2)) for n in counts]
    slope, start = np.polyfit(counts, times, 1)
    fit = 1 - np.var(np.array(times) - (slope * np.array(counts) + start)) / np.var(times)
    print("items " + ", ".join(f"{n}: {t:.2f} s" for n, t in zip(counts, times, strict=True)), end="; ")
    print(f"line {1000 * slope:.1f} ms an item + {start:.2f} s, R² {fit:.4f}")


def long_pictures() -> None:
    """What one more perturbation of an item costs, on a Qwen2.5-VL with random weights, for short and long pictures."""
    with tempfile.TemporaryDirectory() as folder:
        tiny_models.save_qwen(folder)
        model = LocalModel(folder, device="cpu")
        short, names = Sampling(max_new_tokens=24), list(PERTURBATIONS)[:10]
        for tokens in (64, 256, 1024):
            side = 28 * round(tokens**0.5)
            item = questions("test", 1)[0]
            picture = item.load_image().resize((side, side))
            item = replace(item, load_image=lambda picture=picture: picture)
            prompts = [apply(item, name) for name in names]
            model.processor.image_processor.size = {"shortest_edge": side * side, "longest_edge": side * side}
            model.picture = None
            length = model.tokens(prompts[0], short)
            one, nine, ten = (
                min(timed(lambda part=prompts[:n]: responses(model, part, short)) for _ in range(ROUNDS))
                for n in (1, 9, 10)
            )
            print(
                f"a picture of {tokens} tokens (with prompt and response about {length}): perturbations 2 to 10 cost "
                f"{(ten - one) / 9 / one:.2f} of the first each, the tenth {(ten - nine) / one:.2f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="checkpoints/base")
    parser.add_argument("--items", type=int, default=96, help="a round")
    options = parser.parse_args()
    model = LocalModel(options.model, device="cpu")
    against_others(model, options.items)
    against_floor(model, options.items)
    growth(model, options.items)
    if importlib.util.find_spec("torchvision"):
        long_pictures()


tiny_models.declare_torchvision()

if __name__ == "__main__":
    main()
