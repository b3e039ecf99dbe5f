"""Executes a notebook as Jupyter would, with nothing but Python."""

import ast
import contextlib
import io
import json
import os
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "examples" / "notebooks"
"""Where the notebooks are."""

TAG = "raises-exception"
"""What marks a cell that is meant to fail."""


@dataclass
class Played:
    """What became of a notebook."""

    shown: list[str] = field(default_factory=list)
    """What each cell showed last, as HTML where there is any."""
    raised: list[str] = field(default_factory=list)
    """The exceptions of the cells that are meant to fail, in order."""
    faults: list[str] = field(default_factory=list)
    """Cells that failed and should not have, or the other way round."""


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.ipynb"))


def read(name: str) -> dict[str, Any]:
    book: dict[str, Any] = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    return book


def cells(book: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """The code cells: their source, and whether they are meant to fail."""
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            yield "".join(cell["source"]), TAG in cell["metadata"].get("tags", [])


def play(book: dict[str, Any]) -> Played:
    """Runs every code cell in one namespace, in a folder of its own."""
    played, scope, here = Played(), {"__name__": "__main__"}, os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for number, (source, fails) in enumerate(cells(book), 1):
                _cell(played, f"cell {number}", source, fails, scope)
                if played.faults:
                    break
        finally:
            os.chdir(here)
    return played


def _cell(played: Played, name: str, source: str, fails: bool, scope: dict[str, Any]) -> None:
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            shown = _execute(source, name, scope)
    except Exception as error:
        if fails:
            played.raised.append(type(error).__name__)
        else:
            played.faults.append(f"{name}:\n{source}\n{traceback.format_exc()}")
        return
    if fails:
        played.faults.append(f"{name} was meant to fail:\n{source}")
    played.shown.append(said.getvalue() + shown)


def _execute(source: str, name: str, scope: dict[str, Any]) -> str:
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), scope)
    if not isinstance(last, ast.Expr):
        return ""
    value = eval(compile(ast.Expression(last.value), name, "eval"), scope)
    html = getattr(value, "_repr_html_", None)
    return "" if value is None else str(html()) if html is not None else repr(value)
