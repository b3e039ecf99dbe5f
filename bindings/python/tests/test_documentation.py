import ast
import asyncio
import base64
import contextlib
import doctest
import importlib
import inspect
import io
import json
import pkgutil
import re
import tempfile
import unittest
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, get_origin

import prism
from scene import SCRIPT, TABLE, draft


def modules() -> list[ModuleType]:
    found = [prism]
    for module in pkgutil.walk_packages(prism.__path__, "prism."):
        if module.name.rpartition(".")[2] not in ("_prism", "train"):
            found.append(importlib.import_module(module.name))
    return found


class Documentation(unittest.TestCase):
    maxDiff = None  # all that is missing, not the first of it

    def test_every_public_name_is_documented_and_typed(self) -> None:
        bare = []
        for path, member in public():
            if not inspect.getdoc(member):
                bare.append(path)
            if inspect.isfunction(member) and not is_typed(member):
                bare.append(f"{path}: types")
        self.assertEqual(bare, [])

    def test_every_attribute_is_documented(self) -> None:
        bare = []
        for module in modules():
            for path, described in attributes(module):
                if not described:
                    bare.append(path)
        self.assertEqual(bare, [])

    def test_every_public_name_has_an_example(self) -> None:
        bare = [path for path, member in public() if "._" not in path and not has_example(path, member)]
        self.assertEqual(bare, [])

    def test_everything_that_is_exported_exists(self) -> None:
        for module in modules():
            for name in getattr(module, "__all__", []):
                self.assertTrue(hasattr(module, name), f"{module}: {name}")

    def test_the_examples_hold(self) -> None:
        tried = 0
        options = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
        for module in modules():
            for test in doctest.DocTestFinder().find(module):
                if not test.examples:
                    continue
                with self.subTest(test.name), Scenery(test.docstring or "") as scene:
                    test.globs |= scene
                    heard = io.StringIO()
                    outcome = doctest.DocTestRunner(verbose=False, optionflags=options).run(test, out=heard.write)
                    self.assertEqual(outcome.failed, 0, heard.getvalue())
                    tried += outcome.attempted
        self.assertGreater(tried, 150)


class Scenery:
    """What an example finds, in a folder of its own: only what it speaks of is made."""

    done: ClassVar[prism.Simulation | None] = None

    def __init__(self, text: str) -> None:
        self.text = text
        for package in ("numpy", "pandas", "safetensors"):
            if f"import {package}" in text or f"from {package}" in text:
                try:
                    importlib.import_module(package)
                except ImportError:
                    raise unittest.SkipTest(f"skipped: {package} is not installed") from None
        self.rest = contextlib.ExitStack()

    def speaks_of(self, name: str) -> bool:
        return re.search(rf"\b{name}\b", self.text) is not None

    def __enter__(self) -> dict[str, object]:
        folder = Path(self.rest.enter_context(tempfile.TemporaryDirectory()))
        scene: dict[str, Any] = {"prism": prism, "asyncio": asyncio, "base64": base64, "json": json, "zipfile": zipfile}
        scene |= prepare(folder)
        if self.speaks_of("done"):
            Scenery.done = Scenery.done or prism.simulate(prism.samples.covid19)
            scene["done"] = Scenery.done
        if any(self.speaks_of(name) for name in ("room", "agent", "finished")):
            room = self.rest.enter_context(prism.serve(scene["terms"], "simulated"))
            scene |= {"room": room, "agent": prism.connect(room.address, scene["terms"], scene["lab"])}
        if self.speaks_of("finished"):
            scene["finished"] = finished(scene["agent"], folder, scene["hospital"])
        return scene

    def __exit__(self, *_: object) -> None:
        self.rest.close()


def finished(agent: prism.Agent, folder: Path, hospital: prism.Key) -> prism.Agent:
    """An agent to whom everybody brought what was agreed, and whose program has run."""
    agent.upload("count.py", folder / "count.py", progress=False)
    agent.upload("h1.csv", folder / "h1.csv", hospital, progress=False)
    agent.watch(until="delivering", show=False)
    return agent


