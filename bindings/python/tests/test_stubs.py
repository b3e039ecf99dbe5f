import os
import subprocess
import sys
import unittest
from importlib.util import find_spec
from pathlib import Path

import prism


@unittest.skipUnless(find_spec("mypy"), "skipped: mypy is not installed")
class Stubs(unittest.TestCase):
    def run_tool(self, *arguments: str) -> None:
        place = str(Path(prism.__file__).parent.parent)
        environment = {**os.environ, "MYPYPATH": place, "PYTHONPATH": place, "MYPY_CACHE_DIR": os.devnull}
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
