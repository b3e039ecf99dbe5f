"""Paths and files as they are given: whatever is wrong with them is one of our errors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from shutil import copyfileobj
from typing import Any

from ._words import safe
from .errors import FileExists, FileIo, FileMalformed, FileMissing, PrismError, Usage

__all__ = ["Callback", "copy_new", "ours", "place", "read", "write_new"]


def place(path: Any, what: str = "a path") -> Path:
    """A path that the system can take.

    >>> place("keys/lab.key").name
    'lab.key'
    >>> place(3)
    Traceback (most recent call last):
    prism.errors.Usage: ...
    """
    try:
        text = os.fspath(path)
        if isinstance(path, bytes):
            raise TypeError
    except TypeError:
        raise Usage(f"expected {what}, found {type(path).__name__}", hint=_instead(path)) from None
    try:
        if not isinstance(text, str):
            text = os.fsdecode(text)
        os.fsencode(text)
    except UnicodeError:
        raise Usage(f"expected {what}, found text that no file can be called: {safe(str(text))}") from None
    if "\0" in text or not text:
        raise Usage(f"expected {what}, found {'nothing' if not text else 'a NUL character in it'}")
    return Path(text)


def _instead(value: Any) -> str:
    """What to give where a path is expected."""
    path, kind = "give a str or a pathlib.Path", type(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{path}; to bring the bytes themselves, prism.Asset.from_bytes(data)"
    if hasattr(kind, "__array_interface__"):
        return f"{path}; to bring an array, prism.Asset.from_numpy(array)"
    if hasattr(kind, "__arrow_c_stream__") or kind.__module__.partition(".")[0] in ("pandas", "polars", "pyarrow"):
        return f"{path}; to bring a table, prism.Asset.from_frame(frame)"
    return path


class Callback:
    """Somebody's function: what it raises is theirs, and not about our files."""

    def __init__(self, call: Callable[..., object]) -> None:
        self._call = call
        self.raised: BaseException | None = None
        """What it raised last."""

    def __call__(self, *told: object) -> object:
        try:
            return self._call(*told)
        except BaseException as error:
            self.raised = error
            raise


@contextmanager
def ours(path: str | PathLike[str], what: str = "a file", theirs: Callback | None = None) -> Iterator[None]:
    """Makes errors of the system ours, with the file they are about, but for those that a callback raised."""
    shown = safe(os.fspath(path))
    try:
        yield
    except PrismError as error:
        own = theirs is not None and error is theirs.raised
        if not own and isinstance(error, OSError) and error.filename is None:
            error.filename = os.fspath(path)
        raise
    except OSError as error:
        if theirs is not None and error is theirs.raised:
            raise
        raise _translated(error, os.fspath(path), shown, what) from error


def _translated(error: OSError, path: str, shown: str, what: str) -> PrismError:
    about: dict[str, Any] = {"errno": error.errno, "filename": path}
    if isinstance(error, FileNotFoundError):
        return FileMissing(f"expected {what} at {shown}, found nothing", hint="check the path", **about)
    if isinstance(error, FileExistsError):
        return FileExists(f"expected a free name, found a file at {shown}", hint="choose another name", **about)
    if isinstance(error, IsADirectoryError):
        return FileMalformed(f"expected {what} at {shown}, found a directory", hint="give the file in it")
    reason = error.strerror or str(error)
    return FileIo(f"could not use {shown} as {what}: {reason}", **about)


def read(path: str | PathLike[str], what: str = "a file", most: int | None = None) -> bytes:
    """A whole file.

    Args:
        path: The file.
        what: What it should be, in a word.
        most: The most bytes that such a file has.

    Raises:
        FileMissing: Nothing is there.
        FileMalformed: It is a directory, or longer than such a file can be.
        FileIo: It cannot be read.
    """
    given = place(path, f"the path of {what}")
    with ours(given, what), open(given, "rb") as file:
        content = file.read() if most is None else file.read(most + 1)
    if most is not None and len(content) > most:
        raise FileMalformed(f"expected {what} of at most {most} bytes at {safe(str(given))}, found more")
    return content


def write_new(path: str | PathLike[str], content: bytes) -> Path:
    """Writes a new file; one that could not be written whole is removed again. The very same file is left as it is.

    Raises:
        FileExists: Something else is there already.
        FileIo: It cannot be written.
    """
    given = place(path)
    with ours(given):
        try:
            file = open(given, "xb")
        except FileExistsError:
            if _holds(given, content):
                return given
            raise FileExists(
                f"expected a free name, found something else at {safe(str(given))}",
                hint="an earlier run may have written it: use another name or an empty folder",
            ) from None
        with file:
            try:
                file.write(content)
                file.flush()
            except BaseException:
                given.unlink(missing_ok=True)
                raise
    return given


def _holds(path: Path, content: bytes) -> bool:
    """Whether a file is there with exactly this content."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(len(content) + 1) == content


def copy_new(source: Path, to: str | PathLike[str], what: str) -> Path:
    """Copies a file to a new one; one that could not be written whole is removed again.

    Raises:
        FileExists: Something is there already.
        FileMissing: There is nothing to copy.
        FileIo: It cannot be written.
    """
    file = place(to, "the path of a new file")
    with ours(source, what), open(source, "rb") as content, ours(file), open(file, "xb") as target:
        try:
            copyfileobj(content, target)
            target.flush()
        except BaseException:
            file.unlink(missing_ok=True)
            raise
    return file
