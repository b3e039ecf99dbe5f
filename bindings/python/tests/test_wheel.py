import email
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import venv
import zipfile
from pathlib import Path
from typing import ClassVar

HERE = Path(__file__).parent.parent
ASKED = os.environ.get("PRISM_TEST_WHEEL", "")


def built(folder: Path) -> Path:
    """A wheel as maturin builds it, which compiles everything anew: other features, another profile than tests have."""
    maturin = shutil.which("maturin") or str(Path(sys.executable).with_name("maturin"))
    command = [maturin, "build", "--profile", "dev", "--compatibility", "off", "--out", str(folder)]
    subprocess.run([*command, "--manifest-path", str(HERE / "Cargo.toml")], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@unittest.skipUnless(
    ASKED, "skipped: takes minutes; PRISM_TEST_WHEEL=1 builds a wheel with maturin, PRISM_TEST_WHEEL=FILE takes one"
)
class Wheel(unittest.TestCase):
    folder: ClassVar[Path]
    wheel: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.wheel = built(cls.folder) if ASKED == "1" else Path(ASKED).absolute()

    def test_one_file_serves_every_python_from_3_11_on_and_requires_nothing(self) -> None:
        self.assertRegex(self.wheel.name, r"^prism_confidential-[0-9.]+-cp311-abi3-\w+\.whl$")
        with zipfile.ZipFile(self.wheel) as archive:
            names = archive.namelist()
            about = email.message_from_bytes(archive.read(next(n for n in names if n.endswith("/METADATA"))))
        self.assertIsNone(about.get_all("Requires-Dist"))
        self.assertEqual(about["Requires-Python"], ">=3.11")
        self.assertEqual({name.partition("/")[0].partition("-")[0] for name in names}, {"prism", "prism_confidential"})
        for name in ("py.typed", "_prism.pyi", "_prism.abi3.so", "samples/train.py"):
            self.assertIn(f"prism/{name}", names)
        package = {str(path.relative_to(HERE / "python")) for path in (HERE / "python").rglob("*.py*")}
        self.assertEqual({name for name in package if "__pycache__" not in name} - set(names), set())

    def test_a_fresh_environment_runs_the_first_code_of_the_readme(self) -> None:
        place = self.folder / "environment"
        venv.create(place, with_pip=True)
        python = place / "bin" / "python"
        install = ["-m", "pip", "--disable-pip-version-check", "install", "--no-index", str(self.wheel)]
        self.run_python(python, *install)
        self.assertEqual(self.run_python(python, "-m", "pip", "check").strip(), "No broken requirements found.")
        page = (HERE / "README.md").read_text(encoding="utf-8")
        block = re.search(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
        assert block is not None
        said = self.run_python(python, "-W", "error", "-c", block[1])
        self.assertIn("SIMULATED", said)
        self.assertIn("accuracy", said)
        where = self.run_python(python, "-c", "import prism; print(prism.__file__)")
        self.assertTrue(where.startswith(str(place)), where)

    def run_python(self, python: Path, *arguments: str) -> str:
        hidden = ("PYTHONPATH", "PYTHONHOME")
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        environment["PRISM_STATE"] = str(self.folder / "state")
        done = subprocess.run([python, *arguments], capture_output=True, text=True, cwd=self.folder, env=environment)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout
