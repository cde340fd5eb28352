"""Secrets by reference: the settings say where one is read, and never hold it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, NewType, get_args, get_origin

from netcam.errors import ConfigError

SecretRef = NewType("SecretRef", str)
"""`env:NAME` or `file:PATH`: where a secret is read when it is needed. The settings never hold one."""
_SECRET = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+")
MAX_SECRET = 64 * 1024
"""Bytes of a secret's file: a key file of a few kB at most."""


def is_secret_setting(hint: Any) -> bool:
    """Whether a setting of this type refers to secrets: one, or a list of them."""
    return hint is SecretRef or (get_origin(hint) is tuple and get_args(hint)[0] is SecretRef)


def is_secret_reference(text: str) -> bool:
    """Whether a text names a secret, and is none."""
    return bool(_SECRET.fullmatch(text))


def secret(reference: str, where: str, *, base: Path | None = None) -> str:
    """The secret behind a reference, without the line end of its file; empty for an empty reference. Raises ConfigError."""
    if not reference:
        return ""
    kind, _, name = reference.partition(":")
    if kind == "env":
        value = os.environ.get(name, "")
        if not value:
            raise ConfigError(where, f"the environment has no {name}", f"set {name} for the service, or use file:PATH")
        return value
    path = Path(name).expanduser()
    path = path if path.is_absolute() or base is None else base / path
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SECRET + 1)
        text = data.decode().rstrip("\r\n")
    except OSError as error:
        raise ConfigError(where, f"{path}: {error.strerror}", "the service must be able to read it") from None
    except UnicodeDecodeError:
        raise ConfigError(where, f"{path} is not UTF-8", "write the secret as text") from None
    if not text or len(data) > MAX_SECRET:
        raise ConfigError(where, f"{path} is empty or larger than {MAX_SECRET} bytes", "write the secret alone into it")
    return text
