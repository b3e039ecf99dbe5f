"""A program's files as trees: what it imports, and what a call's name means in it."""

from __future__ import annotations

import ast
import builtins
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

UNKNOWN = "*"
TOO_DEEP = "expected a program that can be read, found expressions nested too deeply"
_BUILTINS = frozenset(dir(builtins))
_STRAY = {"__pycache__", ".git", ".venv", "venv", ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache", ".DS_Store"}
LONGEST = 4 << 20
"""The most bytes of a file that is read."""
# How many parts of what is called a finding shows.
_SHOWN = 8
_CATCHES = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


@dataclass(frozen=True)
class Import:
    """One module that is imported."""

    module: str
    """Its dotted name."""
    line: int
    """Where."""
    optional: bool
    """Whether the program goes on without it."""


@dataclass
class File:
    """One file that could be parsed."""

    name: str
    """Its path below the program's folder."""
    tree: ast.Module
    """What was parsed."""
    imports: list[Import] = field(default_factory=list)
    """Everything that it imports by an absolute name."""
    aliases: dict[str, str] = field(default_factory=dict)
    """What a name at hand stands for: ``np`` for ``numpy``."""
    bound: set[str] = field(default_factory=set)
    """Names that the file gives another meaning."""

    def dotted(self, node: ast.expr) -> str:
        """The full name of what is called: ``numpy.save``, ``open``, ``*.cuda`` for a method of something unknown."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        return ".".join([self._first(node), *reversed(attributes)])

    def _first(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            if node.id in self.aliases:
                return self.aliases[node.id]
            if node.id in _BUILTINS and node.id not in self.bound:
                return node.id
        return UNKNOWN

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the tree."""
        return list(ast.walk(self.tree))

    @cached_property
    def calls(self) -> list[tuple[ast.Call, str]]:
        """Every call with its full name."""
        return [(node, self.dotted(node.func)) for node in self.nodes if isinstance(node, ast.Call)]


@dataclass
class Program:
    """Everything of a program that is Python, and what was said beside it."""

    entry: str
    """The file that runs."""
    whole: bool
    """Whether its folder goes along, or the one file only."""
    folder: Path
    """Where it lies."""
    args: list[str]
    """Its arguments."""
    devices: list[str]
    """The devices that it asks for."""
    content: bytes | None = None
    """The bytes of the file that runs, when they are known; else its file is read."""
    files: list[File] = field(default_factory=list)
    """The files that could be parsed."""
    broken: list[tuple[str, int | None, str]] = field(default_factory=list)
    """File, line and reason of those that could not."""

    def brings(self, module: str) -> bool:
        """Whether the program itself brings a module."""
        return self.whole and _lies(self.folder / Path(self.entry).parent, module)

    def leaves(self, module: str) -> bool:
        """Whether the module lies beside a script that is sent without it."""
        return not self.whole and _lies(self.folder, module)


def is_stray(path: Path) -> bool:
    """Whether something is not part of any program."""
    return path.name in _STRAY


def _lies(folder: Path, module: str) -> bool:
    top = folder / module.partition(".")[0]
    return top.with_suffix(".py").is_file() or (top.is_dir() and any(top.glob("*.py")))


def read(program: Program) -> Program:
    """Reads every file of a program."""
    names = [program.entry]
    if program.whole:
        found = (path.relative_to(program.folder) for path in program.folder.rglob("*.py"))
        names = sorted({program.entry, *(path.as_posix() for path in found if not _STRAY & set(path.parts))})
    for name in names:
        try:
            program.files.append(_parse(name, _content(program, name)))
        except SyntaxError as error:
            program.broken.append((name, error.lineno, error.msg))
        except RecursionError:
            program.broken.append((name, None, TOO_DEEP))
        except (ValueError, MemoryError) as error:
            program.broken.append((name, None, str(error) or type(error).__name__))
    return program


def _content(program: Program, name: str) -> bytes:
    if program.content is not None and name == program.entry:
        return program.content
    with (program.folder / name).open("rb") as file:
        content = file.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise ValueError("it is longer than 4 MiB")
    return content


def _parse(name: str, content: bytes) -> File:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = File(name, ast.parse(content, name))
    _imports(file, file.tree.body, False)
    for node in file.nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            file.bound.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            file.bound.add(node.name)
        elif isinstance(node, ast.arg):
            file.bound.add(node.arg)
    return file


def names_in(node: ast.AST) -> set[str]:
    """Every name and attribute below a node."""
    names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    return names | {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}


def shown(node: ast.expr) -> str:
    """What is called, or named, as it is written; of a long one the end.

    >>> import ast
    >>> shown(ast.parse("models.resnet18(weights).cuda", mode="eval").body)
    'models.resnet18(…).cuda'
    """
    parts: list[str] = []
    while isinstance(node, ast.Attribute | ast.Call) and len(parts) < _SHOWN:
        if isinstance(node, ast.Attribute):
            parts.append(f".{node.attr}")
            node = node.value
        else:
            parts.append("(…)" if node.args or node.keywords else "()")
            node = node.func
    first = node.id if isinstance(node, ast.Name) else repr(node.value) if isinstance(node, ast.Constant) else "…"
    return "".join([first, *reversed(parts)])


def _imports(file: File, nodes: list[ast.stmt], optional: bool) -> None:
    pending = [(node, optional) for node in reversed(nodes)]
    while pending:
        node, optional = pending.pop()
        if isinstance(node, ast.Import):
            for name in node.names:
                file.imports.append(Import(name.name, node.lineno, optional))
                top = name.name.partition(".")[0]
                file.aliases[name.asname or top] = name.name if name.asname else top
        elif isinstance(node, ast.ImportFrom):
            _from(file, node, optional)
        else:
            pending += reversed(list(_inside(node, optional)))


def _inside(node: ast.stmt, optional: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """The statements in a statement, and whether the program goes on when they fail to import."""
    if isinstance(node, ast.Try | ast.TryStar):
        caught = optional or any(_catches(handler) for handler in node.handlers)
        yield from ((child, caught) for child in node.body)
        handled = [child for handler in node.handlers for child in handler.body]
        yield from ((child, optional) for child in [*handled, *node.orelse, *node.finalbody])
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in names_in(node.test):
        yield from ((child, optional) for child in node.orelse)
    else:
        for child in ast.iter_child_nodes(node):
            within = child.body if isinstance(child, ast.match_case) else [child]
            yield from ((one, optional) for one in within if isinstance(one, ast.stmt))


def _from(file: File, node: ast.ImportFrom, optional: bool) -> None:
    if node.level or node.module is None:
        return
    file.imports.append(Import(node.module, node.lineno, optional))
    for name in node.names:
        file.aliases[name.asname or name.name] = f"{node.module}.{name.name}"


def _catches(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or (isinstance(kind, ast.Name) and kind.id in _CATCHES) for kind in kinds)
