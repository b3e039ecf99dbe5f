"""A run at a glance: how long it was in which state, and where its figures lead."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol

__all__ = ["CURVES", "curves", "sparkline", "spans"]

# How many of a program's figures are drawn.
CURVES = 8

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 40


class Moment(Protocol):
    """A log entry, as far as it matters here."""

    @property
    def state(self) -> str:
        """The run's state after it."""

    @property
    def time(self) -> float:
        """When, in Unix seconds."""


class Values(Protocol):
    """Figures of one step, as far as they matter here."""

    @property
    def values(self) -> dict[str, float]:
        """The figures by name."""


def sparkline(values: Sequence[float]) -> str:
    """Figures as a line of bars, at most 40 wide: of more, each bar is the last of its share.

    >>> sparkline([0.5, 0.75, 1.0])
    '▁▅█'
    >>> sparkline([2.0, math.nan, 2.0])
    '▄▄'
    """
    shown = [value for value in values if math.isfinite(value)]
    if len(shown) > WIDTH:
        shown = [shown[(place + 1) * len(shown) // WIDTH - 1] for place in range(WIDTH)]
    if not shown:
        return ""
    # Halves, for the difference of two great numbers would be infinite.
    low, high = min(shown) / 2, max(shown) / 2
    if high <= low:
        return BARS[3] * len(shown)
    return "".join(BARS[round((value / 2 - low) / (high - low) * (len(BARS) - 1))] for value in shown)


def curves(metrics: Iterable[Values]) -> dict[str, list[float]]:
    """Each figure's values over the steps, by name, in the order in which they first came.

    >>> curves([prism.Figures(1, {"loss": 2.0}), prism.Figures(2, {"loss": 1.5})])
    {'loss': [2.0, 1.5]}
    """
    found: dict[str, list[float]] = {}
    for figures in metrics:
        for name, value in figures.values.items():
            found.setdefault(name, []).append(value)
    return found


def spans(timeline: Sequence[Moment]) -> list[tuple[str, float]]:
    """The states of a run in their order, with the seconds that each took, as the agent's clock has it.

    >>> [state for state, seconds in spans(done.timeline)][-1]
    'Closed'
    """
    found: list[tuple[str, float]] = []
    for entry, after in zip(timeline, [*timeline[1:], timeline[-1]] if timeline else [], strict=True):
        seconds = max(0.0, after.time - entry.time)
        if found and found[-1][0] == entry.state:
            found[-1] = (entry.state, found[-1][1] + seconds)
        else:
            found.append((entry.state, seconds))
    return found
