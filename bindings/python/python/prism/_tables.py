"""Tables of whichever package somebody uses, written piece by piece."""

from __future__ import annotations

import sys
from typing import IO, Any

from ._words import safe
from .errors import PrismError, Usage

# Rows that are written at a time, of which Parquet makes a group.
_ROWS = 50_000
# Cells of pandas that are turned into text at a time: a table may also be wide.
_CELLS = 300_000


def write_table(frame: Any, file: IO[bytes], format: str, index: bool | None = None) -> str:
    """Writes a table and says which program wrote it."""
    if format not in ("csv", "parquet"):
        raise Usage(f"expected csv or parquet as the format, found {format!r}")
    module = type(frame).__module__.partition(".")[0]
    if module != "pandas" and index:
        raise Usage("expected a table of pandas for index=True, found one that has no index", hint="leave index out")
    try:
        module = _written(frame, file, format, module, index)
        file.flush()
    # What the system and we ourselves say is said elsewhere; each package has errors of its own.
    except (PrismError, OSError, MemoryError):
        raise
    except ImportError as error:
        raise Usage(
            f"expected what writes {format}, found it not installed: {safe(str(error))}", hint="pip install pyarrow"
        ) from error
    except Exception as error:
        raise Usage(f"expected a table that can be written as {format}, found: {safe(str(error))}") from error
    return f"{module} {getattr(sys.modules.get(module), '__version__', '')}".strip()


def _written(frame: Any, file: IO[bytes], format: str, module: str, index: bool | None) -> str:
    """Writes a table, and says which package did."""
    kind = type(frame).__name__
    if module == "pandas" and kind == "DataFrame":
        chosen = _own_index(frame) if index is None else index
        _pandas(frame.reset_index() if chosen else frame, file, format)
    elif module == "polars" and kind == "DataFrame":
        frame.write_csv(file) if format == "csv" else frame.write_parquet(file)
    elif module == "polars" and kind == "LazyFrame":
        raise Usage("expected a table, found a query of polars that was not made yet", hint="use frame.collect()")
    elif module == "pyarrow" or hasattr(frame, "__arrow_c_stream__"):
        _arrow(frame, file, format)
        return "pyarrow"
    else:
        raise Usage(f"expected a table of pandas, polars or pyarrow, found {kind}", hint="use Asset.from_bytes")
    return module


def _pandas(frame: Any, file: IO[bytes], format: str) -> None:
    if format == "csv":
        rows = max(1, _CELLS // max(1, len(frame.columns)))
        frame.to_csv(file, index=False, chunksize=rows, lineterminator="\n")
        return
    pyarrow = _pyarrow()
    types, writer = _types(pyarrow, frame), None
    for begin in range(0, max(1, len(frame)), _ROWS):
        rows = frame.iloc[begin : begin + _ROWS].set_axis(types.names, axis=1)
        part = pyarrow.Table.from_pandas(rows, types, preserve_index=False)
        writer = writer or pyarrow.parquet.ParquetWriter(file, part.schema)
        writer.write_table(part)
    if writer is not None:
        writer.close()


def _own_index(frame: Any) -> bool:
    """Nothing to write for row numbers; an index that says more is for a person to decide about."""
    names, kind = list(frame.index.names), frame.index.dtype.kind
    if names == [None] and kind in "iu":
        return False
    shown = ", ".join(safe(str(name)) for name in names if name is not None) or str(frame.index.dtype)
    raise Usage(
        f"expected index=True or index=False for a table with an index of its own, found neither; it is {shown}",
        hint="index=True writes it as the first columns, index=False leaves it out",
    )


def _types(pyarrow: Any, frame: Any) -> Any:
    """Arrow's types of all columns. Those of objects are seen in every row, and no column is converted for it."""
    types = pyarrow.Schema.from_pandas(frame.iloc[:0], preserve_index=False).remove_metadata()
    for at, kind in enumerate(frame.dtypes):
        if str(kind) == "object":
            found = pyarrow.infer_type(frame.iloc[:, at].to_numpy(), from_pandas=True)
            types = types.set(at, pyarrow.field(types.field(at).name, found))
    return types


def _pyarrow() -> Any:
    try:
        import pyarrow  # type: ignore[import-not-found, import-untyped, unused-ignore]
        import pyarrow.csv  # type: ignore[import-not-found, import-untyped, unused-ignore]
        import pyarrow.parquet  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        raise Usage(
            "expected pyarrow to write this table, found it not installed", hint="pip install pyarrow"
        ) from None
    return pyarrow


def _arrow(frame: Any, file: IO[bytes], format: str) -> None:
    pyarrow = _pyarrow()
    if isinstance(frame, pyarrow.Table):
        reader = frame.to_reader(max_chunksize=_ROWS)
    else:
        reader = pyarrow.RecordBatchReader.from_stream(frame)
    kind = pyarrow.csv.CSVWriter if format == "csv" else pyarrow.parquet.ParquetWriter
    with kind(file, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