def public() -> list[tuple[str, object]]:
    """Every public name: of each module what it exports, and of classes their methods and properties."""
    found = []
    for module in modules():
        for name in getattr(module, "__all__", []):
            value = getattr(module, name)
            if get_origin(value) is None:  # an alias of types: its words stand beneath it
                found += members(f"{module.__name__}.{name}", value)
    return found


def has_example(path: str, member: object) -> bool:
    """Whether it has an example, or the example of its class uses it."""
    if inspect.ismodule(member) or isinstance(member, str) or is_error(member):
        return True
    if ">>> " in (inspect.getdoc(member) or ""):
        return True
    owner, _, name = path.rpartition(".")
    module, _, kind = owner.rpartition(".")
    told = inspect.getdoc(getattr(importlib.import_module(module), kind, None)) if module else None
    return any(f".{name}" in line for line in (told or "").splitlines() if line.startswith((">>> ", "... ")))


def is_error(value: object) -> bool:
    """Errors have one form, which their module shows."""
    return inspect.isclass(value) and issubclass(value, prism.PrismError)


def attributes(module: ModuleType) -> list[tuple[str, bool]]:
    """The public attributes of a module's classes, and whether words stand beneath each."""
    found = []
    for kind in ast.parse(inspect.getsource(module)).body:
        if isinstance(kind, ast.ClassDef) and not kind.name.startswith("_"):
            maker = [part for part in kind.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
            for body in [kind.body, *(part.body for part in maker)]:
                for part, after in zip(body, [*body[1:], ast.Pass()], strict=True):
                    name = attribute_of(part)
                    if name and not name.startswith("_"):
                        described = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                        described |= f"\n    {name}:" in (ast.get_docstring(kind) or "")
                        found.append((f"{module.__name__}.{kind.name}.{name}", described))
    return found


def attribute_of(part: ast.stmt) -> str | None:
    """The name that a statement gives to an attribute of its class or of ``self``."""
    targets = part.targets if isinstance(part, ast.Assign) else [part.target] if isinstance(part, ast.AnnAssign) else []
    for target in targets:
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
            return target.attr
        if isinstance(target, ast.Name) and isinstance(part, ast.AnnAssign):
            return target.id
    return None


def members(path: str, value: object) -> list[tuple[str, object]]:
    found = [(path, value)]
    if inspect.isclass(value) and value.__module__.startswith("prism"):
        for name, member in vars(value).items():
            if not name.startswith("_"):
                member = member.__func__ if isinstance(member, classmethod | staticmethod) else member
                if inspect.isfunction(member) or isinstance(member, property):
                    found.append((f"{path}.{name}", member))
    return found


def is_typed(function: object) -> bool:
    signature = inspect.signature(function)  # type: ignore[arg-type]
    parameters = [p for name, p in signature.parameters.items() if name not in ("self", "cls")]
    named = all(p.annotation is not p.empty for p in parameters)
    return named and signature.return_annotation is not signature.empty


def prepare(folder: Path) -> dict[str, object]:
    """What every example finds: files, people, and terms that everybody approved."""
    people = {"lab": prism.Key.generate(), "hospital": prism.Key.generate()}
    for name, key in zip(("lab", "hospital-1"), people.values(), strict=True):
        key.public.save(folder / f"{name}.pub")
    (folder / "count.py").write_bytes(SCRIPT)
    (folder / "h1.csv").write_bytes(TABLE)
    (folder / "h1").mkdir()
    for name in ("a.txt", "b.txt"):
        (folder / "h1" / name).write_text(name)
    script, table = prism.Asset.from_bytes(SCRIPT, "count.py"), prism.Asset.from_bytes(TABLE, "h1.csv")
    terms = prism.Manifest.new(draft(script, table), folder)
    terms = terms.assemble([terms.approve(key) for key in people.values()])
    terms.save(folder / "covid19.prism")
    for name in ("lab", "hospital-1"):
        (folder / f"{name}.pub").unlink()
    with zipfile.ZipFile(folder / "results.zip", "w") as archive:
        archive.writestr("model.json", "{}")
        archive.writestr("metrics.json", '{"accuracy": 0.95}')
    return {"folder": folder, "terms": terms, "result": prism.Result(folder / "results.zip"), **people}
