"""Timelines: what happened and where the figures lead, as a picture."""

from __future__ import annotations

from collections.abc import Iterable

from ._plots import CURVES, curves, spans, sparkline
from ._words import SIMULATED, card, safe
from .agents import Entry, Figures

__all__ = ["Timeline"]


class Timeline:
    """A run at a glance: how long it was in which state, and the figures that its program released.

    In a notebook it is a card with a band of states and a line for each figure; in a terminal it is text.

    Args:
        entries: Entries of the log in their order, such as those of :meth:`Agent.entries`, which end when the log does.
        metrics: What the program released, such as :meth:`Agent.metrics`; without it there are states only.

    >>> _ = finished.result(to=folder / "result.zip", progress=False)
    >>> run = prism.Timeline(finished.entries(), finished.metrics())
    >>> run
    SIMULATED: no hardware protects this data
    Timeline of ... entries in ... s
      ... Running ... s, Delivering ... s, Closed 0.0 s
      rows ▄ 3
    >>> run.entries[-1].state, run.metrics[0].values
    ('Closed', {'rows': 3.0})
    >>> [state for state, seconds in run.states if state == "Running"], run.figures
    (['Running'], {'rows': [3.0]})
    >>> run.is_simulated
    True
    """

    def __init__(self, entries: Iterable[Entry], metrics: Iterable[Figures] = ()) -> None:
        self.entries = list(entries)
        """The entries, the first one first."""
        self.metrics = list(metrics)
        """The figures, step by step."""

    @property
    def states(self) -> list[tuple[str, float]]:
        """Each state with the seconds that it took, by the clock of the agent's host."""
        return spans(self.entries)

    @property
    def figures(self) -> dict[str, list[float]]:
        """Each figure's values over the steps, by name."""
        return curves(self.metrics)

    @property
    def is_simulated(self) -> bool:
        """Whether the log says that nothing protects what its machine was given; it does so in its first entry."""
        return any(entry.body.get("body", {}).get("simulated") is True for entry in self.entries)

    @property
    def _title(self) -> str:
        return f"Timeline of {len(self.entries)} entries in {sum(seconds for _, seconds in self.states):.1f} s"

    def __repr__(self) -> str:
        lines = [SIMULATED] if self.is_simulated else []
        lines.append(self._title)
        if self.entries:
            lines.append("  " + ", ".join(f"{safe(state)} {seconds:.1f} s" for state, seconds in self.states))
        for name, values in list(self.figures.items())[:CURVES]:
            lines.append(f"  {safe(name)} {sparkline(values)} {values[-1]:g}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows: list[tuple[str, str | list[float] | list[tuple[str, float]]]] = []
        if self.entries:
            rows.append(("states", self.states))
        rows += list(self.figures.items())[:CURVES]
        return card(self._title, None, self.is_simulated, rows, [])
