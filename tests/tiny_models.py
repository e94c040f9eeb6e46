"""Vision-language models of the paper's classes with random weights and their real processors, for tests and timing."""

import importlib.util
from itertools import pairwise

import torch


def declare_torchvision():
    """Beside a CPU build of torch the registry's torchvision imports only once the operators of its compiled part are
    declared. transformers and trl import it wherever they find it."""
    if importlib.util.find_spec("torchvision") and not torch.cuda.is_available():
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            if not hasattr(torch.ops.torchvision, operator):
                library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        KEPT.append(library)  # what it declares goes with it


KEPT = []


def byte_tokenizer(special, **named):
    """A tokenizer of bytes and a few merges, with these special tokens; `named` are those that a processor asks for."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>", *special],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(["Where is the red star? A. north B. south"], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        padding_side="left",
        extra_special_tokens=named,
    )
    tokenizer.add_tokens(["<answer>", "</answer>"])
    return tokenizer


def chat_template(image):
    """ChatML, with the text of `image` where a picture stands."""
    return (
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{% if message.content is string %}"
        "{{ message.content }}{% else %}{% for part in message.content %}{% if part.type == 'image' %}"
        + image
        + "{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}"
        "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )


def save_random(kind, config, tokenizer, folder):
    torch.manual_seed(0)
    model = kind(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)


def teach_to_answer(folder):
    """Give the model in a folder the embeddings of one that answers at once, with A or B, which hangs on the prompt."""
    from transformers import AutoModelForImageTextToText, AutoTokenizer

    model, tokenizer = AutoModelForImageTextToText.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    ids = tokenizer.convert_tokens_to_ids(["<answer>", "</answer>", "<|im_end|>", *"AB"])
    start, close, end, letters = ids[0], ids[1], ids[2], ids[3:]
    said, heads = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    with torch.no_grad():
        said[:, :4] = torch.tensor([2.0, 0, 0, 0])
        for place, tokens in enumerate(([start], letters, [close]), start=1):
            said[tokens, :4] = 2 * torch.eye(4)[place]
        heads.zero_()
        for place, tokens in enumerate(([start], letters, [close], [end])):
            heads[tokens, place] = 8.0
        heads[letters, 4:] = torch.randn(len(letters), heads.shape[1] - 4, generator=torch.Generator().manual_seed(0))
    model.save_pretrained(folder)


def small(tokenizer, **more):
    """The settings of a tiny decoder for a tokenizer."""
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        **more,
    }


def save_qwen(folder):
    """A Qwen2.5-VL of a few thousand random weights. Needs torchvision."""
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )

    special = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    tokenizer = byte_tokenizer(special, image_token="<|image_pad|>", video_token="<|video_pad|>")
    ids = {
        name: tokenizer.convert_tokens_to_ids(f"<|{name}|>")
        for name in ("image_pad", "video_pad", "vision_start", "vision_end")
    }
    config = Qwen2_5_VLConfig(
        text_config=small(
            tokenizer, rope_parameters={"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]}
        ),
        tie_word_embeddings=False,
        vision_config={
            "depth": 1,
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_heads": 2,
            "out_hidden_size": 32,
            "fullatt_block_indexes": [0],
        },
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
        companion_profile="generic",  # that of its kind makes pictures of a thousand tokens
    )
    save_random(Qwen2_5_VLForConditionalGeneration, config, tokenizer, folder)
    picture = "<|vision_start|><|image_pad|><|vision_end|>"
    Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(min_pixels=56 * 56, max_pixels=84 * 84),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(),
        chat_template=chat_template(picture),
    ).save_pretrained(folder)


def save_idefics(folder):
    """An Idefics3 of a few thousand random weights, which cuts its pictures into tiles."""
    from transformers import Idefics3Config, Idefics3ForConditionalGeneration, Idefics3Processor
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

    marks = ["<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>"]
    tiles = [f"<row_{i}_col_{j}>" for i in range(1, 7) for j in range(1, 7)]
    tokenizer = byte_tokenizer(marks + tiles)
    config = Idefics3Config(
        text_config=small(tokenizer, model_type="llama"),
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 8,
        },
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )
    save_random(Idefics3ForConditionalGeneration, config, tokenizer, folder)
    Idefics3Processor(
        image_processor=Idefics3ImageProcessorPil(size={"longest_edge": 64}, max_image_size={"longest_edge": 32}),
        tokenizer=tokenizer,
        image_seq_len=4,
        chat_template=chat_template("<image>"),
    ).save_pretrained(folder)


def save_internvl(folder):
    """An InternVL of a few thousand random weights, which cuts its pictures into tiles. Needs torchvision."""
    from transformers import (
        GotOcr2ImageProcessor,
        InternVLConfig,
        InternVLForConditionalGeneration,
        InternVLProcessor,
        InternVLVideoProcessor,
    )

    named = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    tokenizer = byte_tokenizer(list(named.values()), **named)
    config = InternVLConfig(
        text_config=small(tokenizer, model_type="qwen2"),
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 56,
            "patch_size": 14,
        },
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
        tie_word_embeddings=False,
    )
    save_random(InternVLForConditionalGeneration, config, tokenizer, folder)
    tiles = GotOcr2ImageProcessor(size={"height": 56, "width": 56}, max_patches=4, crop_to_patches=True)
    InternVLProcessor(
        image_processor=tiles,
        tokenizer=tokenizer,
        video_processor=InternVLVideoProcessor(size=tiles.size),
        image_seq_length=4,
        chat_template=chat_template("<IMG_CONTEXT>\\n"),
    ).save_pretrained(folder)


def save_gemma(folder, window=16):
    """A Gemma 3 of a few thousand random weights. Its first layer sees the last `window` tokens alone, fewer than a
    prompt has."""
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration, Gemma3Processor
    from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil

    named = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"}
    tokenizer = byte_tokenizer(list(named.values()), **named)
    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in named.items()}
    config = Gemma3Config(
        text_config=small(
            tokenizer,
            head_dim=16,
            query_pre_attn_scalar=16,
            sliding_window=window,
            layer_types=["sliding_attention", "full_attention"],
        ),
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 8,
            "vision_use_head": False,
        },
        mm_tokens_per_image=4,
        boi_token_index=ids["boi_token"],
        eoi_token_index=ids["eoi_token"],
        image_token_index=ids["image_token"],
        image_token_id=ids["image_token"],
    )
    save_random(Gemma3ForConditionalGeneration, config, tokenizer, folder)
    Gemma3Processor(
        image_processor=Gemma3ImageProcessorPil(size={"height": 32, "width": 32}),
        tokenizer=tokenizer,
        image_seq_length=4,
        chat_template=chat_template("<start_of_image>"),
    ).save_pretrained(folder)


DECODERS = {
    "window": {"model_type": "mistral", "sliding_window": 16},
    "some windows": {"model_type": "qwen2", "use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1},
    "chunks": {
        "model_type": "llama4_text",
        "attention_chunk_size": 16,
        "layer_types": ["chunked_attention", "full_attention"],
        "no_rope_layers": [1, 0],
        "intermediate_size_mlp": 32,
        "num_local_experts": 2,
        "head_dim": 16,
    },
    "convolution": {"model_type": "lfm2", "layer_types": ["conv", "full_attention"]},
    "linear": {
        "model_type": "qwen3_next",
        "layer_types": ["linear_attention", "full_attention"],
        "head_dim": 16,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 2,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "num_experts": 2,
        "num_experts_per_tok": 1,
        "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 16,
    },
}
"""Settings of decoders that do not remember all tokens alike."""


def save_llava(checkpoint, decoder, folder):
    """A LLaVA of random weights with another decoder, and the processor of a checkpoint."""
    from transformers import AutoConfig, AutoProcessor, LlavaConfig, LlavaForConditionalGeneration

    processor, config = AutoProcessor.from_pretrained(checkpoint), AutoConfig.from_pretrained(checkpoint)
    whole = LlavaConfig(
        text_config=small(processor.tokenizer, **DECODERS[decoder]),
        vision_config=config.vision_config,
        image_token_index=config.image_token_index,
        image_seq_length=config.image_seq_length,
        vision_feature_layer=config.vision_feature_layer,
        vision_feature_select_strategy=config.vision_feature_select_strategy,
    )
    save_random(LlavaForConditionalGeneration, whole, processor.tokenizer, folder)
    processor.save_pretrained(folder)


def save_parrot(said, folder):
    """A Qwen3 that after any prompt says the same thing, words none of which comes twice: each has one successor."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    chain = ["<go>", *said.split(" "), "<end>"]
    vocabulary = {word: index for index, word in enumerate(["<unk>", *chain])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<end>", pad_token="<end>", padding_side="left"
    )
    wrapped.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %} <go>"
    size = len(vocabulary)
    config = Qwen3Config(
        vocab_size=size,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=16,
        tie_word_embeddings=False,
        eos_token_id=size - 1,
        pad_token_id=size - 1,
        bos_token_id=None,
        max_position_embeddings=4096,
    )
    model = Qwen3ForCausalLM(config)
    with torch.no_grad():
        layer = model.model.layers[0]
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.copy_(torch.eye(size, 16))
        model.lm_head.weight.zero_()
        for word, following in pairwise(chain):
            model.lm_head.weight[vocabulary[following], vocabulary[word]] = 10.0
    model.save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return folder
