import contextlib
import io
import os
import re
import tempfile
import unittest
from pathlib import Path
from typing import Any

import prism

README = Path(__file__).parent.parent / "README.md"


class Readme(unittest.TestCase):
    def test_its_code_runs_from_top_to_bottom(self) -> None:
        blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        self.assertGreater(len(blocks), 8)
        said = io.StringIO()
        names: dict[str, Any] = {"__name__": "__main__"}
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
                for number, block in enumerate(blocks, 1):
                    exec(compile(block, f"README.md, block {number}", "exec"), names)
            self.serve_as_said(names["lab"])
            self.assertEqual(Path("lab.key").stat().st_mode & 0o777, 0o600)
        for words in ("SIMULATED", "audit ok", "no such file", "['rows.txt'] 2", "rows ▄ 2", "trusted"):
            self.assertIn(words.lower(), said.getvalue().lower(), said.getvalue())
        self.assertFalse(os.path.exists(folder))

    def serve_as_said(self, key: Any) -> None:
        """Runs the agent of a process of its own, at whichever port is free, and connects to it."""
        (code,) = re.findall(r"python -c '\n(.*?)'\n", README.read_text(encoding="utf-8"), re.DOTALL)
        self.assertIn('"127.0.0.1:6110"', code)
        states: list[str] = []

        def enter(_: str) -> str:
            with prism.connect(names["room"].address, names["terms"], key) as agent:
                states.append(agent.status().state)
            return ""

        names: dict[str, Any] = {"input": enter}
        exec(compile(code.replace(":6110", ":0"), "README.md, an agent", "exec"), names)
        self.assertEqual(states, ["WaitingForAlgorithm"])
        self.assertIsNone(names["room"].state)
