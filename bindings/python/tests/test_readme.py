import contextlib
import io
import os
import re
import tempfile
import unittest
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


class Readme(unittest.TestCase):
    def test_its_code_runs_from_top_to_bottom(self) -> None:
        blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        self.assertGreater(len(blocks), 8)
        said, names = io.StringIO(), {"__name__": "__main__"}
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
                for number, block in enumerate(blocks, 1):
                    exec(compile(block, f"README.md, block {number}", "exec"), names)
            self.assertEqual(Path("lab.key").stat().st_mode & 0o777, 0o600)
        for words in ("SIMULATED", "audit ok", "no such file", "['rows.txt'] 3", "rows ▄ 3", "trusted"):
            self.assertIn(words.lower(), said.getvalue().lower(), said.getvalue())
        self.assertFalse(os.path.exists(folder))
