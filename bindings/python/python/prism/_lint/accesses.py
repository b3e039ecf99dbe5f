"""Where a program reads and writes files, as far as its calls say so."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .source import File
from .values import Values

Kind = Literal["read", "write"]


@dataclass(frozen=True)
class Access:
    """One file or folder that a call names."""

    kind: Kind
    """Whether it is read or written."""
    texts: frozenset[str]
    """What the path can be."""
    line: int
    """Where."""


# Functions by full name: which argument is a path, by position or keyword, and what becomes of it.
_FUNCTIONS: dict[str, tuple[tuple[int, str, Kind], ...]] = {
    **{f"os.{name}": ((0, "path", "write"),) for name in ("mkdir", "remove", "unlink", "rmdir", "chmod", "truncate")},
    "os.makedirs": ((0, "name", "write"),),
    **{f"os.{name}": ((0, "src", "write"), (1, "dst", "write")) for name in ("rename", "replace", "link", "symlink")},
    **{f"os.{name}": ((0, "path", "read"),) for name in ("listdir", "scandir", "stat")},
    "os.walk": ((0, "top", "read"),),
    **{f"os.path.{name}": ((0, "path", "read"),) for name in ("exists", "isfile", "isdir", "getsize")},
    **{f"shutil.{n}": ((0, "src", "read"), (1, "dst", "write")) for n in ("copy", "copy2", "copyfile", "copytree")},
    "shutil.move": ((0, "src", "write"), (1, "dst", "write")),
    "shutil.rmtree": ((0, "path", "write"),),
    "shutil.unpack_archive": ((0, "filename", "read"), (1, "extract_dir", "write")),
    "glob.glob": ((0, "pathname", "read"),),
    "glob.iglob": ((0, "pathname", "read"),),
    **{f"numpy.{name}": ((0, "file", "write"),) for name in ("save", "savez", "savez_compressed", "savetxt")},
    **{f"{name}.dump": ((1, "filename", "write"),) for name in ("joblib", "skops.io")},
    "torch.save": ((1, "f", "write"),),
    "torch.jit.save": ((1, "f", "write"),),
    **{f"safetensors.{kind}.save_file": ((1, "filename", "write"),) for kind in ("torch", "numpy")},
    "cv2.imwrite": ((0, "filename", "write"),),
    "matplotlib.pyplot.savefig": ((0, "fname", "write"),),
    "matplotlib.pyplot.imsave": ((0, "fname", "write"),),
    "sqlite3.connect": ((0, "database", "write"),),
}
# Functions that open a file as their mode says: where the mode stands.
_OPENS = {"open": 1, "io.open": 1, "gzip.open": 1, "bz2.open": 1, "lzma.open": 1, "tarfile.open": 1}
_OPENS |= {"zipfile.ZipFile": 1, "codecs.open": 1}
# Methods of paths.
_PATH_WRITES = {"write_text", "write_bytes", "mkdir", "touch", "unlink", "rmdir", "rename", "replace", "symlink_to"}
_PATH_READS = {"read_text", "read_bytes", "iterdir", "glob", "rglob", "exists", "is_file", "is_dir", "stat", "walk"}
# Methods of tables, pictures, models and archives whose first argument is a path.
_SAVES = {"to_csv", "to_parquet", "to_json", "to_pickle", "to_excel", "to_feather", "to_hdf", "savefig", "save"}
_SAVES |= {"save_pretrained", "save_model", "save_weights", "extractall", "tofile", "write_csv", "write_parquet"}
_SAVES |= {"write_ipc", "write_json", "write_image", "write_html"}
_LOADS = {"load", "loadtxt", "genfromtxt", "fromfile", "imread", "open", "ImageFolder", "DatasetFolder", "load_file"}
_LOADS |= {"load_model", "load_weights", "memmap", "ZipFile"}


def argument(call: ast.Call, position: int, keyword: str) -> ast.expr | None:
    """An argument, by position or keyword."""
    for given in call.keywords:
        if given.arg == keyword:
            return given.value
    ahead = call.args[: position + 1]
    return ahead[position] if len(ahead) > position and not any(isinstance(a, ast.Starred) for a in ahead) else None


def accesses(file: File, values: Values) -> Iterator[Access]:
    """Every file or folder that a call of this file names."""
    for call, name in file.calls:
        for node, kind in _paths(call, name, values):
            yield Access(kind, values.of(node), call.lineno)


def _paths(call: ast.Call, name: str, values: Values) -> Iterator[tuple[ast.expr, Kind]]:
    if name in _FUNCTIONS:
        for position, keyword, kind in _FUNCTIONS[name]:
            node = argument(call, position, keyword)
            if node is not None:
                yield node, kind
        return
    if name in _OPENS:
        node = argument(call, 0, "file") or argument(call, 0, "filename")
        if node is not None:
            yield node, _mode(argument(call, _OPENS[name], "mode"), values)
        return
    if not isinstance(call.func, ast.Attribute):
        short = name.rpartition(".")[2]
        if call.args and (short in _LOADS or short.startswith("read_")):
            yield call.args[0], "read"
        return
    yield from _of_method(call, call.func, name.startswith("*"), values)


def _of_method(call: ast.Call, method: ast.Attribute, unknown: bool, values: Values) -> Iterator[tuple[ast.expr, Kind]]:
    name = method.attr
    if name in _PATH_WRITES:
        if name != "replace" or len(call.args) == 1:  # a text's replace takes two
            yield method.value, "write"
    elif name in _PATH_READS:
        yield method.value, "read"
    elif name == "open" and values.of(method.value) != frozenset({"*"}):
        yield method.value, _mode(argument(call, 0, "mode"), values)
    elif name in _SAVES and call.args:
        yield call.args[0], "write"
    elif call.args and (name in _LOADS or name.startswith("read_")) and not (unknown and name == "open"):
        yield call.args[0], "read"


def _mode(node: ast.expr | None, values: Values) -> Kind:
    modes = values.of(node) if node is not None else frozenset({"r"})
    return "write" if any(set(mode) & set("wax+") for mode in modes) else "read"


def mentions(file: File, values: Values) -> Iterator[str]:
    """Every text that the file's expressions can stand for, sentences left out."""
    sentences = {node.value for node in file.nodes if isinstance(node, ast.Expr)}
    for node in file.nodes:
        if isinstance(node, ast.expr) and node not in sentences:
            if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp | ast.Call | ast.Subscript):
                yield from values.of(node)
