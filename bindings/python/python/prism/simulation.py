"""A whole computation in one call, with the real protocol, runner and verifier, on a pretend machine."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from ._failures import last_lines, matching, shown
from ._files import copy_new, ours, place
from ._lint.lock import require_wheels
from ._plots import CURVES, curves, spans, sparkline
from ._progress import ProgressOption
from ._words import card, need, safe, text
from .agents import Agent, Entry, Figures, connect
from .algorithms import Algorithm
from .assets import Asset
from .audits import AuditReport, audit
from .errors import PrismError, RequirementsFailed, RunFailed, Usage
from .keys import Key
from .results import NOTHING, Result
from .serving import remove, serve
from .terms import Manifest
from .verdicts import Verdict

# What a manifest calls assets.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

__all__ = ["Sample", "Simulation", "simulate"]


@dataclass(frozen=True)
class Sample:
    """A ready-made scenario: a program and what makes everybody's data.

    >>> sample = prism.samples.covid19
    >>> sample.title, sample.script.name, sample.datasets
    ('COVID-19 chest X-ray classifier', 'train.py', ('h1', 'h2', 'h3'))
    """

    title: str
    """What it is about."""
    script: Path
    """The program, which needs nothing but Python."""
    datasets: tuple[str, ...]
    """The datasets' names."""

    def make(self, folder: Path) -> dict[str, Path]:
        """Makes everybody's data, the same each time, and says where it is.

        >>> sorted(prism.samples.covid19.make(folder / "mock"))
        ['h1', 'h2', 'h3']
        """
        from .samples import draw

        return draw(self.datasets, folder)


class _Place:
    """A folder that goes when nobody needs it any more."""

    def __init__(self, folder: Path) -> None:
        self.clean = weakref.finalize(self, remove, folder, os.getpid())


class Simulation:
    """What a simulated computation came to. SIMULATED: no hardware protected anything.

    Example::

        done = prism.simulate(prism.samples.covid19)
        done.result.json("metrics.json")

    >>> done = prism.simulate(prism.samples.covid19)
    >>> done.title
    'COVID-19 chest X-ray classifier'
    >>> done.audit.require().holds, done.verdict.word
    (True, 'trusted...')
    >>> [figures.values for figures in done.metrics]
    [{'accuracy': ...}, {'accuracy': ...}, {'accuracy': ...}]
    >>> done.result.json("metrics.json")["images"]
    180
    >>> done.log.splitlines()[-1]
    'trained on 144 images, ...'
    >>> done.timeline[0].type, done.folder.exists()
    ('log.open', True)
    """

    def __init__(self, title: str, folder: Path) -> None:
        self.title = title
        """What it was about."""
        self.folder = folder
        """Everybody's files; they go with this object and its result, or with :meth:`close`."""
        self._place = _Place(folder)
        self.verdict: Verdict
        """The verdict on the pretend machine."""
        self.timeline: list[Entry] = []
        """Every entry of the log, as it was proven."""
        self.metrics: list[Figures] = []
        """The figures that the program printed."""
        self.log: str = ""
        """What the program printed."""
        self.result: Result
        """What it made."""
        self.audit: AuditReport
        """The audit of the whole run."""

    def close(self) -> None:
        """Removes everybody's files now.

        >>> mine = prism.simulate(prism.samples.covid19)
        >>> mine.close()
        >>> mine.folder.exists()
        False
        """
        self._place.clean()

    def save_transcript(self, to: str | PathLike[str]) -> Path:
        """Copies the transcript to a new file: with it anyone can repeat the audit.

        Raises:
            FileExists: Something is there already.
            FileMissing: The simulation was closed.

        >>> done.save_transcript(folder / "run.transcript").name
        'run.transcript'
        """
        return copy_new(self.folder / "run.transcript", to, "a transcript")

    def __repr__(self) -> str:
        lines = [f"{self.audit!r}", f"{safe(self.title)}: {len(self.timeline)} entries"]
        states = [f"{safe(state)} {seconds:.1f} s" for state, seconds in spans(self.timeline)]
        lines.append(f"  {', '.join(states)}")
        for name, values in list(curves(self.metrics).items())[:CURVES]:
            lines.append(f"  {safe(name)} {sparkline(values)} {values[-1]:g}")
        return "\n".join([*lines, repr(self.result)])

    def _repr_html_(self) -> str:
        rows: list[tuple[str, str | list[float] | list[tuple[str, float]]]] = [("run", spans(self.timeline))]
        rows += list(curves(self.metrics).items())[:CURVES]
        rows.append(("result", ", ".join(map(safe, self.result.names)) or NOTHING))
        kept = sum(finding.ok for finding in self.audit.findings)
        rows.append(("audit", f"{kept} of {len(self.audit.findings)} checks hold"))
        begin = self.timeline[0].time if self.timeline else 0.0
        log = [f"{entry.time - begin:6.1f} s  {entry.state:19}  {safe(entry.words)}" for entry in self.timeline]
        return card(self.title, self.audit.holds, True, rows, [], ("the log", "\n".join(log)))


