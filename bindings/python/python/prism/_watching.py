"""What somebody sees who watches a run: one card in a notebook, a line for each entry elsewhere, or a callback."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Literal

from ._course import Course
from ._plots import spans
from ._progress import INTERVAL, notebook, say
from ._records import Entry
from ._words import card, safe
from .errors import Usage

__all__ = ["WatchOption", "watching"]

WatchOption = Literal["auto", "text", False] | Callable[[Entry], object]
"""``"auto"`` picks what fits, ``"text"`` forces lines, ``False`` is silent, a function is called with each entry."""


class Silent:
    """Shows nothing."""

    def show(self, entry: Entry) -> None: ...

    def end(self) -> None: ...


class Called(Silent):
    """Calls a function with each entry."""

    def __init__(self, call: Callable[[Entry], object]) -> None:
        self._call = call

    def show(self, entry: Entry) -> None:
        self._call(entry)


class Lines(Silent):
    """Writes a line for each entry."""

    def show(self, entry: Entry) -> None:
        say(sys.stderr, f"{entry!r}\n")


class Card(Silent):
    """One card of a notebook, drawn anew when the run's state or who is awaited changes, else at most four times a
    second, and at the end always."""

    def __init__(self, course: Course, limit: float | None, shown: Callable[..., Any], markup: Callable[[str], Any]):
        self._course, self._limit, self._markup = course, limit, markup
        self._next, self._fresh = 0.0, True
        # Where the state changed, and the last entry: a long log is as long as its states.
        self._moments: list[Entry] = []
        self._last: Entry | None = None
        self._place = self._outcome = ""
        self._simulated = False
        self._handle = shown(markup(self.html()), display_id=True)

    def show(self, entry: Entry) -> None:
        if entry.type == "log.close":
            self._outcome = str(entry.body.get("body", {}).get("outcome", ""))
        self._simulated = self._simulated or entry.body.get("body", {}).get("simulated") is True
        if self._last is None or self._last.state != entry.state:
            self._moments.append(entry)
        self._last, self._fresh = entry, False
        place, now = self._course.place(), time.monotonic()
        if place != self._place or now >= self._next:
            self._place = place
            self._next = now + INTERVAL
            self._draw()

    def end(self) -> None:
        if not self._fresh:
            self._draw()

    def _draw(self) -> None:
        self._fresh = True
        if self._handle is not None:
            self._handle.update(self._markup(self.html()))

    def html(self) -> str:
        """The card as it is now."""
        rows: list[tuple[str, str | list[float] | list[tuple[str, float]]]] = []
        awaited = [f"{safe(name)} from {safe(provider)}" for name, provider in self._course.awaited().items()]
        if awaited:
            rows.append(("waiting for", ", ".join(awaited)))
        if self._last is not None:
            clock = time.strftime("%H:%M:%S UTC", time.gmtime(self._last.time))
            rows.append((clock, safe(self._last.words)))
            rows.append(("states", spans([*self._moments, self._last])))
        if self._limit is not None:
            rows.append(("deadline", f"watching ends after {self._limit:g} s; the run goes on"))
        good = {"Failed": False, "Stopped": False, "Delivering": True}.get(self._course.state or "")
        title = f"Run: {self._course.state or 'nothing of its log yet'}"
        if self._course.state == "Closed":
            good = self._outcome == "completed"
            title += "" if good else f", {safe(self._outcome or 'without an outcome')}"
        return card(title, good, self._simulated, rows, [])


def watching(option: WatchOption, course: Course, limit: float | None) -> Silent:
    """What shows a run whose course this is; ``limit`` are the seconds after which watching ends.

    >>> type(watching(False, None, None)).__name__
    'Silent'
    """
    if option is False:
        return Silent()
    if callable(option):
        return Called(option)
    if option not in ("auto", "text"):
        raise Usage(f'expected "auto", "text", False or a function as show, found {option!r}')
    place = notebook() if option == "auto" else None
    return Card(course, limit, *place) if place is not None else Lines()
