"""Results: an archive that was checked and opened here. Nothing in it is executed, and pickles are not read."""

from __future__ import annotations

import io
import zipfile
from os import PathLike
from pathlib import Path, PurePosixPath
from shutil import copyfile
from typing import IO, Any, Literal

from . import _prism
from ._words import SIMULATED, safe, size
from .errors import ArchiveUnsafe, AssetUnknown, FileExists, FileMalformed, FileMissing

__all__ = ["Result"]


class Result:
    """What a computation made, in files.

    >>> result = prism.Result(folder / "results.zip")
    >>> result.names
    ['metrics.json', 'model.json']
    >>> result.text("metrics.json")
    '{"accuracy": 0.95}'
    """

    def __init__(self, path: str | PathLike[str], simulated: bool = False) -> None:
        self.path = Path(path)
        """The archive."""
        self.is_simulated = simulated
        """Whether a machine made it that nothing protects."""
        with self._archive() as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        self._sizes = {entry.filename: entry.file_size for entry in sorted(entries, key=lambda entry: entry.filename)}

    def _archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except FileNotFoundError:
            raise FileMissing(f"expected a result at {self.path}, found nothing", hint="check the path") from None
        except zipfile.BadZipFile:
            raise FileMalformed(f"expected a result's archive at {self.path}, found something else") from None

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
        if name not in self._sizes:
            raise AssetUnknown(f"expected a file of the result, found {safe(name)}; there are {', '.join(self.names)}")
        # The opened file holds the archive open for as long as it needs it.
        with self._archive() as archive:
            return archive.open(name)

    def bytes(self, name: str) -> bytes:
        """One file, whole.

        Raises:
            AssetUnknown: There is no such file.

        >>> result.bytes("model.json")
        b'{}'
        """
        with self.open(name) as file:
            return file.read()

    def text(self, name: str) -> str:
        """One file as text in UTF-8.

        Raises:
            AssetUnknown: There is no such file.
            UnicodeDecodeError: It is no UTF-8.

        >>> result.text("model.json")
        '{}'
        """
        return self.bytes(name).decode()

    def json(self, name: str) -> Any:
        """One file as JSON.

        Raises:
            AssetUnknown: There is no such file.
            ValueError: It is no JSON.

        >>> result.json("metrics.json")["accuracy"]
        0.95
        """
        import json

        return json.loads(self.bytes(name))

    def extract(self, to: str | PathLike[str]) -> list[Path]:
        """Writes every file below a new or empty folder.

        Raises:
            FileExists: The folder is there and not empty.
            ArchiveUnsafe: A name leads out of it, or is there in another form; nothing was written.

        >>> [path.name for path in result.extract(folder / "out")]
        ['metrics.json', 'model.json']
        """
        folder = Path(to)
        if folder.exists() and any(folder.iterdir()):
            raise FileExists(f"expected a new or empty folder, found files in {folder}", hint="choose another")
        for name in self.names:
            plain = PurePosixPath(name)
            if plain.is_absolute() or ".." in plain.parts or str(plain) != name:
                raise ArchiveUnsafe(f"expected a plain name in the archive, found {safe(name)}", hint="do not trust it")
        with self._archive() as archive:
            return [Path(archive.extract(name, folder)) for name in self.names]

    def zip(self, to: str | PathLike[str]) -> Path:
        """Copies the archive.

        Raises:
            FileExists: Something is there already.

        >>> result.zip(folder / "copy.zip").name
        'copy.zip'
        """
        if Path(to).exists():
            raise FileExists(f"expected a free name, found a file at {to}", hint="choose another name")
        return Path(copyfile(self.path, to))

    def numpy(self, name: str) -> Any:
        """An ``.npy`` or ``.npz`` file through numpy, without pickles: an array, or arrays by name.

        Raises:
            AssetUnknown: There is no such file.
            ValueError: It is no array, or one of Python objects.

        >>> import numpy as np
        >>> _ = np.save(folder / "weights.npy", np.ones((2, 3)))
        >>> with zipfile.ZipFile(folder / "made.zip", "w") as archive:
        ...     archive.write(folder / "weights.npy", "weights.npy")
        >>> prism.Result(folder / "made.zip").numpy("weights.npy").shape
        (2, 3)
        """
        import numpy

        return numpy.load(io.BytesIO(self.bytes(name)), allow_pickle=False)

    def state_dict(self, name: str) -> Any:
        """Weights by name: of a ``.safetensors`` file, else through ``torch.load(weights_only=True)``.

        Raises:
            AssetUnknown: There is no such file.
            ImportError: Neither torch nor safetensors is installed.

        >>> from safetensors.numpy import save
        >>> import numpy as np
        >>> with zipfile.ZipFile(folder / "made.zip", "w") as archive:
        ...     archive.writestr("model.safetensors", save({"bias": np.zeros(3, dtype="f4")}))
        >>> list(prism.Result(folder / "made.zip").state_dict("model.safetensors"))
        ['bias']
        """
        content = self.bytes(name)
        if name.endswith(".safetensors"):
            try:
                from safetensors.torch import load
            except ImportError:
                from safetensors.numpy import load
            return load(content)
        import torch

        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)

    def frame(self, name: str, engine: Literal["pandas", "polars"] = "pandas") -> Any:
        """A table of ``.csv`` or ``.parquet``.

        Raises:
            AssetUnknown: There is no such file.
            ImportError: The package is not installed.

        >>> import pandas
        >>> with zipfile.ZipFile(folder / "made.zip", "w") as archive:
        ...     archive.writestr("rows.csv", "age,label\\n61,1\\n")
        >>> prism.Result(folder / "made.zip").frame("rows.csv").shape
        (1, 2)
        """
        import importlib

        package = importlib.import_module(engine)
        read = package.read_parquet if name.endswith(".parquet") else package.read_csv
        return read(io.BytesIO(self.bytes(name)))

    def __repr__(self) -> str:
        files = ", ".join(f"{safe(name)} ({size(self._sizes[name])})" for name in self.names[:10])
        aloud = f"{SIMULATED}\n" if self.is_simulated else ""
        return f"{aloud}Result {safe(str(self.path))}: {files}"

    def _repr_html_(self) -> str:
        rows = [(name, size(self._sizes[name])) for name in self.names[:20]]
        return _prism.card(f"Result {self.path.name}", None, self.is_simulated, rows, [])
