"""Rehearsals: everything that can be tried here before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from ._failures import last_lines
from ._words import SIMULATED, card, safe
from .errors import PrismError
from .lint import Lint
from .simulation import Simulation

__all__ = ["Readiness", "Rehearsal"]


@dataclass(frozen=True)
class Readiness:
    """What :meth:`prism.Manifest.rehearse` found: who is ready, with what. What is not ready is an error there.

    >>> prism.Readiness("hospital-1", ("h1.csv",))
    ready: hospital-1; h1.csv as agreed
    """

    participant: str
    """Whose key it is."""
    assets: tuple[str, ...]
    """What was compared with the terms, by the manifest's names, sorted."""
    is_simulated: bool = False
    """Whether the terms accept a machine that nothing protects."""

    def __repr__(self) -> str:
        brings = f"; {', '.join(map(safe, self.assets))} as agreed" if self.assets else ""
        return f"{SIMULATED + chr(10) if self.is_simulated else ''}ready: {safe(self.participant)}{brings}"

    def _repr_html_(self) -> str:
        checks = [(True, "key", f"the manifest names it: {self.participant}")]
        checks += [(True, name, "the bytes that were agreed") for name in self.assets]
        return card(f"Ready: {self.participant}", True, self.is_simulated, [("sent", "nothing yet")], checks)


class Rehearsal:
    """What :meth:`prism.Algorithm.rehearse` found: what the program's source shows, and how it ran here.

    There is no ``if rehearsal:``; :meth:`require` gives the run, or raises why there was none.

    >>> script = folder / "broken.py"
    >>> _ = script.write_text("import torch")
    >>> trial = prism.Algorithm.from_script(script).rehearse({"h1": prism.Asset.from_bytes(b"61,1")})
    >>> trial.ok, trial.seconds, trial.log.splitlines()[-1]
    (False, None, "ModuleNotFoundError: No module named 'torch'")
    >>> trial.require()
    Traceback (most recent call last):
    prism.errors.RunFailed: ...
    >>> trial.failure.hint
    "add torch to requirements.txt, `uv pip compile ..."
    """

    def __init__(self, lint: Lint, run: Simulation | None, failure: PrismError | None) -> None:
        self.lint = lint
        """What reading the program told."""
        self.run = run
        """The whole simulated computation, with its result, log and figures; nothing if it failed."""
        self.failure = failure
        """Why it failed: ``details["stderr"]`` is the end of what it printed, ``hint`` what helps."""

    @property
    def ok(self) -> bool:
        """Whether the program ran to its end and its result was taken."""
        return self.run is not None

    @property
    def seconds(self) -> float | None:
        """How long the program ran here, in seconds; nothing if it failed."""
        if self.run is None:
            return None
        times = {entry.type: entry.time for entry in self.run.timeline}
        return times["run.exit"] - times["run.start"]

    @property
    def log(self) -> str:
        """What it printed, or the end of it when it failed."""
        if self.run is not None:
            return self.run.log
        return str(self.failure.details.get("stderr", "")) if self.failure is not None else ""

    def require(self) -> Simulation:
        """The run.

        Raises:
            RunFailed: The program failed.
            RequirementsFailed: Its packages could not be installed.
        """
        if self.run is None:
            assert self.failure is not None
            raise self.failure
        return self.run

    def __bool__(self) -> NoReturn:
        raise TypeError("a rehearsal is not true or false: use .require(), which raises with the reason")

    def _title(self) -> str:
        return f"Rehearsal of {self.lint.name}: {'it ran' if self.ok else 'it FAILED'}"

    def _facts(self) -> list[tuple[str, str]]:
        facts = [("reads", ", ".join(self.lint.reads) or "nothing that it names")]
        if self.run is not None:
            facts += [("wrote", ", ".join(self.run.result.names) or "nothing below results/")]
            facts += [("took", f"{self.seconds:.1f} s on this machine")]
            if self.run.metrics:
                facts += [("figures", ", ".join(f"{n} {v:g}" for n, v in self.run.metrics[-1].values.items()))]
        elif self.failure is not None:
            facts += [("why", str(self.failure))]
            facts += [("hint", self.failure.hint)] if self.failure.hint else []
        if self.lint.missing:
            facts += [("not in the lock", ", ".join(self.lint.missing))]
        return facts

    def __repr__(self) -> str:
        lines = [SIMULATED, safe(self._title())]
        lines += [f"  {name} {safe(value)}" for name, value in self._facts()]
        lines += [f"  | {safe(line)}" for line in last_lines(self.log, 20 if self.failure else 5).splitlines()]
        lines += [f"  ✘ {safe(one.place)}: {safe(one.found)}; {safe(one.hint)}" for one in self.lint.problems]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [(name, safe(value)) for name, value in self._facts()]
        printed = last_lines(self.log, 20 if self.failure else 5).splitlines()
        if printed:
            # A line break makes it text as it was printed.
            rows.append(("printed", "\n".join(safe(line) for line in printed) + "\n"))
        checks = [(False, one.place, f"{one.found}; {one.hint}") for one in self.lint.problems]
        good = False if self.failure else None if self.lint.problems else True
        return card(self._title(), good, True, rows, checks)
