"""Models by name: of this machine, or behind a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from companion.errors import CompanionError
from companion.models.account import Account
from companion.models.api_key import secret
from companion.models.interface import Model
from companion.models.local import LocalModel
from companion.models.openai_client import TIMEOUT, Endpoint
from companion.models.prices import Price, listed_price
from companion.models.server import EndpointModel
from companion.models.vllm import VLLMModel

SERVICES = {
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "gemini": ("https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
}
"""Where the models of a company are asked, and the name of the key (see `api_key.secret`)."""


def is_served(name: str) -> bool:
    """Whether a model of that name is behind a server."""
    service, colon, _ = name.partition(":")
    return bool(colon) and service in (*SERVICES, "http", "https")


def open_model(
    name: str,
    device: str = "auto",
    profile: str = "auto",
    delivery: str = "user turn",
    account: Account | None = None,
    gpus: int = 1,
    system: str = "",
    price: Price | None = None,
    effort: str | None = None,
    timeout: float = TIMEOUT,
    vllm: Mapping[str, Any] | None = None,
) -> Model:
    """A model by name: a folder, a Hub id, `openai:NAME`, `gemini:NAME`, `vllm:FOLDER OR ID`, or a server's URL.

    A URL may name one of the server's models behind a #, as in http://localhost:8000/v1#Qwen/Qwen2.5-VL-7B-Instruct.
    device: of models of this machine; gpus: over which vLLM spreads one; vllm: settings of its engine. delivery,
    account, price, effort, timeout (in seconds, for one request): of models behind a server; a company's model has its
    listed price unless one is given.
    system: the system prompt, or "" for none. Raises CompanionError where a company's model has no key or no price.
    """
    if effort and not is_served(name):
        raise CompanionError(f"a reasoning effort is for models behind a server; {name!r} is none: leave it out")
    if vllm and not name.startswith("vllm:"):
        raise CompanionError(f"--vllm is for models named vllm:FOLDER OR ID, and {name!r} is none: leave it out")
    model = _open(name, device, profile, delivery, account, gpus, price, effort, timeout, vllm)
    model.profile = replace(model.profile, system=system)
    return model


def _open(
    name: str,
    device: str,
    profile: str,
    delivery: str,
    account: Account | None,
    gpus: int,
    price: Price | None,
    effort: str | None,
    timeout: float,
    vllm: Mapping[str, Any] | None,
) -> Model:
    service, colon, rest = name.partition(":")
    if service in SERVICES and colon:
        url, key = SERVICES[service]
        if not secret(key):
            raise CompanionError(
                f"the model {name!r} needs a key: put it into the environment variable {key}, or into the keyring with "
                f"`keyring set companion {key}`"
            )
        price = price or listed_price(service, rest)
        if price is None:
            raise CompanionError(
                f"no price of {name!r} is listed; give --price READ,WRITTEN in dollars per million tokens, as the "
                "company's page says"
            )
        endpoint = Endpoint(url, rest, timeout, key=key, account=account, price=price)
        return EndpointModel(endpoint, profile, delivery, effort)
    if service == "vllm" and colon:
        return VLLMModel(rest, profile, gpus, vllm)
    if is_served(name):
        url, _, model = name.partition("#")
        endpoint = Endpoint(url, model or None, timeout, account=account, price=price)
        return EndpointModel(endpoint, profile, delivery, effort)
    return LocalModel(name, device, profile)
