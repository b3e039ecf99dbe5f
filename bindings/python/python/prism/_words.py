"""Small words for people: sizes, digests, text from outside made harmless."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Any

from . import _prism
from ._prism import SIMULATED
from .errors import Usage

# Where an agent listens: a name, or a number, which may be one of IPv6 in brackets, and a port.
_ADDRESS = re.compile(r"(?:https://)?(?P<where>(?:\[[^\[\]\s/]+\]|[^\[\]\s/@]+):(?P<port>[0-9]{1,5}))/?")

_Fact = str | list[float] | list[tuple[str, float]]

__all__ = ["SIMULATED", "address", "card", "moment", "need", "safe", "seconds", "short", "size", "text"]


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


def card(
    title: str,
    good: bool | None,
    simulated: bool,
    rows: Iterable[tuple[str, _Fact]],
    checks: Iterable[tuple[bool, str, str]],
    folded: tuple[str, str] | None = None,
) -> str:
    """A card, whatever characters are in its texts: names of files need not be Unicode.

    >>> "a\\\\udcff" in card("a\\udcff", None, False, [], [])
    True
    """
    facts = [(_lines(name), _harmless(fact)) for name, fact in rows]
    told = [(holds, _lines(name), _lines(found)) for holds, name, found in checks]
    more = (_lines(folded[0]), _lines(folded[1])) if folded is not None else None
    return _prism.card(_lines(title), good, simulated, facts, told, more)


def _harmless(fact: _Fact) -> _Fact:
    if isinstance(fact, str):
        return _lines(fact)
    spans = [(_lines(one[0]), one[1]) for one in fact if isinstance(one, tuple)]
    return spans or fact


def _lines(text: str) -> str:
    return "\n".join(map(safe, text.split("\n")))


def need(value: object, kind: Any, hint: str) -> None:
    """Refuses a value of another kind.

    >>> need("x", int, "give a number")
    Traceback (most recent call last):
    prism.errors.Usage: ...
    """
    if not isinstance(value, kind):
        name = getattr(kind, "__name__", str(kind))
        raise Usage(f"expected {name}, found {type(value).__name__}", hint=hint)


def text(value: Any, what: str) -> str:
    """Text that can be sent: without halves of characters.

    >>> text("h1.csv", "a name")
    'h1.csv'
    """
    if not isinstance(value, str):
        raise Usage(f"expected {what}, found {type(value).__name__}", hint="give a str")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Usage(f"expected {what} in Unicode, found half a character in {safe(value)}") from None
    return value


def address(value: Any) -> str:
    """Where an agent listens.

    >>> address("agent.example:6110"), address("[::1]:6110")
    ('agent.example:6110', '[::1]:6110')
    >>> address("localhost")
    Traceback (most recent call last):
    prism.errors.Usage: ...
    """
    found = _ADDRESS.fullmatch(plain := text(value, "an address such as agent.example:6110").strip())
    if found is None or not 0 < int(found["port"]) < 1 << 16:
        raise Usage(
            f"expected host:port, such as agent.example:6110, found {safe(plain) or 'nothing'}",
            hint="the agent's operator says where it listens; prism.serve(...) has it as .address",
        )
    return found["where"]


def seconds(value: Any) -> float | None:
    """A number of seconds to wait at most; nothing for no end.

    >>> seconds(2)
    2.0
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e9:
        raise Usage(f"expected a number of seconds as timeout, found {value!r}", hint="None waits without an end")
    return float(value)


def moment(at: Any) -> int:
    """A time in Unix seconds; the present one for nothing.

    >>> moment(1_800_000_000)
    1800000000
    """
    if at is None:
        return int(time.time())
    if isinstance(at, bool) or not isinstance(at, int) or not 0 <= at < 1 << 63:
        raise Usage(f"expected a time in Unix seconds as at, found {at!r}", hint="give an int, such as 1_800_000_000")
    return at
