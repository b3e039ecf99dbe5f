"""Keys: who somebody is. The private half never leaves its file and this process."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Literal

from . import _prism
from ._files import ours, place
from ._words import card, need
from ._words import text as written
from .errors import FileMissing, Usage

__all__ = ["Algorithm", "Key", "PublicKey"]

Algorithm = Literal["ed25519", "ecdsa-p256", "ecdsa-p384"]
"""The kinds of signing key."""


class PublicKey:
    """A participant's public key, as the manifest names it.

    Raises:
        FileMissing: There is no such file.
        KeyMalformed: It is no public key in SPKI PEM.

    >>> key = prism.Key.create(folder / "lab.key")
    >>> prism.PublicKey.load(folder / "lab.pub") == key.public
    True
    """

    def __init__(self, native: _prism.PublicKey) -> None:
        need(native, _prism.PublicKey, "prism.PublicKey.load(path) reads a public key")
        self._native = native

    @classmethod
    def load(cls, path: str | PathLike[str]) -> PublicKey:
        """Reads a public key, or the public half of a private one.

        Raises:
            FileMissing: There is no such file.
            KeyMalformed: It is no key.

        >>> key = prism.Key.create(folder / "hospital-1.key")
        >>> prism.PublicKey.load(folder / "hospital-1.pub") == key.public
        True
        """
        file = place(path)
        with ours(file, "a public key"):
            return cls(_prism.PublicKey.load(file))

    @classmethod
    def from_pem(cls, text: str) -> PublicKey:
        """Reads SPKI PEM text.

        Raises:
            KeyMalformed: It is no public key.

        >>> prism.PublicKey.from_pem(lab.public.pem) == lab.public
        True
        """
        return cls(_prism.PublicKey.from_pem(written(text, "PEM text")))

    @property
    def pem(self) -> str:
        """The key as SPKI PEM text.

        >>> lab.public.pem.splitlines()[0]
        '-----BEGIN PUBLIC KEY-----'
        """
        return self._native.pem()

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of its SPKI DER, as ``"sha256:…"``.

        >>> lab.public.fingerprint
        'sha256:...'
        """
        return self._native.fingerprint()

    @property
    def algorithm(self) -> str:
        """The kind of key, such as ``"ed25519"``.

        >>> lab.public.algorithm
        'ed25519'
        """
        return self._native.algorithm()

    def save(self, path: str | PathLike[str]) -> Path:
        """Writes a new file; what exists is never overwritten.

        Raises:
            FileExists: Something is there already.

        >>> lab.public.save(folder / "copy.pub").name
        'copy.pub'
        """
        file = place(path)
        with ours(file):
            self._native.save(file)
        return file

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"PublicKey {self.algorithm} {self.fingerprint}"

    def _repr_html_(self) -> str:
        rows = [("kind", self.algorithm), ("fingerprint", self.fingerprint), ("private half", "not here")]
        return card("Public key: give it to the owner of the computation", None, False, rows, [])


class Key:
    """A participant's private key.

    >>> key = prism.Key.create(folder / "hospital-1.key")
    >>> prism.Key.load(folder / "hospital-1.key").fingerprint == key.fingerprint
    True
    >>> prism.Key.create(folder / "hospital-1.key")
    Traceback (most recent call last):
    prism.errors.FileExists: ...
    """

    def __init__(self, native: _prism.SigningKey, path: Path | None = None) -> None:
        need(native, _prism.SigningKey, "prism.Key.load(path) reads a key, prism.Key.create(path) makes one")
        self._native = native
        self._path = path

    @classmethod
    def generate(cls, algorithm: Algorithm = "ed25519") -> Key:
        """A new key that lives in this process only.

        Raises:
            Usage: There is no such kind.

        >>> prism.Key.generate("ecdsa-p384").public.algorithm
        'ecdsa-p384'
        """
        return cls(_prism.SigningKey.generate(written(algorithm, "a kind of key such as ed25519")))

    @classmethod
    def create(cls, path: str | PathLike[str], algorithm: Algorithm = "ed25519") -> Key:
        """Makes a key and writes it to a new file that only its owner can read, and its public half beside it.

        Args:
            path: The file, such as ``hospital-1.key``. The public half lies beside it, as ``hospital-1.pub``.
            algorithm: The kind of key.

        Raises:
            FileExists: One of the two files is there already; nothing was written.

        >>> prism.Key.create(folder / "hospital-1.key").path.name
        'hospital-1.key'
        >>> (folder / "hospital-1.pub").exists()
        True
        """
        native, path = cls.generate(algorithm)._native, _home(path)
        public = path.with_suffix(".pub") if path.suffix == ".key" else path.with_name(path.name + ".pub")
        PublicKey(native.public()).save(public)
        try:
            with ours(path):
                native.save(path)
        except BaseException:
            public.unlink(missing_ok=True)
            raise
        return cls(native, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Key:
        """Reads a key.

        Raises:
            FileMissing: There is no such file.
            KeyExposed: Others can read it.
            KeyMalformed: It is no private key in PKCS#8 PEM.

        >>> prism.Key.load(folder / "nowhere.key")
        Traceback (most recent call last):
        prism.errors.FileMissing: ...
        """
        path = _home(path)
        with ours(path, "a private key"):
            return cls(_prism.SigningKey.load(path), path)

    @classmethod
    def load_or_create(cls, path: str | PathLike[str], algorithm: Algorithm = "ed25519") -> Key:
        """Reads a key, or makes it, and its folder, if there is none; for notebooks whose cells are run again.

        Raises:
            KeyExposed: It is there, and others can read it.
            KeyMalformed: Something else is there.

        >>> key = prism.Key.load_or_create(folder / "keys" / "hospital-1.key")
        >>> prism.Key.load_or_create(folder / "keys" / "hospital-1.key").fingerprint == key.fingerprint
        True
        """
        try:
            return cls.load(path)
        except FileMissing:
            folder = _home(path).parent
            with ours(folder, "a folder for keys"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return cls.create(path, algorithm)

    @property
    def public(self) -> PublicKey:
        """The public half, for the owner of the computation.

        >>> lab.public
        PublicKey ed25519 sha256:...
        """
        return PublicKey(self._native.public())

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the public half.

        >>> lab.fingerprint == lab.public.fingerprint
        True
        """
        return self.public.fingerprint

    @property
    def path(self) -> Path | None:
        """The file it is kept in; nothing for a key that lives in this process only.

        >>> prism.Key.generate().path is None
        True
        """
        return self._path

    def __repr__(self) -> str:
        place = f"in {self._path}" if self._path else "in this process only"
        return f"Key {self.public.algorithm} {self.fingerprint}, the private half stays {place}"

    def _repr_html_(self) -> str:
        place = f"stays in {self._path}, which only you can read" if self._path else "is in this process only"
        rows = [("kind", self.public.algorithm), ("fingerprint", self.fingerprint), ("private half", place)]
        return card("Key", None, False, rows, [])


def _home(path: str | PathLike[str]) -> Path:
    """A path that may begin with somebody's home."""
    given = place(path, "the path of a key")
    try:
        return given.expanduser()
    except RuntimeError as error:
        raise Usage(f"expected the path of a key, found a home that is not known: {error}") from None
