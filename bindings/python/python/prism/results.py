"""Results: an archive that was checked and opened here. Nothing in it is executed, and pickles are not read."""

from __future__ import annotations

import builtins
import errno
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path, PurePosixPath
from shutil import copyfileobj
from typing import IO, Any, Literal

from ._files import copy_new, ours, place
from ._words import SIMULATED, card, safe, size, text
from .errors import ArchiveUnsafe, AssetUnknown, FileExists, FileMalformed, PrismError, Usage

__all__ = ["Result"]

# What is said of a result without files.
NOTHING = "nothing: the program wrote no file below results/"


class Result:
    """What a computation made, in files.

    >>> result = prism.Result(folder / "results.zip")
    >>> result.names
    ['metrics.json', 'model.json']
    >>> result.text("metrics.json")
    '{"accuracy": 0.95}'
    """

    def __init__(self, path: str | PathLike[str], simulated: bool = False) -> None:
        self.path = place(path, "the path of a result")
        """The archive."""
        self.is_simulated = simulated
        """Whether a machine made it that nothing protects."""
        with self._archive() as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        self._sizes = {entry.filename: entry.file_size for entry in sorted(entries, key=lambda entry: entry.filename)}

    def _archive(self) -> zipfile.ZipFile:
        with ours(self.path, "a result"):
            try:
                return zipfile.ZipFile(self.path)
            # A damaged archive fails in whichever way its damage leads to.
            except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
                if isinstance(error, OSError) and error.errno != errno.EINVAL:
                    raise
                raise FileMalformed(
                    f"expected a result's archive at {safe(str(self.path))}, found something else: {safe(str(error))}"
                ) from None

    @property
    def names(self) -> list[str]:
        """The files in it, sorted.

        >>> result.names
        ['metrics.json', 'model.json']
        """
        return list(self._sizes)

    def open(self, name: str) -> IO[bytes]:
        """Opens one file for reading bytes.

        Raises:
            AssetUnknown: There is no such file; the message names those that there are.

        >>> with result.open("model.json") as file:
        ...     file.read()
        b'{}'
        """
        if text(name, "the name of a file of the result") not in self._sizes:
            there = ", ".join(safe(known) for known in self.names) or "none"
            raise AssetUnknown(
                f"expected a file of the result, found {safe(name)}; there are {there}",
                hint="result.names lists the files" if self.names else "the program wrote no file below results/",
            )
        # The opened file holds the archive open for as long as it needs it.
        with self._readable(name), self._archive() as archive:
            return archive.open(name)

    @contextmanager
    def _readable(self, name: str) -> Iterator[None]:
        """What an archive says wrong about a file of it is one of our errors."""
        try:
            with ours(self.path, "a result"):
                try:
                    yield
                except OSError as error:
                    if error.errno == errno.EINVAL:  # an entry that is said to begin before the file does
                        raise EOFError("it lies outside of the archive") from None
                    raise
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            if isinstance(error, PrismError):
                raise
            raise FileMalformed(
                f"expected {safe(name)} whole in the result, found it damaged: {safe(str(error))}"
            ) from None

    def bytes(self, name: str) -> bytes:
        """One file, whole.

        Raises:
            AssetUnknown: There is no such file.

        >>> result.bytes("model.json")
        b'{}'
        """
        with self._readable(name), self.open(name) as file:
            return file.read()

    def text(self, name: str) -> str:
        """One file as text in UTF-8.

        Raises:
            AssetUnknown: There is no such file.
            FileMalformed: It is no UTF-8.

        >>> result.text("model.json")
        '{}'
        """
        return str(self._parsed(name, "text in UTF-8", builtins.bytes.decode))

    def json(self, name: str) -> Any:
        """One file as JSON.

        Raises:
            AssetUnknown: There is no such file.
            FileMalformed: It is no JSON.

        >>> result.json("metrics.json")["accuracy"]
        0.95
        """
        import json

        return self._parsed(name, "JSON", json.loads)

    def _parsed(self, name: str, kind: str, read: Callable[[builtins.bytes], Any]) -> Any:
        content = self.bytes(name)
        try:
            return read(content)
        # Each package has errors of its own for what it cannot read.
        except (MemoryError, PrismError):
            raise
        except ImportError as error:
            raise Usage(f"expected a package that reads {kind}, found it not installed: {safe(str(error))}") from error
        except Exception as error:
            raise FileMalformed(f"expected {kind} in {safe(name)}, found: {safe(str(error))}") from error

    def extract(self, to: str | PathLike[str]) -> list[Path]:
        """Writes every file below a new or empty folder, for you alone to read.

        Raises:
            FileExists: The folder is there and not empty.
            ArchiveUnsafe: A name leads out of it, or is there in another form; nothing was written.

        >>> [path.name for path in result.extract(folder / "out")]
        ['metrics.json', 'model.json']
        """
        folder = place(to, "the path of a folder")
        with ours(folder, "a folder"):
            if folder.exists() and any(folder.iterdir()):
                raise FileExists(f"expected a new or empty folder, found files in {folder}", hint="choose another")
        for name in self.names:
            plain = PurePosixPath(name)
            if plain.is_absolute() or ".." in plain.parts or str(plain) != name:
                raise ArchiveUnsafe(f"expected a plain name in the archive, found {safe(name)}", hint="do not trust it")
        with ours(folder, "a folder"), self._readable("every file"), self._archive() as archive:
            return [_extracted(archive, name, folder) for name in self.names]

    def zip(self, to: str | PathLike[str]) -> Path:
        """Copies the archive.

        Raises:
            FileExists: Something is there already.

        >>> result.zip(folder / "copy.zip").name
        'copy.zip'
        """
        return copy_new(self.path, to, "a result")

    def numpy(self, name: str) -> Any:
        """An ``.npy`` or ``.npz`` file through numpy, without pickles: an array, or arrays by name.

        Raises:
            AssetUnknown: There is no such file.
            FileMalformed: It is no array, or one of Python objects.
            Usage: numpy is not installed.

        >>> import numpy as np
        >>> _ = np.save(folder / "weights.npy", np.ones((2, 3)))
        >>> with zipfile.ZipFile(folder / "made.zip", "w") as archive:
        ...     archive.write(folder / "weights.npy", "weights.npy")
        >>> prism.Result(folder / "made.zip").numpy("weights.npy").shape
        (2, 3)
        """

        def read(content: builtins.bytes) -> Any:
            import numpy

            return numpy.load(io.BytesIO(content), allow_pickle=False)

        return self._parsed(name, "arrays of numpy", read)

    def state_dict(self, name: str) -> Any:
        """Weights by name: of a ``.safetensors`` file, else through ``torch.load(weights_only=True)``.

        Raises:
            AssetUnknown: There is no such file.
            FileMalformed: It holds something else, or needs a pickle.
            Usage: Neither torch nor safetensors is installed.

        >>> from safetensors.numpy import save
        >>> import numpy as np
        >>> with zipfile.ZipFile(folder / "made.zip", "w") as archive:
        ...     archive.writestr("model.safetensors", save({"bias": np.zeros(3, dtype="f4")}))
        >>> list(prism.Result(folder / "made.zip").state_dict("model.safetensors"))
        ['bias']
        """

        def read(content: builtins.bytes) -> Any:
            if name.endswith(".safetensors"):
                try:
                    from safetensors.torch import load
                except ImportError:
                    from safetensors.numpy import load
                return load(content)
            import torch

            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)

        return self._parsed(name, "weights", read)

    def frame(self, name: str, engine: Literal["pandas", "polars"] = "pandas") -> Any:
        """A table of ``.csv`` or ``.parquet``.

        Raises:
            AssetUnknown: There is no such file.
            FileMalformed: It is no such table.
            Usage: There is no such engine, or it is not installed.

        >>> import pandas
        >>> with zipfile.ZipFile(folder / "made.zip", "w") as archive:
        ...     archive.writestr("rows.csv", "age,label\\n61,1\\n")
        >>> prism.Result(folder / "made.zip").frame("rows.csv").shape
        (1, 2)
        """
        import importlib

        if engine not in ("pandas", "polars"):
            raise Usage(f"expected pandas or polars as engine, found {engine!r}")

        def read(content: builtins.bytes) -> Any:
            package = importlib.import_module(engine)
            parse = package.read_parquet if name.endswith(".parquet") else package.read_csv
            return parse(io.BytesIO(content))

        return self._parsed(name, "a table", read)

    def __repr__(self) -> str:
        files = ", ".join(f"{safe(name)} ({size(self._sizes[name])})" for name in self.names[:10]) or NOTHING
        aloud = f"{SIMULATED}\n" if self.is_simulated else ""
        return f"{aloud}Result {safe(str(self.path))}: {files}"

    def _repr_html_(self) -> str:
        rows = [(safe(name), size(self._sizes[name])) for name in self.names[:20]] or [("files", NOTHING)]
        return card(f"Result {self.path.name}", None, self.is_simulated, rows, [])


def _extracted(archive: zipfile.ZipFile, name: str, folder: Path) -> Path:
    """One file of an archive, below a folder; nobody else may read it, as nobody else may read the archive."""
    target = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    for above in reversed(PurePosixPath(name).parents):
        (folder / above).mkdir(mode=0o700, exist_ok=True)
    with (
        archive.open(name) as source,
        open(target, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file,
    ):
        copyfileobj(source, file)
    return target
