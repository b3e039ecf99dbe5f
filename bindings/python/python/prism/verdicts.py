"""Verdicts: whether a machine is genuine, and whether it is the one that was agreed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from ._words import SIMULATED, safe
from .errors import EvidenceRefused

__all__ = ["Finding", "Verdict"]


@dataclass(frozen=True)
class Finding:
    """One condition that was looked at.

    >>> finding = done.verdict.findings[0]
    >>> finding.ok, finding.check, finding.expected, finding.found
    (True, ...)
    """

    check: str
    """Its stable name."""
    ok: bool
    """Whether it holds."""
    expected: str
    """What should have been there."""
    found: str
    """What was there."""


class Verdict:
    """The outcome of looking at a machine, with every finding.

    There is no ``if verdict:``. :func:`prism.connect` refuses by itself; a verdict on a file is required with
    :meth:`require`.

    >>> done.verdict
    SIMULATED: no hardware protects this data
    TRUSTED... conditions hold
    >>> done.verdict.data["simulated"]
    True
    """

    def __init__(self, data: dict[str, Any], html: str, good: bool) -> None:
        self.data = data
        """The verdict as JSON, with stable names."""
        self._html = html
        self._good = good

    @classmethod
    def _of(cls, text: str, html: str, good: bool) -> Verdict:
        return cls(json.loads(text), html, good)

    @property
    def word(self) -> str:
        """The outcome in a word, such as ``"trusted"`` or ``"refused"``.

        >>> done.verdict.word
        'trusted...'
        """
        return str(self.data["verdict"])

    @property
    def platform(self) -> str:
        """The kind of machine, such as ``"snp"``.

        >>> done.verdict.platform
        'simulated...'
        """
        return str(self.data["platform"])

    @property
    def is_simulated(self) -> bool:
        """Whether nothing protects what this machine is given.

        >>> done.verdict.is_simulated
        True
        """
        return bool(self.data["simulated"])

    @property
    def findings(self) -> list[Finding]:
        """Every condition in the order in which they were looked at.

        >>> len(done.verdict.findings) > 5
        True
        """
        return [
            Finding(str(f["code"]), bool(f["ok"]), str(f.get("expected", "")), str(f.get("found", "")))
            for f in self.data["findings"]
        ]

    @property
    def unmet(self) -> list[Finding]:
        """The conditions that do not hold.

        >>> done.verdict.unmet
        []
        """
        return [finding for finding in self.findings if not finding.ok]

    def require(self) -> Verdict:
        """Refuses unless every condition holds.

        Raises:
            EvidenceRefused: One does not; ``details["verdict"]`` has them all.

        >>> done.verdict.require() is done.verdict
        True
        """
        if self._good:
            return self
        first = next(iter(self.unmet), None)
        said = f"; first {first.check}: expected {first.expected}, found {first.found}" if first else ""
        error = EvidenceRefused(
            f"expected every condition to hold, found {len(self.unmet)} unmet{said}",
            hint="nothing that this machine says can be relied on",
        )
        error.details["verdict"] = self.data
        error.details["html"] = self._html
        raise error

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict is not true or false: use .require(), which raises with the reasons")

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        lines = [SIMULATED] if self.is_simulated else []
        met = len(self.findings) - len(self.unmet)
        lines.append(f"{self.word.upper()}  {self.platform}  {met} of {len(self.findings)} conditions hold")
        if self.data.get("binding") == "none":
            lines.append("  bound to nothing: what a machine signed, and not whom you talk to")
        for finding in self.unmet:
            lines.append(f"  ✘ {finding.check}: expected {safe(finding.expected)}, found {safe(finding.found)}")
        return "\n".join(lines)