def simulate(
    program: Sample | Algorithm | str | PathLike[str],
    datasets: Mapping[str, str | PathLike[str] | Asset] | None = None,
    *,
    args: list[str] | None = None,
    requirements: str | PathLike[str] | None = None,
    limits: Mapping[str, Any] | None = None,
    progress: ProgressOption = False,
) -> Simulation:
    """Runs a whole computation here: hospitals, algorithm, consumer and audit, on a pretend machine.

    The same protocol, sandbox without a network, limits and verifier as on real machines, so what works here works
    there. Nothing leaves this computer and nothing protects it.

    Args:
        program: A sample such as ``prism.samples.covid19``, or your own algorithm, script or folder with ``main.py``.
        datasets: Your data by name; each is brought by a participant of its own. A sample makes its own.
        args: The program's arguments; an algorithm brings its own.
        requirements: A folder with a lock and wheels, if the program needs packages; an algorithm brings its own.
        limits: Bounds as a draft of terms writes them, such as ``{"memory": "4 GiB", "time": "10min"}``.
        progress: How to show uploads; silent by default.

    Returns:
        The result, the log, the figures, the timeline and the audit.

    Raises:
        RunFailed: The program failed; ``details["stderr"]`` is the end of what it printed, and ``hint`` what may help.
        RequirementsFailed: Its packages could not be installed.
        Usage: There is no dataset, or the requirements have no wheels; nothing was started.

    >>> _ = (folder / "count.py").write_text('''
    ... import pathlib
    ... rows = pathlib.Path("datasets/h1.csv").read_text().splitlines()
    ... pathlib.Path("results").mkdir(exist_ok=True)
    ... pathlib.Path("results/rows.txt").write_text(str(len(rows)))
    ... ''')
    >>> mine = prism.simulate(folder / "count.py", {"h1.csv": folder / "h1.csv"})
    >>> mine.result.text("rows.txt")
    '3'
    """
    need(datasets, Mapping | None, f"give {_by_name(datasets)}")
    need(limits, Mapping | None, 'give limits={"memory": "4 GiB"}')
    with ours(tempfile.gettempdir(), "a place for temporary files"):
        folder = Path(tempfile.mkdtemp(prefix="prism-simulation-"))
    try:
        scene = _Scene(folder, _algorithm(program, args, requirements), program, datasets or {}, dict(limits or {}))
        done = Simulation(scene.title, folder)
        scene.play(done, progress)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return done


def _algorithm(
    program: Sample | Algorithm | str | PathLike[str], args: list[str] | None, requirements: str | PathLike[str] | None
) -> Algorithm:
    """The program with what belongs to it."""
    if isinstance(program, Algorithm):
        if args is not None or requirements is not None:
            raise Usage("expected args and requirements in the algorithm, found them beside it", hint="give them there")
        return program
    path = program.script if isinstance(program, Sample) else place(program, "a sample, an algorithm or a path")
    make = Algorithm.from_folder if path.is_dir() else Algorithm.from_script
    return make(path, requirements=requirements, args=args or [])


def _by_name(datasets: object) -> str:
    """Data that were given without their names, as they are to be given."""
    given = datasets if isinstance(datasets, list | tuple) else [datasets]
    paths = [os.fspath(data) for data in given if isinstance(data, str | PathLike)]
    if not paths or len(paths) < len(given):
        return '{"h1": "mock/h1"}: each dataset by its name'
    return "{" + ", ".join(f'"{safe(Path(path).name)}": "{safe(path)}"' for path in paths) + "}"


