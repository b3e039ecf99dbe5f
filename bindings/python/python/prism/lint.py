"""What can be told of a program by reading it: a help before a rehearsal, never a check and never a protection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NoReturn

from ._words import card, safe

__all__ = ["Lint", "LintFinding"]

Level = Literal["problem", "note"]

_HONEST = "a help, not a check: the source was read, nothing was executed"


@dataclass(frozen=True)
class LintFinding:
    """One thing that was seen in a program's source, or in its requirements.

    >>> finding = prism.LintFinding("network", "problem", "train.py", 69, "requests needs a network", "bring the file")
    >>> finding.place
    'train.py, line 69'
    """

    rule: str
    """The rule's stable name, such as ``"network"``; :attr:`Lint.rules` has all of them."""
    level: Level
    """``"problem"``: the run will probably fail, or do something else than was meant. ``"note"``: worth knowing."""
    file: str
    """The file, below the program's folder."""
    line: int | None
    """The line, from 1; nothing when it is about the whole file."""
    found: str
    """What was seen."""
    hint: str
    """What to do about it."""

    @property
    def place(self) -> str:
        """The file and the line, for people."""
        return self.file if self.line is None else f"{self.file}, line {self.line}"


class Lint:
    """What reading a program told. It is a help, not a check: a program can do what its source does not show.

    There is no ``if lint:``; look at :attr:`problems`, and rehearse.

    >>> script = folder / "fetch.py"
    >>> _ = script.write_text("import urllib.request\\nurllib.request.urlopen('https://example.org/weights')\\n")
    >>> lint = prism.Algorithm.from_script(script).lint()
    >>> [(finding.rule, finding.line) for finding in lint.problems]
    [('network', 2), ('no-results', None)]
    >>> [finding.rule for finding in lint.notes], lint.missing
    (['no-datasets'], [])
    """

    rules: tuple[str, ...] = (
        "syntax",
        "import-not-locked",
        "import-left-behind",
        "network",
        "no-datasets",
        "no-results",
        "writes-datasets",
        "outside-path",
        "script-folder",
        "waits-for-people",
        "shows-window",
        "gpu-not-asked",
        "installs-packages",
        "stray-files",
        "requirements",
    )
    """Every rule's stable name."""

    def __init__(
        self, name: str, findings: list[LintFinding], reads: list[str], writes: list[str], packages: dict[str, bool]
    ) -> None:
        self.name = name
        """The program's name."""
        self.findings = findings
        """Everything that was seen, the problems first, then by file and line."""
        self.reads = reads
        """What it names below ``datasets/``; ``*`` stands for what is known only when it runs."""
        self.writes = writes
        """What it names below ``results/``."""
        self.packages = packages
        """What it imports that Python does not bring, and whether the requirements do."""

    @property
    def problems(self) -> list[LintFinding]:
        """What will probably fail, or do something else than was meant."""
        return [finding for finding in self.findings if finding.level == "problem"]

    @property
    def notes(self) -> list[LintFinding]:
        """What is worth knowing."""
        return [finding for finding in self.findings if finding.level == "note"]

    @property
    def missing(self) -> list[str]:
        """What it imports that neither Python nor the requirements bring, sorted."""
        return sorted(name for name, locked in self.packages.items() if not locked)

    def __bool__(self) -> NoReturn:
        raise TypeError("a lint report is not true or false: look at .problems, and rehearse the program")

    def _title(self) -> str:
        problems, notes = len(self.problems), len(self.notes)
        told = f"{problems} {'problem' if problems == 1 else 'problems'}, {notes} {'note' if notes == 1 else 'notes'}"
        return f"Lint of {self.name}: {told}"

    def _facts(self) -> list[tuple[str, str]]:
        facts = [("reads", ", ".join(self.reads) or "nothing that it names")]
        facts.append(("writes", ", ".join(self.writes) or "nothing that it names"))
        if self.packages:
            facts.append(("imports", ", ".join(sorted(self.packages))))
        return facts

    def __repr__(self) -> str:
        lines = [f"{safe(self._title())} ({_HONEST})"]
        lines += [f"  {name} {safe(value)}" for name, value in self._facts()]
        for finding in self.findings:
            mark = "✘" if finding.level == "problem" else "·"
            lines.append(
                f"  {mark} {safe(finding.place)}: {safe(finding.found)}; {safe(finding.hint)} [{finding.rule}]"
            )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [*self._facts(), ("this is", _HONEST)]
        rows += [(f"note: {note.place}", f"{note.found}; {note.hint}") for note in self.notes]
        checks = [(False, problem.place, f"{problem.found}; {problem.hint}") for problem in self.problems]
        return card(self._title(), False if self.problems else None, False, rows, checks)
