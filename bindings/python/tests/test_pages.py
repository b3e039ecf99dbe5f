import os
import re
import subprocess
import sys
import tempfile
import unittest
from importlib.util import find_spec
from pathlib import Path

import prism


@unittest.skipUnless(find_spec("pdoc"), "skipped: pdoc is not installed")
class Pages(unittest.TestCase):
    def test_the_pages_are_built_without_a_warning_and_name_everything(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-W", "error", "-m", "pdoc", "-o", folder, "prism"]
            environment = {**os.environ, "PYTHONPATH": str(Path(prism.__file__).parent.parent)}
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
            page = Path(folder, "prism.html").read_text(encoding="utf-8")
            twin = Path(folder, "prism", "aio.html").read_text(encoding="utf-8")
        missing = [name for name in prism.__all__ if f'id="{name}"' not in page and f"prism/{name}.html" not in page]
        self.assertEqual(missing, [])
        told = re.sub(r'<div class="pdoc-code.*?</div>', "", page + twin, flags=re.DOTALL)
        self.assertTrue("<strong>EvidenceRefused:" in told, "sections are not read as such")
        self.assertEqual(re.findall(r":(?:meth|func|class):.{20}", told), [], "references are not read as such")