class _Scene:
    """Everybody of one simulated computation, and their files."""

    def __init__(
        self,
        folder: Path,
        algorithm: Algorithm,
        program: object,
        datasets: Mapping[str, str | PathLike[str] | Asset],
        limits: dict[str, Any],
    ) -> None:
        self.folder, self.algorithm, self.limits = folder, algorithm, limits
        self.title = f"Simulation of {algorithm.name}"
        if isinstance(program, Sample):
            self.title = program.title
            datasets = datasets or program.make(folder / "data")
        if not datasets:
            raise Usage("expected at least one dataset, found none", hint='give datasets={"h1": "mock/h1"}')
        self.folders = {name for name, data in datasets.items() if not isinstance(data, Asset) and place(data).is_dir()}
        self.data = {
            name: data if isinstance(data, Asset) else Asset.from_path(data) for name, data in datasets.items()
        }
        needs = algorithm.requirements
        if needs is not None:
            require_wheels(needs)
        self.requirements = Asset.from_path(needs) if needs is not None else None
        for name in [*self.data, algorithm.name]:
            if not _NAME.fullmatch(text(name, "a dataset's name")):
                raise Usage(
                    f"expected a name of letters, digits, dots, - and _, found {safe(name)!r}", hint="rename it"
                )
        self.providers = {name: f"provider-{number}" for number, name in enumerate(self.data, 1)}
        names = ["lab", "institute", *self.providers.values()]
        self.keys = {name: Key.create(folder / f"{name}.key") for name in names}

    def draft(self) -> dict[str, Any]:
        datasets = []
        for name, asset in self.data.items():
            one = {"provider": self.providers[name], "name": name, "digest": asset.digest, "size": asset.size}
            datasets.append(one | ({"unpack": name} if name in self.folders else {}))
        return {
            "title": self.title,
            "owner": "lab",
            "valid": "1d",
            "platform": {"simulated": True},
            "participants": {name: {"organisation": name, "key": f"{name}.pub"} for name in self.keys},
            "algorithm": self.algorithm.draft("lab", self.limits),
            "dataset": datasets,
            "results": {"consumers": ["institute"], "max": "1 GiB"},
            "logs": {"stdout": ["lab"], "stderr": ["lab"], "metrics": ["lab"]},
        }

    def play(self, done: Simulation, progress: ProgressOption) -> None:
        terms = Manifest.new(self.draft(), self.folder)
        signed = terms.assemble([terms.approve(key) for key in self.keys.values()])
        with serve(signed, "simulated", state=self.folder / "agent") as room:
            lab = connect(room.address, signed, self.keys["lab"])
            done.verdict = lab.verdict
            lab.upload(self.algorithm.name, self.algorithm.asset, progress=progress)
            if self.requirements is not None:
                lab.upload(self.requirements.name, self.requirements, progress=progress)
            for name, asset in self.data.items():
                key = self.keys[self.providers[name]]
                lab.upload(name, asset, key, progress=progress)
            self.wait(lab, done)
            done.result = connect(room.address, signed, self.keys["institute"]).result(
                to=self.folder / "result.zip", progress=progress
            )
            # The files stay for as long as somebody holds the result alone: simulate(...).result.json(...).
            vars(done.result)["_place"] = done._place
            done.timeline = list(lab.entries())
            lab.transcript(self.folder / "run.transcript")
        done.audit = audit(self.folder / "run.transcript", signed)

    def wait(self, lab: Agent, done: Simulation) -> None:
        streams: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        try:
            lab.watch(until="delivering", show=False)
        except RunFailed as error:
            _collect(lab, streams)
            raise self.why(error, streams["stderr"].decode(errors="replace")) from None
        _collect(lab, streams)
        done.metrics = list(lab.metrics())
        done.log = (streams["stdout"] + streams["stderr"]).decode(errors="replace")

    def why(self, error: RunFailed, stderr: str) -> PrismError:
        """The same failure with the end of what was printed, and the hint that fits."""
        tail, end = last_lines(stderr), str(error.details.get("end", ""))
        hint = matching(end, tail, list(self.data)) or error.hint
        kind = RequirementsFailed if "requirements" in end else RunFailed
        told = kind(str(error), hint=hint, details=error.details | {"stderr": tail})
        if tail:
            told.add_note(shown(tail))
        return told


def _collect(lab: Agent, streams: dict[str, bytearray]) -> None:
    for stream, piece in lab.logs():
        streams[stream] += piece
