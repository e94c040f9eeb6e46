"""Real tokenizers, from packages that ship a vocabulary without weights: `pip install 'companion[vocabularies]'`.

qwen: byte-level BPE of Qwen and Qwen2.5-VL (dashscope), where `<answer>` is no token of its own; mistral: SentencePiece
of Mistral 7B; tekken: the tiktoken-like one of Pixtral and Mistral Small (both mistral-common).
"""

import base64
import json
from importlib.util import find_spec
from pathlib import Path

import pytest

QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
"""How Qwen cuts a text before it merges bytes: from its own tokenization_qwen.py."""


def load(name, folder):
    """A tokenizer as transformers has it, and a function that encodes as the vocabulary's own library does. folder: for
    a vocabulary that is written anew. Skips the test where the packages are missing."""
    for package in ("dashscope", "mistral_common", "sentencepiece", "tiktoken"):
        if not find_spec(package):
            pytest.skip(f"no {package}: pip install 'companion[vocabularies]'")
    return {"qwen": _qwen, "mistral": _mistral, "tekken": _tekken}[name](folder)


def _qwen(folder):
    return _tiktoken(_of("dashscope") / "resources" / "qwen.tiktoken", QWEN)


def _tekken(folder):
    told = json.loads((_of("mistral_common") / "data" / "tekken_240911.json").read_text())
    config = told["config"]
    words = told["vocab"][: config["default_vocab_size"] - config["default_num_special_tokens"]]
    file = folder / "tekken.tiktoken"
    file.write_text("".join(f"{word['token_bytes']} {word['rank']}\n" for word in words))
    return _tiktoken(file, config["pattern"])


def _tiktoken(file, pattern):
    import tiktoken
    from transformers import PreTrainedTokenizerFast
    from transformers.convert_slow_tokenizer import TikTokenConverter

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    core = TikTokenConverter(str(file), pattern, extra_special_tokens=special).converted()
    lines = [line.split() for line in file.read_text().splitlines()]
    ranks = {base64.b64decode(word): int(rank) for word, rank in lines}
    own = tiktoken.Encoding("own", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|im_end|>"), own.encode


def _mistral(folder):
    from sentencepiece import SentencePieceProcessor
    from transformers import LlamaTokenizer
    from transformers.tokenization_utils_sentencepiece import SentencePieceExtractor

    file = str(_of("mistral_common") / "data" / "tokenizer.model.v1")
    vocabulary, _, merges = SentencePieceExtractor(file).extract(True)
    return LlamaTokenizer(vocab=vocabulary, merges=merges), SentencePieceProcessor(file).encode


def _of(package):
    return Path(find_spec(package).origin).parent
