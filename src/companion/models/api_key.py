"""The key of a server, from an environment variable or from the system's keyring; it is written nowhere."""

from __future__ import annotations

import os

from companion.errors import CompanionError

KEY = "OPENAI_API_KEY"
"""The name of the key, where no other is given."""

NO_KEY = "none"
"""What is sent to a server where there is no key."""


def secret(name: str) -> str | None:
    """The key of that name: the environment variable, else what `keyring set companion NAME` has stored, else None.

    The keyring is asked where the package `keyring` is installed.
    """
    found = os.environ.get(name, "")
    if not found:
        try:
            import keyring
            from keyring.errors import KeyringError
        except ImportError:
            return None
        try:
            found = keyring.get_password("companion", name) or ""
        except KeyringError:
            return None
    if not (found.strip().isascii() and found.strip().isprintable()):
        raise CompanionError(f"the key in {name} holds a character that no key has; copy it again")
    return found.strip() or None
