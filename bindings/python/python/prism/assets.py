"""Assets: what participants bring. Files, folders, bytes, arrays and tables; none is copied into memory."""

from __future__ import annotations

import io
import os
import re
import stat
import tempfile
import threading
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import IO, Any, Literal

from . import _prism
from ._files import Callback, ours, place
from ._numpy import array_pieces, arrays_pieces
from ._pieces import Pieces
from ._tables import write_table
from ._words import card, need, safe, short, size, text
from .errors import FileIo, PrismError, Usage

__all__ = ["Asset", "BinaryFile"]

# Names of fields, and pointers, in the format of a buffer (PEP 3118): a pointer's bytes mean nothing elsewhere.
_NAME, _POINTER = re.compile(r":[^:]*:"), re.compile(r"[&OPz]|Z(?![fdg])")

BinaryFile = IO[bytes] | io.BufferedIOBase | io.RawIOBase
"""An object that was opened for reading bytes."""


class Asset:
    """Something that a participant brings: named in the manifest by its digest and size.

    Making one reads nothing but names; :attr:`digest` reads the content once. What is measured is what is uploaded: a
    file stays open even when another takes its name.

    >>> asset = prism.Asset.from_bytes(b"age,label\\n61,1\\n", name="h1.csv")
    >>> asset.size
    15
    >>> asset.digest
    'sha256:...'
    """

    def __init__(self, native: _prism.Source, name: str, keep: object = None, path: Path | None = None) -> None:
        need(native, _prism.Source, "prism.Asset.from_path(path) brings a file or folder")
        self._native = native
        self._keep = keep
        self._measured: tuple[str, int] | None = None
        self.name = name
        """What to call it; the manifest's name for it may be another."""
        self.path = path
        """The file or folder, if it is one that has a name."""

    @classmethod
    def from_path(cls, path: str | PathLike[str], name: str | None = None) -> Asset:
        """A file, or a folder as its canonical archive: the same folder gives the same digest on every machine.

        Raises:
            FileMissing: Nothing is there.
            FileMalformed: Something else is there, or a folder that contains links or special files.

        >>> prism.Asset.from_path(folder / "h1.csv")
        Asset h1.csv, 20 bytes
        """
        file = place(path)
        with ours(file, "a file or folder"):
            return cls(_prism.Source.open(file), _called(name, file.resolve().name), path=file)

    @classmethod
    def from_folder(cls, path: str | PathLike[str], name: str | None = None) -> Asset:
        """A folder; refuses a file.

        Raises:
            Usage: It is a file.

        >>> prism.Asset.from_folder(folder / "h1").names
        ['a.txt', 'b.txt']
        """
        folder = place(path, "the path of a folder")
        with ours(folder, "a folder"):
            if folder.is_file():
                raise Usage(f"expected a folder, found a file at {safe(str(folder))}", hint="use Asset.from_file")
        return cls.from_path(folder, name)

    @classmethod
    def from_file(cls, file: str | PathLike[str] | BinaryFile, name: str | None = None) -> Asset:
        """A file: its path, or an object that was opened for reading bytes.

        Args:
            file: The path or the object. An object is read from its beginning; one that cannot go back is first copied
                into a nameless temporary file.
            name: What to call it.

        Raises:
            FileMissing: Nothing is there.
            Usage: It is a folder, or an object that is closed or gives text.

        >>> with open(folder / "h1.csv", "rb") as file:
        ...     prism.Asset.from_file(file).size
        20
        """
        if isinstance(file, str | bytes | PathLike):
            path = place(file, "a file")
            with ours(path):
                if path.is_dir():
                    raise Usage(f"expected a file, found a folder at {safe(str(path))}", hint="use Asset.from_folder")
            return cls.from_path(path, name)
        if not callable(getattr(file, "read", None)):
            raise Usage(f"expected a file, found {type(file).__name__}", hint="give a path or an open file")
        try:
            return _of_object(cls, file, name)
        except (PrismError, MemoryError):
            raise
        # It is somebody's own object: what it raises may be anything.
        except Exception as error:
            number, found = (
                error.errno if isinstance(error, OSError) else None,
                safe(str(error)) or type(error).__name__,
            )
            raise FileIo(f"could not read the file object: {found}", errno=number) from error

    @classmethod
    def from_bytes(cls, data: Any, name: str = "data") -> Asset:
        """Bytes in memory: ``bytes``, ``bytearray``, ``memoryview`` or anything with the buffer protocol.

        They are not copied; leave them as they are until they are uploaded.

        Raises:
            Usage: It is something else, or not contiguous.

        >>> prism.Asset.from_bytes(memoryview(b"61,1"), name="row.csv")
        Asset row.csv, 4 bytes
        """
        try:
            view = memoryview(data)
            contiguous = view.c_contiguous
        except (TypeError, ValueError, BufferError) as error:
            raise Usage(
                f"expected bytes, found {type(data).__name__}: {safe(str(error))}", hint="encode text first"
            ) from None
        if not contiguous:
            raise Usage("expected contiguous bytes, found a view with gaps", hint="use bytes(view)")
        try:
            if _POINTER.search(_NAME.sub("", view.format)):
                raise ValueError
            flat = view.cast("B") if view.nbytes else memoryview(b"")
        except (TypeError, ValueError, NotImplementedError):
            raise Usage(
                f"expected bytes or plain numbers, found items of the form {view.format}",
                hint='give a numpy array as Asset.from_numpy(array), or its bytes as array.view("u1")',
            ) from None
        return cls(_prism.Source.of_buffer(flat), _called(name, "data"), keep=view)

    @classmethod
    def from_numpy(cls, array: Any = None, /, *, name: str | None = None, **arrays: Any) -> Asset:
        """Arrays of numpy, without a copy: one as ``.npy``, several as ``.npz``.

        Args:
            array: One array, of any shape; its type must not be ``object``.
            name: What to call it; by default ``array.npy`` or ``arrays.npz``.
            arrays: Several arrays by name.

        Raises:
            Usage: An array is not contiguous, holds Python objects, or none was given.

        Example::

            asset = prism.Asset.from_numpy(x=images, y=labels, name="h1.npz")

        >>> import numpy as np
        >>> prism.Asset.from_numpy(np.zeros((100, 24, 24), dtype="u1"))
        Asset array.npy, 56.3 KiB
        >>> prism.Asset.from_numpy(x=np.zeros((100, 3)), y=np.ones(100), name="h1.npz")
        Asset h1.npz, ...
        """
        if (array is None) != bool(arrays):
            raise Usage("expected one array, or several by name, found both or none")
        for given in arrays:
            text(given, "the name of an array")
        pieces = array_pieces(array) if array is not None else arrays_pieces(arrays)
        return cls._of_pieces(pieces, _called(name, "arrays.npz" if arrays else "array.npy"))

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        name: str | None = None,
        format: Literal["csv", "parquet"] = "csv",
        *,
        index: bool | None = None,
    ) -> Asset:
        """A table: of pandas, polars or pyarrow, or anything with ``__arrow_c_stream__`` (then pyarrow is needed).

        It is written once, piece by piece, to a nameless temporary file. Its digest depends on the program that wrote
        it and that program's version.

        Args:
            frame: The table.
            name: What to call it; by default ``table.csv`` or ``table.parquet``.
            format: How it is written. CSV is read by everything, Parquet keeps the types.
            index: Whether the index of a pandas table is written, before its columns. Row numbers without a name are
                left out by default; for any other index, which may say whose rows these are, you have to choose.

        Raises:
            Usage: It is no table, cannot be written in this format, has an index of its own for which ``index`` was not
                chosen, or a package that is needed is not installed.
            FileIo: There is no room for the temporary file.

        Example::

            asset = prism.Asset.from_frame(patients, "h1.csv", index=False)   # the patients' numbers stay here

        >>> import pandas as pd
        >>> table = prism.Asset.from_frame(pd.DataFrame({"age": [61, 47], "label": [1, 0]}))
        >>> table.size
        20
        >>> table.writer
        'pandas ...'
        """
        need(index, bool | None, "True writes the index, False leaves it out")
        with ours(tempfile.gettempdir(), "a place for temporary files"), tempfile.TemporaryFile() as file:
            writer = write_table(frame, file, format, index)
            asset = _of_object(cls, file, _called(name, f"table.{format}"))
        asset.writer = writer
        return asset

    writer: str | None = None
    """The program that wrote a table, with its version."""

    @classmethod
    def _of_pieces(cls, pieces: Pieces, name: str) -> Asset:
        return cls(_prism.Source.of_reader(pieces.length, pieces.read_at), name, keep=pieces)

    @property
    def digest(self) -> str:
        """The SHA-256 of the content, or of a folder's canonical archive. The first call reads everything once.

        >>> prism.Asset.from_bytes(b"").digest
        'sha256:e3b0c44298fc1c14...'
        """
        return self.measure()[0]

    @property
    def size(self) -> int:
        """The number of bytes, of a folder those of its canonical archive.

        >>> prism.Asset.from_bytes(b"abc").size
        3
        """
        length = self._native.length()
        return length if length is not None else self.measure()[1]

    @property
    def names(self) -> list[str]:
        """A folder's files, sorted; empty for everything else.

        >>> prism.Asset.from_path(folder / "h1").names
        ['a.txt', 'b.txt']
        """
        return self._native.names()

    def measure(self, progress: Callable[[int], object] | None = None) -> tuple[str, int]:
        """Digest and size; ``progress`` hears how many bytes were read.

        Raises:
            FileIo: It cannot be read.

        >>> heard = []
        >>> prism.Asset.from_bytes(b"abc").measure(heard.append)
        ('sha256:ba7816bf...', 3)
        >>> heard
        [3]
        """
        if self._measured is None:
            if self.path is None:
                self._measured = self._native.measure(progress)
            else:
                tell = Callback(progress) if progress is not None else None
                with ours(self.path, theirs=tell):
                    self._measured = self._native.measure(tell)
        return self._measured

    def __repr__(self) -> str:
        files = f", {len(self.names)} files" if self.names else ""
        digest = f", {short(self._measured[0])}" if self._measured else ""
        length = self._native.length()
        amount = f", {size(length)}" if length is not None else ""
        return f"Asset {safe(self.name)}{files}{amount}{digest}"

    def _repr_html_(self) -> str:
        names, length = self.names, self._native.length()
        rows: list[tuple[str, str]] = [] if length is None else [("size", size(length))]
        if names:
            more = f"\n… and {len(names) - 10} more" if len(names) > 10 else ""
            rows.append((f"{len(names)} files", "\n".join(safe(name) for name in names[:10]) + more))
        rows.append(("digest", self._measured[0] if self._measured else "not read yet: .digest reads everything once"))
        if self.writer is not None:
            rows.append(("written by", safe(self.writer)))
        return card(f"Asset {safe(self.name)}", None, False, rows, [])


