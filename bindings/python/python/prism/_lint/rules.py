"""The rules about imports, requirements and files. Each says what was seen, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from .._failures import FETCHING, LOCKING
from ..lint import Level, LintFinding
from . import accesses
from .lock import Requirements
from .source import TOO_DEEP, File, Program, is_stray
from .values import Values, clean, place

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_SHARED = ("/tmp", "/var/tmp", "/dev/shm")
_LOCK = f"lock with hashes: `{LOCKING}`"
_FETCH = f"fetch it: `{FETCHING}`"
_ADD = f"add it to requirements.txt, `{LOCKING}`, `{FETCHING}`, and give requirements='needs'"


@dataclass
class Reading:
    """A program that was read, and what goes with it."""

    program: Program
    """The program."""
    requirements: Requirements | None
    """Its requirements, if it has any."""
    values: dict[str, Values]
    """What the expressions of each file can stand for."""


def _finding(rule: str, level: Level, file: File | str, line: int | None, found: str, hint: str) -> LintFinding:
    return LintFinding(rule, level, file if isinstance(file, str) else file.name, line, found, hint)


def about_source(reading: Reading) -> Iterator[LintFinding]:
    """What Python itself would refuse, and what a folder takes along for nothing."""
    program = reading.program
    for name, line, why in program.broken:
        level: Level = "problem" if name == program.entry else "note"
        found = why if why == TOO_DEEP else f"this cannot be read as Python: {why}"
        yield _finding("syntax", level, name, line, found, "correct it, or leave the file out")
    if program.whole:
        for path in sorted(program.folder.rglob("*")):
            if is_stray(path) and not any(is_stray(parent) for parent in path.parents):
                name = path.relative_to(program.folder).as_posix()
                hint = "remove it: it goes along with the program and changes its digest"
                yield _finding("stray-files", "note", name, None, "this is not part of the program", hint)


def about_imports(reading: Reading, modules: dict[str, bool]) -> Iterator[LintFinding]:
    """Modules that neither Python, nor the program, nor its requirements bring."""
    told = set()
    for file in reading.program.files:
        for one in file.imports:
            top = one.module.partition(".")[0]
            if top in told or modules.get(top, True):
                continue
            told.add(top)
            if reading.program.leaves(one.module):
                found = f"{top} lies beside the script, and only the script is sent"
                hint = "bring the folder with Algorithm.from_folder"
                yield _finding("import-left-behind", "problem", file, one.line, found, hint)
                continue
            where = (
                f"{reading.requirements.name} does not pin it" if reading.requirements else "there are no requirements"
            )
            level: Level = "note" if one.optional else "problem"
            found = f"imports {top}, but {where}"
            hint = "the program seems to do without it" if one.optional else _ADD
            yield _finding("import-not-locked", level, file, one.line, found, hint)


def about_requirements(reading: Reading) -> Iterator[LintFinding]:
    """What an agent would refuse of the lock."""
    requirements = reading.requirements
    if requirements is None:
        return
    for line, found in requirements.faults[:5]:
        hint = _FETCH if "wheel" in found else _LOCK
        yield _finding("requirements", "problem", requirements.name, line, found, hint)
    if len(requirements.faults) > 5:
        found = f"{len(requirements.faults) - 5} more of the kind"
        yield _finding("requirements", "problem", requirements.name, None, found, _LOCK)
    if not requirements.wheels and not requirements.faults:
        found = "no wheels lie beside the lock, so the agent has to fetch them from an index"
        hint = f"for a rehearsal here, give a folder with requirements.lock and the wheels: `{FETCHING}`"
        yield _finding("requirements", "note", requirements.name, None, found, hint)


def paths(reading: Reading, where: str) -> list[str]:
    """What the program names below ``datasets/`` or ``results/``, the longest forms only."""
    found = {clean(argument) for argument in reading.program.args if place(argument) == where}
    for file in reading.program.files:
        texts = accesses.mentions(file, reading.values[file.name])
        found |= {clean(text) for text in texts if place(text) == where}
    # A path stands directly before those below it once "/" sorts before everything else.
    ordered = sorted(found, key=lambda text: text.replace("/", "\0"))
    return sorted(text for text, after in pairwise([*ordered, ""]) if not after.startswith(text + "/"))


def about_files(reading: Reading) -> Iterator[LintFinding]:
    """Where the program reads and writes."""
    entry = reading.program.entry
    if reading.program.files and not paths(reading, "datasets"):
        hint = "everybody's data is at datasets/NAME in the working directory"
        yield _finding("no-datasets", "note", entry, None, "names nothing below datasets/", hint)
    if reading.program.files and not paths(reading, "results"):
        hint = "write what is to leave below results/ in the working directory; nothing else does"
        yield _finding("no-results", "problem", entry, None, "names nothing below results/", hint)
    written = {text for _, one in _all(reading) if one.kind == "write" for text in map(clean, one.texts)}
    for file, one in _all(reading):
        for text in sorted(one.texts):
            yield from _about(reading.program, file, one, clean(text), written)


def _all(reading: Reading) -> Iterator[tuple[File, accesses.Access]]:
    for file in reading.program.files:
        for one in accesses.accesses(file, reading.values[file.name]):
            yield file, one


def _about(program: Program, file: File, one: accesses.Access, text: str, written: set[str]) -> Iterator[LintFinding]:
    if "\n" in text:
        return
    where = place(text)
    does = "writes" if one.kind == "write" else "reads"
    if where == "datasets" and one.kind == "write":
        hint = "allowed: the run has a private copy, of which nothing leaves"
        yield _finding("writes-datasets", "note", file, one.line, f"writes {text}, inside datasets/", hint)
    elif where == "absolute" and text not in _DEVICES:
        level: Level = "note" if text.startswith(_SHARED) else "problem"
        hint = "use the tempfile module" if level == "note" else "the run sees datasets/ and results/, not this machine"
        yield _finding("outside-path", level, file, one.line, f"{does} the absolute path {text}", hint)
    elif where == "up":
        hint = "the run has its working directory, with datasets/ and results/, and nothing above it"
        yield _finding("outside-path", "problem", file, one.line, f"{does} {text}, above the working directory", hint)
    elif where == "home" and one.kind == "read":
        hint = "a run's home is empty but for auxiliary files that the terms name"
        yield _finding("outside-path", "note", file, one.line, f"reads {text}, in the home folder", hint)
    elif where == "script":
        yield from _beside(program, file, one, text)
    elif where == "other" and not text.startswith("*") and "://" not in text and text not in ("", "."):
        yield from _relative(file, one, text, written)


def _beside(program: Program, file: File, one: accesses.Access, text: str) -> Iterator[LintFinding]:
    """Paths that start at the program's own folder."""
    name = text.partition("/")[2]
    folder = name.partition("/")[0]
    if folder in ("datasets", "results"):
        found, hint = f"looks for {folder}/ beside the program", f'it is in the working directory: Path("{folder}")'
    elif one.kind == "write":
        found, hint = f"writes {name} beside the program, where nothing can be written", "write below results/"
    elif not program.whole and name != file.name:
        found = f"reads {name} beside the script, and only the script is sent"
        hint = "bring the folder with Algorithm.from_folder, or the file as a dataset"
    else:
        return
    yield _finding("script-folder", "problem", file, one.line, found, hint)


def _relative(file: File, one: accesses.Access, text: str, written: set[str]) -> Iterator[LintFinding]:
    """Relative paths that lead neither to datasets/ nor to results/."""
    if one.kind == "write":
        hint = "what is to leave belongs below results/; everything else goes with the run"
        yield _finding("outside-path", "note", file, one.line, f"writes {text}, outside of results/", hint)
    elif text not in written:
        hint = "bring it as a dataset: the working directory has datasets/ and results/ only"
        yield _finding("outside-path", "note", file, one.line, f"reads {text}, which nobody brings", hint)
