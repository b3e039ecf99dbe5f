import ast
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import prism

README = Path(__file__).parent.parent / "README.md"
EXAMPLES = Path(__file__).parents[3] / "examples"


@unittest.skipUnless(find_spec("mypy"), "skipped: mypy is not installed")
class Stubs(unittest.TestCase):
    cache: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.cache = cls.enterClassContext(tempfile.TemporaryDirectory())

    def run_tool(self, *arguments: str) -> None:
        place = str(Path(prism.__file__).parent.parent)
        environment = {**os.environ, "MYPYPATH": place, "PYTHONPATH": place, "MYPY_CACHE_DIR": self.cache}
        done = subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            cwd=Path(__file__).parent.parent,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_stubs_agree_with_the_native_module(self) -> None:
        self.run_tool("-m", "mypy.stubtest", "prism._prism")

    def test_the_package_and_its_tests_are_strictly_typed(self) -> None:
        self.run_tool("-m", "mypy", "python/prism", "tests")

    def test_the_examples_are_strictly_typed(self) -> None:
        self.assertTrue(EXAMPLES.is_dir(), f"expected the examples at {EXAMPLES}, found nothing")
        with tempfile.TemporaryDirectory() as folder:
            # Without their folder around them, for several have the same name.
            programs = {path: path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*/*.py")}
            programs |= {path: cells(path) for path in EXAMPLES.glob("notebooks/*.ipynb")}
            programs |= {README: "\n".join(re.findall(r"^```python\n(.*?)^```", README.read_text(), re.S | re.M))}
            for number, (path, text) in enumerate(sorted(programs.items())):
                with self.subTest(str(path.relative_to(EXAMPLES.parent))):
                    beside = neighbours(path, text)
                    named = {name for program in [text, *beside.values()] for name in imports(program)}
                    missing = sorted(name for name in named - set(beside) if find_spec(name) is None)
                    if missing:
                        self.skipTest(f"skipped: {path.name} needs {', '.join(missing)}, which is not installed")
                    place = Path(folder, str(number))
                    place.mkdir()
                    for name, program in {path.stem: text, **beside}.items():
                        place.joinpath(f"{name}.py").write_text(program, encoding="utf-8")
                    self.run_tool("-m", "mypy", "--strict", str(place / f"{path.stem}.py"))


def imports(text: str) -> list[str]:
    """The packages and modules that a program names, without what is within them."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return sorted(found)


def neighbours(path: Path, text: str) -> dict[str, str]:
    """The modules that lie beside a program and are named in it."""
    found = {name: path.with_name(f"{name}.py") for name in imports(text)}
    return {name: place.read_text(encoding="utf-8") for name, place in found.items() if place.exists()}


def cells(notebook: Path) -> str:
    """The code of a notebook, one cell after the other."""
    parts = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(part["source"]) + "\n" for part in parts if part["cell_type"] == "code")
