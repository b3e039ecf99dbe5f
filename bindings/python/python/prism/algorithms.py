"""Algorithms: programs that people bring, looked at and rehearsed before anything is sent."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._files import place, read
from ._lint import LONGEST, Program, examine
from ._words import card, safe, short, size
from .assets import Asset
from .errors import FileMissing, RequirementsFailed, RunFailed, Usage
from .lint import Lint, LintFinding

if TYPE_CHECKING:
    from ._progress import ProgressOption
    from .rehearsals import Rehearsal

__all__ = ["Algorithm"]

_BINARY = {b"\x7fELF": "an ELF executable", b"\x00asm": "a WebAssembly module", b"PK\x03\x04": "an archive"}


class Algorithm(PathLike[str]):
    """A Python program with what belongs to it: its arguments, its packages, the devices that it needs.

    It stands wherever a path does, as in ``agent.upload("train.py", algorithm)`` or ``prism.simulate(algorithm, ...)``.

    >>> script = folder / "count.py"
    >>> _ = script.write_text("open('results/rows', 'w').write(open('datasets/h1').read())")
    >>> algorithm = prism.Algorithm.from_script(script, args=["--epochs", "1"])
    >>> algorithm
    Algorithm count.py --epochs 1, 59 bytes, sha256:...
    >>> algorithm.name, algorithm.size, algorithm.digest
    ('count.py', 59, 'sha256:...')
    >>> algorithm.lint().problems
    []
    """

    def __init__(
        self,
        path: Path,
        entry: str | None,
        requirements: str | PathLike[str] | None,
        args: Sequence[str],
        devices: Sequence[str],
    ) -> None:
        for what, texts in (("args", args), ("devices", devices)):
            if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
                raise Usage(f"expected a list of texts as {what}, found {texts!r}", hint=f'give {what}=["…"]')
        self.path = path
        """The script, or the program's folder."""
        self.entry = entry
        """The file of the folder that runs; nothing for a script."""
        self.requirements = place(requirements, "the path of requirements") if requirements is not None else None
        """The lock, or the folder or archive with it and the wheels."""
        if self.requirements is not None and not self.requirements.exists():
            raise FileMissing(f"expected requirements at {requirements}, found nothing", hint="check the path")
        self.args = list(args)
        """Its arguments."""
        self.devices = list(devices)
        """Devices without which the run is refused, such as ``"nvidia-gpu"``."""
        self.asset = Asset.from_path(path)
        """The program as an asset: its digest, its size. A script is as it was when this was made, whatever becomes of
        its file: the same bytes are read, rehearsed and measured."""
        self._content: bytes | None = None
        if entry is None and self.asset.size <= LONGEST:
            self._content = read(path, "a program", LONGEST)
            name, self.asset = self.asset.name, Asset.from_bytes(self._content)
            # A file may have a name that no manifest takes, and be looked at all the same.
            self.asset.name, self.asset.path = name, path

    @classmethod
    def from_script(
        cls,
        path: str | PathLike[str],
        requirements: str | PathLike[str] | None = None,
        args: Sequence[str] = (),
        *,
        devices: Sequence[str] = (),
    ) -> Algorithm:
        """A program in one file. Nothing that lies beside it goes along.

        Args:
            path: The Python file.
            requirements: A lock file, or a folder (or its archive) with ``requirements.lock`` and the wheels.
            args: The program's arguments.
            devices: Devices without which the run is refused.

        Raises:
            FileMissing: The script or the requirements are not there.
            Usage: It is a folder, or no Python program.
        """
        path = place(path, "the path of a program")
        if path.is_dir():
            raise Usage(f"expected a Python file, found a folder at {path}", hint="use Algorithm.from_folder")
        algorithm = cls(path, None, requirements, args, devices)
        found = _other_kind(path)
        if found is not None:
            hint = "export it as a script first" if "notebook" in found else "bring other programs as an Asset"
            raise Usage(f"expected a Python program at {path}, found {found}", hint=hint)
        return algorithm

    @classmethod
    def from_folder(
        cls,
        path: str | PathLike[str],
        entry: str = "main.py",
        requirements: str | PathLike[str] | None = None,
        args: Sequence[str] = (),
        *,
        devices: Sequence[str] = (),
    ) -> Algorithm:
        """A program of several files.

        Args:
            path: The folder. All of it goes along, and all of it counts in the digest.
            entry: The file in it that runs.
            requirements: A lock file, or a folder (or its archive) with ``requirements.lock`` and the wheels.
            args: The program's arguments.
            devices: Devices without which the run is refused.

        Raises:
            FileMissing: The folder, its entry or the requirements are not there.
            FileMalformed: The folder contains links or special files.

        >>> (folder / "program").mkdir()
        >>> _ = (folder / "program" / "main.py").write_text("import helper")
        >>> _ = (folder / "program" / "helper.py").write_text("")
        >>> prism.Algorithm.from_folder(folder / "program").asset.names
        ['helper.py', 'main.py']
        """
        path = place(path, "the path of a program")
        if path.is_file():
            raise Usage(f"expected a folder, found a file at {path}", hint="use Algorithm.from_script")
        if not (path / entry).is_file():
            raise FileMissing(f"expected {entry} in {path}, found none", hint='name the file that runs: entry="…"')
        return cls(path, entry, requirements, args, devices)

    @property
    def name(self) -> str:
        """What to call it: the name of the file or folder."""
        return self.asset.name

    @property
    def digest(self) -> str:
        """The SHA-256 of the script, or of the folder's canonical archive."""
        return self.asset.digest

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.asset.size

    def draft(self, provider: str, limits: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What a draft of terms says of it, for :meth:`prism.Manifest.new`.

        Args:
            provider: The participant who brings it.
            limits: Bounds on what its run may use, such as ``{"memory": "4 GiB", "time": "10min"}``.

        >>> algorithm = prism.Algorithm.from_script(prism.samples.covid19.script, args=["--quick"])
        >>> said = algorithm.draft("lab", {"memory": "1 GiB"})
        >>> said["name"], said["args"], said["limits"]
        ('train.py', ['--quick'], {'memory': '1 GiB'})
        """
        said: dict[str, Any] = {"provider": provider, "name": self.name, "digest": self.digest, "size": self.size}
        said["args"] = self.args
        if self.entry is not None:
            said |= {"entry": self.entry}
        if self.requirements is not None:
            said["requirements"] = os.path.abspath(self.requirements)
        if self.devices:
            said["devices"] = self.devices
        return said | ({"limits": dict(limits)} if limits else {})

    def lint(self) -> Lint:
        """Reads the program and says what it would meet in a run. Nothing is executed.

        It is a help, not a check: a program can do what its source does not show. What protects the data is the
        sandbox of the run; what people agree to is the program's digest.
        """
        path, entry = self.path, self.entry
        folder = path if entry is not None else path.parent
        name = entry if entry is not None else path.name
        program = Program(name, entry is not None, folder, self.args, self.devices, self._content)
        return examine(path.name, program, self.requirements)

    def _read(self) -> Lint:
        """What reading tells: a help, so that a program that cannot be read can run all the same."""
        try:
            return self.lint()
        except Exception as error:
            found = f"expected a program that can be read, found {type(error).__name__}: {error}"
            hint = "nothing was told of the source: look at how it ran"
            return Lint(
                self.name, [LintFinding("syntax", "note", self.entry or self.name, None, found, hint)], [], [], {}
            )

    def rehearse(
        self,
        datasets: Mapping[str, str | PathLike[str] | Asset],
        *,
        limits: Mapping[str, Any] | None = None,
        progress: ProgressOption = False,
    ) -> Rehearsal:
        """Reads the program, and runs it here on your own data: the same runner, folders and limits, no network.

        Nothing is sent anywhere, and nothing protects the data: give data that may be here, such as a few made-up rows.

        Args:
            datasets: Files, folders or assets by the names that the manifest will give them.
            limits: Bounds on what its run may use, such as ``{"memory": "4 GiB", "time": "10min"}``.
            progress: How to show uploads; silent by default.

        Returns:
            What it read, wrote and printed, how long it took, or why it failed.

        Raises:
            Usage: There is no dataset, a name that no manifest takes, or requirements without wheels.

        >>> script = folder / "count.py"
        >>> _ = script.write_text("open('results/rows', 'w').write(open('datasets/h1').read())")
        >>> trial = prism.Algorithm.from_script(script).rehearse({"h1": prism.Asset.from_bytes(b"61,1")})
        >>> trial.require().result.text("rows")
        '61,1'
        """
        from .rehearsals import Rehearsal
        from .simulation import simulate

        lint = self._read()
        try:
            return Rehearsal(lint, simulate(self, datasets, limits=limits, progress=progress), None)
        except (RunFailed, RequirementsFailed) as error:
            return Rehearsal(lint, None, error)

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __repr__(self) -> str:
        args = f" {safe(' '.join(self.args))}" if self.args else ""
        needs = f", packages of {safe(self.requirements.name)}" if self.requirements else ""
        return f"Algorithm {safe(self.name)}{args}, {size(self.size)}, {short(self.digest)}{needs}"

    def _repr_html_(self) -> str:
        rows = [("size", size(self.size)), ("digest", self.digest)]
        rows += [("runs", self.entry)] if self.entry else []
        rows += [("arguments", " ".join(self.args))] if self.args else []
        rows += [("packages", self.requirements.name)] if self.requirements else []
        rows += [("devices", ", ".join(self.devices))] if self.devices else []
        return card(f"Algorithm {self.name}", None, False, rows, [])


def _other_kind(path: Path) -> str | None:
    """What a file is that is no text, by its first bytes."""
    with open(path, "rb") as file:
        first = file.read(4096)
    if path.suffix == ".ipynb":
        return "a notebook"
    if b"\x00" not in first:
        return None
    return next((kind for magic, kind in _BINARY.items() if first.startswith(magic)), "bytes that are no text")
