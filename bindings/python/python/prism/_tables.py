"""Tables of whichever package somebody uses, written piece by piece."""

from __future__ import annotations

import sys
from typing import IO, Any

from .errors import Usage

# Rows that are turned into text at a time.
_ROWS = 50_000


def write_table(frame: Any, file: IO[bytes], format: str) -> str:
    """Writes a table and says which program wrote it."""
    if format not in ("csv", "parquet"):
        raise Usage(f"expected csv or parquet as the format, found {format}")
    module = type(frame).__module__.partition(".")[0]
    if module == "pandas":
        _pandas(frame, file, format)
    elif module == "polars":
        frame.write_csv(file) if format == "csv" else frame.write_parquet(file)
    elif module == "pyarrow" or hasattr(frame, "__arrow_c_stream__"):
        _arrow(frame, file, format)
        module = "pyarrow"
    else:
        found = type(frame).__name__
        raise Usage(f"expected a table of pandas, polars or pyarrow, found {found}", hint="use Asset.from_bytes")
    file.flush()
    return f"{module} {getattr(sys.modules.get(module), '__version__', '')}".strip()


def _pandas(frame: Any, file: IO[bytes], format: str) -> None:
    if format == "parquet":
        frame.to_parquet(file, index=False)
        return
    frame.to_csv(file, index=False, chunksize=_ROWS, lineterminator="\n")


def _arrow(frame: Any, file: IO[bytes], format: str) -> None:
    try:
        import pyarrow  # type: ignore[import-not-found, import-untyped, unused-ignore]
        import pyarrow.csv  # type: ignore[import-not-found, import-untyped, unused-ignore]
        import pyarrow.parquet  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        raise Usage(
            "expected pyarrow to write this table, found it not installed", hint="pip install pyarrow"
        ) from None
    if isinstance(frame, pyarrow.Table):
        reader = frame.to_reader(max_chunksize=_ROWS)
    else:
        reader = pyarrow.RecordBatchReader.from_stream(frame)
    kind = pyarrow.csv.CSVWriter if format == "csv" else pyarrow.parquet.ParquetWriter
    with kind(file, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
