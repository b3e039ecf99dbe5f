"""How far long work is: a bar in a terminal, one line in a notebook, plain lines elsewhere, or a callback."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, TextIO

from ._words import safe, size
from .errors import Usage

__all__ = ["Progress", "ProgressOption", "display", "say"]


@dataclass(frozen=True)
class Progress:
    """How far a transfer is, in bytes.

    >>> half = prism.Progress(done=512, durable=256, total=1024)
    >>> half.done / half.total, half.durable, half.measured
    (0.5, 256, 0)
    """

    done: int
    """Bytes sent or received."""
    durable: int
    """Bytes that the other side holds for good: these are never sent again."""
    total: int
    """Bytes in all; 0 while it is not known."""
    measured: int = 0
    """Bytes compared with the manifest before anything leaves."""


ProgressOption = Literal["auto", "text", False] | Callable[[Progress], object]
"""``"auto"`` picks what fits, ``"text"`` forces lines, ``False`` is silent, a function is called."""

INTERVAL = 0.25
"""Seconds between two pictures: people read four a second."""


def say(out: TextIO | None, text: str) -> None:
    """Writes for people. Nobody's work fails because nobody can read how far it is."""
    try:
        if out is not None:
            out.write(text)
            out.flush()
    except (OSError, ValueError):
        pass  # a terminal that was closed, a pipe that broke


class _Silent:
    def show(self, at: Progress, last: bool = False) -> None: ...

    def end(self) -> None: ...


class _Called:
    def __init__(self, call: Callable[[Progress], object]) -> None:
        self._call = call

    def show(self, at: Progress, last: bool = False) -> None:
        if not last:
            self._call(at)

    def end(self) -> None: ...


class _Paced:
    """Draws at most four times a second, and the end always."""

    def __init__(self, name: str) -> None:
        self.name = safe(name)
        self._begin = time.monotonic()
        self._next = 0.0

    def show(self, at: Progress, last: bool = False) -> None:
        now = time.monotonic()
        if last or now >= self._next:
            self._next = now + INTERVAL
            self.draw(at, now - self._begin, last)

    def end(self) -> None:
        """Nothing more comes, whether it was done or not."""

    def line(self, at: Progress, elapsed: float) -> str:
        if at.total and at.measured and not at.done:
            return f"{self.name}  compared {_share(at.measured, at.total)}"
        rate = f"  {size(int(at.done / elapsed))}/s" if elapsed > 0 and at.done else ""
        held = f"  signed for: {size(at.durable)}" if at.durable else ""
        return f"{self.name}  {_share(at.done, at.total)}{rate}{held}"

    def draw(self, at: Progress, elapsed: float, last: bool) -> None:
        raise NotImplementedError


class _Bar(_Paced):
    def __init__(self, name: str, out: TextIO) -> None:
        super().__init__(name)
        self._out, self._drawn = out, False

    def draw(self, at: Progress, elapsed: float, last: bool) -> None:
        self._drawn = True
        say(self._out, f"\r\x1b[K{self.line(at, elapsed)}")

    def end(self) -> None:
        if self._drawn:
            say(self._out, "\n")


class _Lines(_Paced):
    def __init__(self, name: str, out: TextIO | None) -> None:
        super().__init__(name)
        self._out = out
        self._tenth = -1

    def draw(self, at: Progress, elapsed: float, last: bool) -> None:
        tenth = at.done * 10 // at.total if at.total else 0
        if last or tenth > self._tenth:
            self._tenth = tenth
            say(self._out, self.line(at, elapsed) + "\n")


class _Notebook(_Paced):
    def __init__(self, name: str, show: Any, markup: Any) -> None:
        super().__init__(name)
        self._markup = markup
        self._handle = show(markup(""), display_id=True)

    def draw(self, at: Progress, elapsed: float, last: bool) -> None:
        if self._handle is not None:
            self._handle.update(self._markup(f"<code>{escape(self.line(at, elapsed))}</code>"))


Display = _Silent | _Called | _Paced


def display(name: str, option: ProgressOption) -> Display:
    """What shows the progress of the work called ``name``.

    >>> shown = display("h1.csv", print)
    >>> shown.show(Progress(done=1, durable=0, total=2))
    Progress(done=1, durable=0, total=2, measured=0)
    """
    if option is False:
        return _Silent()
    if callable(option):
        return _Called(option)
    if option not in ("auto", "text"):
        raise Usage(f'expected "auto", "text", False or a function as progress, found {option!r}')
    if option == "auto":
        notebook = _notebook()
        if notebook is not None:
            return _Notebook(name, *notebook)
        if _is_terminal(sys.stderr):
            return _Bar(name, sys.stderr)
    return _Lines(name, sys.stderr)


def _is_terminal(out: TextIO | None) -> bool:
    try:
        return out is not None and out.isatty()
    except ValueError:
        return False  # closed


def _notebook() -> tuple[Any, Any] | None:
    """IPython's display, if this is a notebook; it is never imported for this."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None and hasattr(module, "get_ipython") else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import HTML, display  # type: ignore[attr-defined, unused-ignore]

    return display, HTML


def _share(done: int, total: int) -> str:
    if not total:
        return size(done)
    return f"{done * 100 // total:3d} %  {size(done)} of {size(total)}"
