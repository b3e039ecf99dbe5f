"""Arrays of numpy in numpy's own formats, without a copy of their content."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from ._pieces import Pieces
from .errors import Usage

# What a ZIP without times writes: its first day (APPNOTE 4.4.6).
_EPOCH = (1980, 1, 1, 0, 0, 0)


def array_pieces(array: Any) -> Pieces:
    """One array as ``.npy``."""
    return Pieces(_npy(array, "the array"))


def arrays_pieces(arrays: dict[str, Any]) -> Pieces:
    """Several arrays as ``.npz``: a ZIP archive whose entries are stored as they are."""
    record = _Record()
    with zipfile.ZipFile(record, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for name in sorted(arrays):
            entry = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            with archive.open(entry, "w", force_zip64=True) as place:
                for buffer in _npy(arrays[name], name):
                    place.write(buffer)
    return Pieces(record.written)


def _npy(array: Any, name: str) -> list[bytes | memoryview]:
    from numpy import ndarray
    from numpy.lib import format as npy

    if not isinstance(array, ndarray):
        raise Usage(f"expected an array of numpy as {name}, found {type(array).__name__}", hint="use numpy.asarray")
    if hasattr(array, "mask"):
        raise Usage(f"expected {name} without a mask, found a masked array", hint="use .filled(…): it is sent whole")
    if array.dtype.hasobject:
        raise Usage(f"expected numbers, text or times in {name}, found Python objects", hint="use another dtype")
    flags = array.flags
    if not (flags.c_contiguous or flags.f_contiguous):
        raise Usage(f"expected {name} contiguous, found a view with gaps", hint="use numpy.ascontiguousarray")
    head = io.BytesIO()
    description = npy.header_data_from_array_1_0(array)
    try:
        npy.write_array_header_1_0(head, description)  # the bytes of numpy.save
    except ValueError:
        npy.write_array_header_2_0(head, description)
    flat: Any = array.reshape(-1) if flags.c_contiguous else array.T.reshape(-1)
    return [head.getvalue(), memoryview(flat.view("u1"))] if array.nbytes else [head.getvalue()]


class _Record:
    """Takes what is written by reference."""

    def __init__(self) -> None:
        self.written: list[bytes | memoryview] = []

    def write(self, buffer: Any) -> int:
        view = memoryview(buffer)
        self.written.append(buffer if isinstance(buffer, bytes) else view)
        return view.nbytes

    def flush(self) -> None: ...
