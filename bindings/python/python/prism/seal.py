"""Files sealed to their readers, in the age format, without an agent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from . import _prism
from ._files import ours, place
from ._progress import Progress, ProgressOption, display
from ._words import need, text
from .assets import Asset
from .errors import Usage

__all__ = ["Identity", "Sealed", "open", "seal"]


class Identity:
    """What opens sealed files. It never leaves its file and this process.

    >>> identity = prism.seal.Identity.create(folder / "institute.identity")
    >>> prism.seal.Identity.load(folder / "institute.identity").recipient == identity.recipient
    True
    """

    def __init__(self, native: _prism.Identity) -> None:
        self._native = native

    @classmethod
    def create(cls, path: str | PathLike[str], *, hybrid: bool = True) -> Identity:
        """Makes one and writes it to a new file that only its owner can read.

        Args:
            path: The file.
            hybrid: X25519 and ML-KEM-768 together, which hold against quantum computers, too; otherwise X25519 alone,
                which every age tool knows.

        Raises:
            FileExists: Something is there already.

        >>> prism.seal.Identity.create(folder / "old.identity", hybrid=False).recipient
        'age1...'
        """
        file, native = place(path), _prism.Identity.generate(bool(hybrid))
        with ours(file):
            native.save(file)
        return cls(native)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Identity:
        """Reads one.

        Raises:
            FileMissing: There is no such file.
            KeyExposed: Others can read it.

        >>> _ = prism.seal.Identity.create(folder / "mine.identity")
        >>> prism.seal.Identity.load(folder / "mine.identity")
        Identity that opens what is sealed to age1...
        """
        file = place(path)
        with ours(file, "an identity"):
            return cls(_prism.Identity.load(file))

    @property
    def recipient(self) -> str:
        """Whom files are sealed to: public, for everybody who sends something.

        >>> prism.seal.Identity.create(folder / "mine.identity").recipient
        'age1pq1...'
        """
        return self._native.recipient()

    def __repr__(self) -> str:
        return f"Identity that opens what is sealed to {self.recipient[:24]}…"


@dataclass(frozen=True)
class Sealed:
    """A sealed file.

    >>> mine = prism.seal.Identity.create(folder / "mine.identity")
    >>> sealed = prism.seal.seal(folder / "h1.csv", folder / "h1.age", recipients=[mine.recipient], progress=False)
    >>> sealed.path.name, sealed.size, sealed.sealed_size > sealed.size, sealed.digest == sealed.sealed_digest
    ('h1.age', 20, True, False)
    """

    path: Path
    """Where it is."""
    digest: str
    """The SHA-256 of what was sealed."""
    size: int
    """Its bytes."""
    sealed_digest: str
    """The SHA-256 of the sealed file."""
    sealed_size: int
    """Its bytes."""


def seal(
    source: Asset | str | PathLike[str],
    to: str | PathLike[str],
    *,
    recipients: Sequence[str],
    progress: ProgressOption = "auto",
) -> Sealed:
    """Seals a file, a folder or an asset into a new file that only its recipients can open.

    Args:
        source: What is sealed; a folder as its canonical archive.
        to: The new file.
        recipients: Whom it is for.
        progress: How to show how far it is.

    Raises:
        FileExists: Something is there already.
        KeyMalformed: A recipient is malformed.

    >>> mine = prism.seal.Identity.create(folder / "mine.identity")
    >>> prism.seal.seal(folder / "h1", folder / "h1.age", recipients=[mine.recipient], progress=False).path.name
    'h1.age'
    """
    asset = source if isinstance(source, Asset) else Asset.from_path(source)
    if isinstance(recipients, str) or not recipients:
        raise Usage("expected a list of recipients, found text or none", hint="recipients=[identity.recipient]")
    readers = [text(recipient, "a recipient") for recipient in recipients]
    file, total = place(to), asset._native.length() or 0
    shown = display(f"sealing {asset.name}", progress)
    try:
        with ours(file):
            told = _prism.seal(asset._native, readers, file, lambda done: shown.show(Progress(done, 0, total)))
        sealed = Sealed(file, *told)
        shown.show(Progress(sealed.size, 0, sealed.size), last=True)
        return sealed
    finally:
        shown.end()


def open(
    sealed: str | PathLike[str], to: str | PathLike[str], *, identity: Identity, progress: ProgressOption = "auto"
) -> Path:
    """Opens a sealed file into a new one. There is no file unless every byte of it is authentic.

    Raises:
        SealNotForYou: It is for others.
        SealBroken: It is malformed, truncated or altered.
        FileExists: Something is there already.

    >>> mine = prism.seal.Identity.create(folder / "mine.identity")
    >>> _ = prism.seal.seal(folder / "h1.csv", folder / "h1.age", recipients=[mine.recipient], progress=False)
    >>> prism.seal.open(folder / "h1.age", folder / "again.csv", identity=mine, progress=False).read_bytes()
    b'age,label...'
    """
    need(identity, Identity, "read it with prism.seal.Identity.load(path)")
    source, file = place(sealed), place(to)
    with ours(source, "a sealed file"):
        total = source.stat().st_size
    shown = display("opening", progress)
    try:
        with ours(file):
            _, size = _prism.open(source, identity._native, file, lambda done: shown.show(Progress(done, 0, total)))
        shown.show(Progress(size, 0, size), last=True)
        return file
    finally:
        shown.end()
