import doctest
import importlib
import inspect
import pkgutil
import tempfile
import unittest
import zipfile
from pathlib import Path
from types import ModuleType
from typing import get_origin

import prism
from scene import SCRIPT, TABLE, draft


def modules() -> list[ModuleType]:
    found = [prism]
    for module in pkgutil.walk_packages(prism.__path__, "prism."):
        if module.name.rpartition(".")[2] not in ("_prism", "train"):
            found.append(importlib.import_module(module.name))
    return found


class Documentation(unittest.TestCase):
    def test_every_public_name_is_documented_and_typed(self) -> None:
        bare = []
        for module in modules():
            for name in getattr(module, "__all__", []):
                value = getattr(module, name)
                if get_origin(value) is not None:
                    continue  # an alias of types: its words stand beneath it
                for path, member in members(f"{module.__name__}.{name}", value):
                    if not inspect.getdoc(member):
                        bare.append(path)
                    if inspect.isfunction(member) and not is_typed(member):
                        bare.append(f"{path}: types")
        self.assertEqual(bare, [])

    def test_everything_that_is_exported_exists(self) -> None:
        for module in modules():
            for name in getattr(module, "__all__", []):
                self.assertTrue(hasattr(module, name), f"{module}: {name}")

    def test_the_examples_hold(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            scene = {"prism": prism, "folder": prepare(Path(place))}
            tried = 0
            for module in modules():
                options = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
                for test in doctest.DocTestFinder().find(module, extraglobs=scene):
                    outcome = doctest.DocTestRunner(optionflags=options).run(test)
                    self.assertEqual(outcome.failed, 0, test.name)
                    tried += outcome.attempted
                    for path in Path(place).glob("*.key"):
                        if path.name not in ("lab.key",):
                            path.unlink()
                            path.with_suffix(".pub").unlink(missing_ok=True)
            self.assertGreater(tried, 15)


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


def prepare(folder: Path) -> Path:
    """What the examples find."""
    people = {}
    for name in ("lab", "hospital-1"):
        people[name] = prism.Key.generate()
        people[name].public.save(folder / f"{name}.pub")
    script, table = prism.Asset.from_bytes(SCRIPT), prism.Asset.from_bytes(TABLE)
    terms = prism.Manifest.new(draft(script, table), folder)
    terms.assemble([terms.approve(key) for key in people.values()]).save(folder / "covid19.prism")
    for name in people:
        (folder / f"{name}.pub").unlink()
    with zipfile.ZipFile(folder / "results.zip", "w") as archive:
        archive.writestr("model.json", "{}")
        archive.writestr("metrics.json", '{"accuracy": 0.95}')
    return folder
