"""Models by name: of this machine, or behind a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from companion.errors import CompanionError
from companion.models.account import Account
from companion.models.api_key import secret
from companion.models.interface import Model
from companion.models.local import LocalModel, read_config
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


def sold_at(url: str) -> str | None:
    """The company, of `SERVICES`, that is paid for what is asked at a URL."""
    hosts = {urlsplit(own).hostname: company for company, (own, _) in SERVICES.items()}
    return hosts.get(urlsplit(url).hostname)


@dataclass(frozen=True)
class ServerSettings:
    """How a model behind a server is asked. delivery: of a prefilled start, one of `server.DELIVERIES`. account: what
    may be spent. price: of a company's model its listed one unless given. effort: of hidden reasoning, or None for the
    server's own. timeout: seconds of one request."""

    delivery: str = "user turn"
    account: Account | None = None
    price: Price | None = None
    effort: str | None = None
    timeout: float = TIMEOUT


def open_model(
    name: str,
    device: str = "auto",
    profile: str = "auto",
    system: str = "",
    gpus: int = 1,
    vllm: Mapping[str, Any] | None = None,
    server: ServerSettings | None = None,
) -> Model:
    """A model by name: a folder, a Hub id, `openai:NAME`, `gemini:NAME`, `vllm:FOLDER OR ID`, or a server's URL.

    A URL may name one of the server's models behind a #, as in http://localhost:8000/v1#Qwen/Qwen2.5-VL-7B-Instruct.
    device: of models of this machine. profile: how it is asked. system: the system prompt, or "" for none. gpus: over
    which vLLM spreads one; vllm: settings of its engine. Raises CompanionError where a company's model has no key or no
    price, and where a setting is for another kind of model.
    """
    server = server or ServerSettings()
    if not is_served(name):
        if server.effort:
            raise CompanionError(f"a reasoning effort is for models behind a server; {name!r} is none: leave it out")
        return open_local(name, device, profile, system, gpus, vllm)
    if vllm:
        raise CompanionError(NOT_VLLM.format(name))
    model = EndpointModel(_endpoint(name, server), profile, server.delivery, server.effort)
    model.profile = replace(model.profile, system=system)
    return model


NOT_VLLM = "--vllm is for models named vllm:FOLDER OR ID, and {!r} is none: leave it out"


def open_local(
    name: str,
    device: str = "auto",
    profile: str = "auto",
    system: str = "",
    gpus: int = 1,
    vllm: Mapping[str, Any] | None = None,
) -> LocalModel:
    """A model of this machine by name; everything as of `open_model`."""
    if vllm and not name.startswith("vllm:"):
        raise CompanionError(NOT_VLLM.format(name))
    if name.startswith("vllm:"):
        model: LocalModel = VLLMModel(name.removeprefix("vllm:"), profile, gpus, vllm)
    else:
        model = LocalModel(name, device, profile)
    model.profile = replace(model.profile, system=system)
    return model


def check_model(name: str) -> None:
    """Raises CompanionError where a name is seen to be no model's without loading any weights: a wrong folder, an id
    that the Hub does not know, a company without a key, a server that should name its model and is not there."""
    if is_served(name):
        _endpoint(name, ServerSettings(price=Price(0, 0), timeout=BRIEFLY))
        return
    read_config(name.removeprefix("vllm:"))


BRIEFLY = 10.0
"""Seconds in which a server must name its model where that is all that is asked."""


def _endpoint(name: str, server: ServerSettings) -> Endpoint:
    service, _, rest = name.partition(":")
    if service not in SERVICES:
        url, _, model = name.partition("#")
        if company := sold_at(url):
            raise CompanionError(f"{url} costs money: name it {company}:{model or 'NAME'}, so that its price is known")
        return Endpoint(url, model or None, server.timeout, account=server.account, price=server.price)
    url, key = SERVICES[service]
    if not secret(key):
        raise CompanionError(
            f"the model {name!r} needs a key: put it into the environment variable {key}, or into the keyring with "
            f"`keyring set companion {key}`"
        )
    price = server.price or listed_price(service, rest)
    if price is None:
        raise CompanionError(
            f"no price of {name!r} is listed; give --price READ,WRITTEN in dollars per million tokens, as the "
            "company's page says"
        )
    return Endpoint(url, rest, server.timeout, key=key, account=server.account, price=price)
