"""Audits: did everything happen as agreed? Offline, for anyone, without any key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from os import PathLike
from typing import Any, NoReturn

from . import _prism
from ._files import read
from ._words import SIMULATED, moment, need, safe
from .errors import AuditFailed
from .terms import Manifest

__all__ = ["AuditReport", "RuleFinding", "audit"]


@dataclass(frozen=True)
class RuleFinding:
    """One rule at one place of the transcript.

    >>> finding = done.audit.findings[0]
    >>> finding.ok, finding.rule, finding.place, finding.found
    (True, ...)
    """

    rule: str
    """The rule's stable name."""
    ok: bool
    """Whether it is kept."""
    place: str
    """Where, for example ``"entry 17"``."""
    found: str
    """What was found there."""


class AuditReport:
    """Every rule with what was found. There is no ``if report:``; use :meth:`require`.

    >>> report = done.audit
    >>> report.require().holds
    True
    >>> sorted(report.data)
    [...'findings'...]
    """

    def __init__(self, holds: bool, text: str, html: str) -> None:
        self.holds = holds
        """Whether every rule is kept."""
        self.data: dict[str, Any] = json.loads(text)
        """The report as JSON, with stable names."""
        self._html = html

    @property
    def findings(self) -> list[RuleFinding]:
        """The rules in the order in which they were checked.

        >>> all(finding.ok for finding in done.audit.findings)
        True
        """
        return [RuleFinding(f["rule"], f["ok"], f["place"], f["found"]) for f in self.data["findings"]]

    @property
    def broken(self) -> list[RuleFinding]:
        """The rules that are broken.

        >>> done.audit.broken
        []
        """
        return [finding for finding in self.findings if not finding.ok]

    @property
    def summary(self) -> dict[str, Any]:
        """What the transcript is about; empty if it could not be read. Believe it only when the report holds.

        >>> done.audit.summary["title"]
        'COVID-19 chest X-ray classifier'
        """
        return self.data["summary"] or {}

    @property
    def is_simulated(self) -> bool:
        """Whether the machine was one that nothing protects.

        >>> done.audit.is_simulated
        True
        """
        return bool(self.summary.get("simulated"))

    def require(self) -> AuditReport:
        """Refuses unless every rule is kept.

        Raises:
            AuditFailed: One is broken; ``details["broken"]`` has them all.

        >>> print(done.audit.require())
        SIMULATED: no hardware protects this data
        audit ok: ... checks hold
        >>> prism.audit(b"nothing").require()
        Traceback (most recent call last):
        prism.errors.AuditFailed: ...
        """
        if self.holds:
            return self
        broken = [f"{finding.rule} at {finding.place}: {finding.found}" for finding in self.broken]
        raise AuditFailed(
            f"expected every rule to hold, found {len(broken)} broken: {'; '.join(broken[:3])}",
            hint="trust nothing that this transcript says",
            details={"broken": broken},
        )

    def __bool__(self) -> NoReturn:
        raise TypeError("a report is not true or false: use .require(), which raises with the reasons")

    def __repr__(self) -> str:
        lines = [SIMULATED] if self.is_simulated else []
        kept = len(self.findings) - len(self.broken)
        lines.append(f"{'audit ok' if self.holds else 'AUDIT FAILED'}: {kept} of {len(self.findings)} checks hold")
        lines += [f"  ✘ {safe(f.rule)} at {safe(f.place)}: {safe(f.found)}" for f in self.broken]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return self._html


def audit(
    transcript: str | PathLike[str] | bytes, manifest: Manifest | None = None, at: int | None = None
) -> AuditReport:
    """Replays a transcript: approvals, machine, log, run and results.

    Args:
        transcript: The file, or its bytes.
        manifest: Requires that it is about this manifest.
        at: Judges as of this time, in Unix seconds, instead of now.

    Returns:
        A report with every rule; ``.require()`` raises unless all hold.

    Raises:
        FileMissing: There is no such file.
        FileIo: It cannot be read.

    >>> path = done.save_transcript(folder / "run.transcript")
    >>> prism.audit(path).require().holds
    True
    """
    need(manifest, Manifest | None, "read it with prism.Manifest.read(path)")
    content = transcript if isinstance(transcript, bytes) else read(transcript, "a transcript")
    expected = manifest.digest if manifest is not None else None
    return AuditReport(*_prism.audit(content, expected, moment(at)))