def _called(name: str | None, otherwise: str) -> str:
    """A name that was given, or another one."""
    return otherwise if name is None or name == "" else text(name, "a name")


def _of_object(cls: type[Asset], file: BinaryFile, name: str | None) -> Asset:
    """An object that was opened for reading."""
    if getattr(file, "closed", False):
        raise Usage("expected an open file, found a closed one")
    if isinstance(file, io.TextIOBase):
        raise Usage("expected a file that gives bytes, found one that gives text", hint='open it with mode "rb"')
    given = getattr(file, "name", None)
    name = _called(name, Path(given).name if isinstance(given, str) else "file")
    if isinstance(file, io.BytesIO):
        return cls.from_bytes(file.getbuffer(), name)
    descriptor = _regular(file)
    if descriptor is not None:
        if hasattr(file, "flush"):
            file.flush()
        return cls(_prism.Source.open(f"/proc/self/fd/{descriptor}"), name)
    if hasattr(file, "seekable") and file.seekable():
        reader = _Seeking(file)
        return cls(_prism.Source.of_reader(reader.length, reader.read_at), name, keep=reader)
    # What was opened stays open by itself: the copy's own object is not needed any more.
    with _spooled(file) as copy:
        return _of_object(cls, copy, name)


def _regular(file: BinaryFile) -> int | None:
    """The descriptor of an object that is a file of the system, uncompressed and as it is."""
    raw = file.raw if isinstance(file, io.BufferedReader | io.BufferedRandom) else file
    if not isinstance(raw, io.FileIO) and not hasattr(file, "file"):
        return None
    try:
        descriptor = file.fileno()
    except (OSError, ValueError):
        return None
    return descriptor if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


def _spooled(file: BinaryFile) -> IO[bytes]:
    """Everything that a pipe gives, in a nameless file."""
    copy = tempfile.TemporaryFile()
    try:
        while piece := file.read(1 << 20):
            if not isinstance(piece, bytes):
                raise Usage(f"expected a file that gives bytes, found one that gives {type(piece).__name__}")
            copy.write(piece)
    except BaseException:
        copy.close()
        raise
    return copy


class _Seeking:
    """An object that can go anywhere, for one reader at a time."""

    def __init__(self, file: BinaryFile) -> None:
        self._file = file
        self._lock = threading.Lock()
        self.length = file.seek(0, os.SEEK_END)
        if not isinstance(self.length, int) or not 0 <= self.length < 1 << 63:
            raise Usage(f"expected seek to say where the file ends, found {self.length!r}")

    def read_at(self, offset: int, count: int) -> bytes:
        with self._lock:
            self._file.seek(offset)
            pieces = bytearray()
            while len(pieces) < count and (piece := self._file.read(count - len(pieces))):
                if not isinstance(piece, bytes | bytearray | memoryview):
                    raise TypeError(f"expected a file that gives bytes, found one that gives {type(piece).__name__}")
                pieces += piece
        return bytes(pieces)
