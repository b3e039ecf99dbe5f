"""What texts an expression can stand for, as far as reading tells: enough to follow paths through a program."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterable

from .source import UNKNOWN, File

SCRIPT = "<script>"
"""The folder of the program itself."""

_DEPTH = 10
_WIDTH = 8
_LONGEST = 4096
# How far one expression is followed, and how far all of a file's together: what is beyond is not known.
_STEPS = 100
_ALL_STEPS = 40_000
_SAME = {"str", "os.fspath", "os.path.abspath", "os.path.realpath", "os.path.normpath", "sorted", "list", "reversed"}
_SAME |= {"tuple", "set", "glob.glob", "glob.iglob", "iter", "next", "min", "max"}
_JOINS = {"os.path.join", "pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath"}
_FIXED = {"os.getcwd": ".", "pathlib.Path.cwd": ".", "pathlib.Path.home": "~"}
_STAYS = {"resolve", "absolute", "expanduser", "as_posix", "strip", "rstrip"}


class Values:
    """The possible texts of a file's expressions; ``*`` stands for what is not known."""

    def __init__(self, file: File, args: list[str]) -> None:
        self._file = file
        self._args = args
        self._scopes: dict[ast.AST, ast.AST] = {}
        self._bound: dict[tuple[ast.AST | None, str], list[ast.expr]] = {}
        self._functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
        self._known: dict[ast.expr, frozenset[str]] = {}
        self._followed: set[tuple[ast.AST | None, str]] = set()
        self._steps = 0
        self._left = _ALL_STEPS
        self._find_scopes()
        for node in self._scopes:
            self._bind(node)

    def _find_scopes(self) -> None:
        """The function that each node stands in; of a function itself, the one around it."""
        pending: list[tuple[ast.AST, ast.AST]] = [(self._file.tree, self._file.tree)]
        while pending:
            node, scope = pending.pop()
            self._scopes[node] = scope
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self._functions[node.name] = scope = node
            pending += [(child, scope) for child in ast.iter_child_nodes(node)]
        for function in self._functions.values():
            self._function(function)

    def of(self, node: ast.expr, depth: int = _DEPTH) -> frozenset[str]:
        """The texts that an expression can stand for."""
        if depth == _DEPTH:
            if node in self._known:
                return self._known[node]
            self._steps = 0
        self._steps += 1
        self._left -= 1
        find = getattr(self, f"_{type(node).__name__.lower()}", None)
        goes_on = depth > 0 and self._steps < _STEPS and self._left > 0
        found = find(node, depth - 1) if find is not None and goes_on else {UNKNOWN}
        texts = _few(found)
        if depth == _DEPTH:
            self._known[node] = texts
        return texts

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        names = _parameters(node)
        defaults = zip(reversed(names), reversed(node.args.defaults), strict=False)
        given = ((a.arg, d) for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d is not None)
        for name, default in [*defaults, *given]:
            self._add(node, name, default)

    def _bind(self, node: ast.AST) -> None:
        scope = self._scopes[node]
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(scope, target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            self._assign(scope, node.target, node.value)
        elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            # What stands for a collection of paths stands for each of them, too.
            self._assign(scope, node.target, node.iter)
        elif isinstance(node, ast.Call):
            self._call_binds(node)

    def _call_binds(self, node: ast.Call) -> None:
        """What a call says of the function that it calls: parameters, or the default of an option."""
        if isinstance(node.func, ast.Name) and node.func.id in self._functions:
            function = self._functions[node.func.id]
            for name, value in zip(_parameters(function), node.args, strict=False):
                self._add(function, name, value)
            for keyword in node.keywords:
                if keyword.arg:
                    self._add(function, keyword.arg, keyword.value)
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument":
            options = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            default = next((keyword.value for keyword in node.keywords if keyword.arg == "default"), None)
            for option in options if default is not None else []:
                self._add(None, option.lstrip("-").replace("-", "_"), default)

    def _assign(self, scope: ast.AST, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._add(scope, target.id, value)
        elif isinstance(target, ast.Attribute):
            self._add(None, target.attr, value)
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for one, its in zip(target.elts, value.elts, strict=True):
                self._assign(scope, one, its)

    def _add(self, scope: ast.AST | None, name: str, value: ast.expr | None) -> None:
        """Notes that a name of a function, or an attribute of whatever object, can stand for a value."""
        if value is not None:
            self._bound.setdefault((scope, name), []).append(value)

    def _constant(self, node: ast.Constant, depth: int) -> set[str]:
        return {node.value} if isinstance(node.value, str) else {UNKNOWN}

    def _joinedstr(self, node: ast.JoinedStr, depth: int) -> set[str]:
        texts = {""}
        for part in node.values:
            inner = part.value if isinstance(part, ast.FormattedValue) else part
            texts = set(_few(a + b for a in texts for b in self.of(inner, depth)))
        return texts

    def _name(self, node: ast.Name, depth: int) -> set[str]:
        if node.id == "__file__":
            return {f"{SCRIPT}/{self._file.name}"}
        scope = self._scopes.get(node)
        while scope is not None and (scope, node.id) not in self._bound:
            around = self._scopes[scope]
            scope = around if around is not scope else None
        return self._bindings((scope, node.id), depth)

    def _bindings(self, key: tuple[ast.AST | None, str], depth: int) -> set[str]:
        if key in self._followed:
            return {UNKNOWN}
        self._followed.add(key)
        found = {text for value in self._bound.get(key, [])[:_WIDTH] for text in self.of(value, depth)}
        self._followed.discard(key)
        return found

    def _attribute(self, node: ast.Attribute, depth: int) -> set[str]:
        if node.attr == "parent":
            return {_up(text) for text in self.of(node.value, depth)}
        return self._bindings((None, node.attr), depth)

    def _subscript(self, node: ast.Subscript, depth: int) -> Iterable[str]:
        index = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if self._file.dotted(node.value) == "sys.argv":
            known = isinstance(index, int) and 0 < index <= len(self._args)
            return {self._args[index - 1]} if known and isinstance(index, int) else set(self._args)
        if self._file.dotted(node.value) == "os.environ":
            return {"~"} if index == "HOME" else {UNKNOWN}
        return self.of(node.value, depth)

    def _binop(self, node: ast.BinOp, depth: int) -> set[str]:
        left, right = self.of(node.left, depth), self.of(node.right, depth)
        if isinstance(node.op, ast.Div):
            return {posixpath.join(a, b) for a in left for b in right}
        if isinstance(node.op, ast.Add):
            return {a + b for a in left for b in right}
        if isinstance(node.op, ast.Mod):
            return {re.sub(r"%[-#0-9.]*[a-z]", UNKNOWN, a) for a in left}
        return {UNKNOWN}

    def _ifexp(self, node: ast.IfExp, depth: int) -> frozenset[str]:
        return self.of(node.body, depth) | self.of(node.orelse, depth)

    def _boolop(self, node: ast.BoolOp, depth: int) -> set[str]:
        return self._union(node.values, depth)

    def _list(self, node: ast.List | ast.Tuple | ast.Set, depth: int) -> set[str]:
        return self._union(node.elts, depth)

    _tuple = _set = _list

    def _union(self, nodes: list[ast.expr], depth: int) -> set[str]:
        return {text for node in nodes[:_WIDTH] for text in self.of(node, depth)}

    def _listcomp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, depth: int) -> frozenset[str]:
        return self.of(node.elt, depth)

    _setcomp = _generatorexp = _listcomp

    def _call(self, node: ast.Call, depth: int) -> Iterable[str]:
        name = self._file.dotted(node.func)
        if name in _FIXED:
            return {_FIXED[name]}
        if name in _JOINS:
            return self._join([self.of(argument, depth) for argument in node.args] or [frozenset({"."})])
        if name in _SAME and node.args:
            return self.of(node.args[0], depth)
        if name == "os.path.dirname" and node.args:
            return {_up(text) for text in self.of(node.args[0], depth)}
        if name == "os.path.expanduser" and node.args:
            return self.of(node.args[0], depth)
        return self._method(node, depth) if isinstance(node.func, ast.Attribute) else {UNKNOWN}

    def _method(self, node: ast.Call, depth: int) -> Iterable[str]:
        assert isinstance(node.func, ast.Attribute)
        base, name = self.of(node.func.value, depth), node.func.attr
        if name in _STAYS:
            return base
        if name in ("joinpath", "glob", "rglob") and node.args:
            return self._join([base, *(self.of(argument, depth) for argument in node.args)])
        if name in ("iterdir", "walk"):
            return {posixpath.join(text, UNKNOWN) for text in base}
        if name in ("with_suffix", "with_name", "with_stem"):
            return {posixpath.join(posixpath.dirname(text), UNKNOWN) for text in base}
        if name == "format":
            return {re.sub(r"\{[^{}]*\}", UNKNOWN, text) for text in base}
        return {UNKNOWN}

    @staticmethod
    def _join(parts: list[frozenset[str]]) -> set[str]:
        texts = {""}
        for part in parts:
            texts = set(_few(posixpath.join(a, b) for a in texts for b in part))
        return texts


def _few(texts: Iterable[str]) -> frozenset[str]:
    """Not more texts than anybody wants to read, and none that is too long for a path."""
    return frozenset(sorted({text for text in texts if len(text) <= _LONGEST})[:_WIDTH]) or frozenset({UNKNOWN})


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    return [argument.arg for argument in [*function.args.posonlyargs, *function.args.args]]


def _up(text: str) -> str:
    if text in (UNKNOWN, SCRIPT):
        return UNKNOWN if text == UNKNOWN else ".."
    return posixpath.dirname(text) or "."


def clean(text: str) -> str:
    """A path in its shortest form.

    >>> clean("./datasets//h1/")
    'datasets/h1'
    """
    return posixpath.normpath(text) if text else ""


def place(text: str) -> str:
    """Where a path leads: ``datasets``, ``results``, ``script``, ``home``, ``absolute``, ``up`` or ``other``.

    >>> [place(text) for text in ("datasets/h1", "results", "/data", "../x", "<script>/x.json", "~/x", "*/y")]
    ['datasets', 'results', 'absolute', 'up', 'script', 'home', 'other']
    """
    if "\n" in text or "://" in text:
        return "other"
    parts = clean(text).split("/")
    named = {"": "absolute", "~": "home", SCRIPT: "script", "..": "up", "datasets": "datasets", "results": "results"}
    if parts[0] == UNKNOWN:
        return next((part for part in parts if part in ("datasets", "results")), "other")
    return named.get(parts[0], "other") if text else "other"
