"""Where a run is, as somebody sees it who watches: its state, who is awaited, how it ended, whose a result is."""

from __future__ import annotations

from pathlib import Path

from . import _prism
from ._records import Entry
from ._words import safe, text
from .assets import Asset
from .errors import Cancelled, PrismError, Usage
from .terms import Manifest

__all__ = ["Course", "belongs", "state", "why"]


class Course:
    """What somebody who watches has seen of a run."""

    def __init__(self, terms: Manifest) -> None:
        self.state: str | None = None
        """The run's state; nothing before the first entry."""
        self._missing = {name: str(asset["provider"]) for name, asset in terms.assets.items()}

    def take(self, entry: Entry) -> None:
        """One entry more."""
        self.state = entry.state
        if entry.type == "asset.accepted":
            self._missing.pop(str(entry.body.get("body", {}).get("asset")), None)

    def awaited(self) -> dict[str, str]:
        """Assets that are missing, with who brings them."""
        return dict(self._missing) if (self.state or "").startswith("Waiting") else {}

    def place(self) -> str:
        """Where the run is, and for whom it waits."""
        waits = ", ".join(f"{safe(name)} ({safe(provider)})" for name, provider in self.awaited().items())
        return (self.state or "nothing of the log yet") + (f", waiting for {waits}" if waits else "")


def state(name: str) -> str:
    """A state of a run, from however it is written."""
    plain = text(name, "a state of a run").replace("_", "").replace(" ", "").lower()
    known = {state.lower(): state for state in _prism.states()}
    if plain not in known:
        raise Usage(f"expected a state of a run, found {safe(name)}", hint=f"one of {', '.join(known.values())}")
    return known[plain]


def belongs(archive: Path, mine: str) -> bool:
    """Whether a receipt is of this computation, this run, this participant and this very archive."""
    receipt = Path(f"{archive}.receipt")
    try:
        if not archive.exists():
            return False
        first = receipt.read_text(encoding="utf-8").partition("\n")[0]
        return first == f"{mine} {Asset.from_path(archive).digest}"
    except Cancelled:
        raise
    except (OSError, UnicodeDecodeError, PrismError):
        return False


def why(entry: Entry) -> str:
    """How a run ended, as its log entry says it."""
    body = entry.body.get("body", {})
    end, status = body.get("end", body.get("code", "failed")), body.get("status", 0)
    return f"{end} {status}" if status else str(end)
