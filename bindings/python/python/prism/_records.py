"""What an agent says: words that were logged, the present state, entries of the log, figures."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from . import _prism
from ._files import ours, place
from ._words import SIMULATED, card, safe

__all__ = ["Entry", "Figures", "Receipt", "Status"]


@dataclass(frozen=True)
class Receipt:
    """The agent's signed word that an act was written into its log, verified.

    >>> receipt = agent.upload("h1.csv", folder / "h1.csv", hospital, progress=False)
    >>> receipt
    SIMULATED: no hardware protects this data
    Receipt asset.accepted, log entry ...
    >>> receipt.index, receipt.entry["actor"], receipt.is_simulated, receipt.proof[:19]
    (..., 'hospital-1', True, 'c2sp.org/tlog-proof')
    """

    index: int
    """The entry's number, from 0."""
    entry: dict[str, Any]
    """What was logged."""
    proof: str
    """A C2SP tlog-proof, which anyone can verify."""
    is_simulated: bool = False
    """Whether the agent's machine was one that nothing protects."""

    @classmethod
    def _of(cls, told: dict[str, Any], simulated: bool) -> Receipt:
        return cls(int(told["index"]), json.loads(told["entry"]), str(told["proof"]), simulated)

    def save(self, path: str | PathLike[str]) -> Path:
        """Writes the proof to a file; an older one of this name is replaced.

        >>> receipt = agent.upload("h1.csv", folder / "h1.csv", hospital, progress=False)
        >>> receipt.save(folder / "h1.receipt").name
        'h1.receipt'
        """
        to = place(path)
        with ours(to):
            to.write_text(self.proof, encoding="utf-8")
        return to

    def __repr__(self) -> str:
        aloud = f"{SIMULATED}\n" if self.is_simulated else ""
        return f"{aloud}Receipt {safe(str(self.entry['type']))}, log entry {self.index}"

    def _repr_html_(self) -> str:
        rows = [("act", str(self.entry["type"])), ("by", str(self.entry["actor"])), ("log entry", str(self.index))]
        return card("Receipt: the agent has logged it", True, self.is_simulated, rows, [])


@dataclass(frozen=True)
class Status:
    """What an agent says of the present state, without proof; :meth:`Agent.watch` shows what its log proves.

    >>> status = agent.status()
    >>> status.state, status.assets["h1.csv"], status.log_size > 0, status.is_simulated
    ('WaitingForAlgorithm', False, True, True)
    """

    state: str
    """The run's state, such as ``"WaitingForDatasets"``."""
    assets: dict[str, bool]
    """Whether each asset was accepted."""
    log_size: int
    """Entries of the log."""
    is_simulated: bool
    """Whether nothing protects what this machine is given."""

    def __repr__(self) -> str:
        missing = [name for name, accepted in self.assets.items() if not accepted]
        waits = f", waiting for {', '.join(missing)}" if missing else ""
        return f"{SIMULATED + chr(10) if self.is_simulated else ''}{self.state}{waits}"

    def _repr_html_(self) -> str:
        rows = [(safe(name), "accepted" if accepted else "awaited") for name, accepted in self.assets.items()]
        rows.append(("log", f"{self.log_size} entries"))
        return card(f"Status: {self.state}", None, self.is_simulated, rows, [])


@dataclass(frozen=True)
class Entry:
    """One entry of the log, shown only after a signed head has proven it.

    >>> entry = done.timeline[0]
    >>> entry.index, entry.type, entry.state, entry.actor, entry.time > 0, sorted(entry.body)
    (0, 'log.open', ...)
    """

    index: int
    """Its number, from 0."""
    state: str
    """The run's state after it."""
    type: str
    """What happened, such as ``"asset.accepted"``."""
    actor: str
    """Who did it."""
    body: dict[str, Any]
    """Everything that was logged."""
    time: float
    """When, in Unix seconds, as the agent's host claims."""
    words: str = ""
    """What happened, in plain words on one line."""

    @classmethod
    def _of(cls, item: tuple[int, str, str]) -> Entry:
        index, state, text = item
        entry = json.loads(text)
        words = _prism.entry_words(text)
        return cls(index, state, str(entry["type"]), str(entry["actor"]), entry, entry["ts"] / 1000, words)

    def __repr__(self) -> str:
        clock = time.strftime("%H:%M:%S", time.gmtime(self.time))
        said = self.words or f"{self.type} by {self.actor}"
        return f"{clock}  {self.state:19}  {safe(said)}"


@dataclass(frozen=True)
class Figures:
    """Figures that the program printed in one ``metrics`` line.

    >>> figures = done.metrics[0]
    >>> figures.step, figures.values
    (1, {'accuracy': ...})
    """

    step: int | None
    """The step they belong to, if the program said one."""
    values: dict[str, float]
    """The figures by name."""
