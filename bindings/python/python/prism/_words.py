"""Small words for people: sizes, digests, text from outside made harmless."""

from __future__ import annotations

from typing import Any

from . import _prism
from ._prism import SIMULATED
from .errors import Usage

__all__ = ["SIMULATED", "need", "safe", "short", "size"]


def size(count: int) -> str:
    """A number of bytes as people read it.

    >>> size(1536)
    '1.5 KiB'
    """
    return _prism.size(count)


def short(digest: str) -> str:
    """The beginning of a digest, after its algorithm.

    >>> short("sha256:0123456789abcdef0123")
    'sha256:0123456789ab…'
    """
    algorithm, _, value = digest.partition(":")
    return f"{algorithm}:{value[:12]}…"


def safe(text: str) -> str:
    """Text from outside on one line, without characters that drive a terminal.

    >>> safe("a\\x1b[2Jb")
    'a\\\\x1b[2Jb'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def need(value: object, kind: Any, hint: str) -> None:
    """Refuses a value of another kind.

    >>> need("x", int, "give a number")
    Traceback (most recent call last):
    prism.errors.Usage: ...
    """
    if not isinstance(value, kind):
        name = getattr(kind, "__name__", str(kind))
        raise Usage(f"expected {name}, found {type(value).__name__}", hint=hint)
