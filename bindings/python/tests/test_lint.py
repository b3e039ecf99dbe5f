"""Each rule of the lint, with programs that it tells of and programs that it does not."""

import shutil
import tempfile
import time
import unittest
import zipfile
from pathlib import Path

import prism

PLAIN = "open('results/n', 'w').write(open('datasets/h1').read())\n"
HASH = "--hash=sha256:" + "0" * 64

# Rule: what it tells of, and in which line; what it does not tell of.
LINES: dict[str, tuple[list[tuple[str, int]], list[str]]] = {
    "network": (
        [
            ("import requests", 1),
            ("import urllib.request\nurllib.request.urlopen('https://a.example/x')", 2),
            ("from urllib.request import urlretrieve as get\nget('https://a.example/x', 'results/x')", 2),
            ("import torch\ntorch.hub.load('a/b', 'c')", 2),
            ("from torchvision.models import resnet18\n\nresnet18(weights='DEFAULT')", 3),
            ("from torchvision import models\nmodels.resnet18(pretrained=True)", 2),
            ("from torchvision.models import *\nresnet18(weights=ResNet18_Weights.IMAGENET1K_V1)", 2),
            ("from torchvision.datasets import MNIST\nMNIST('datasets/m', download=True)", 2),
            ("from transformers import AutoModel\nAutoModel.from_pretrained('bert-base-uncased')", 2),
            ("import pandas as pd\npd.read_csv('https://a.example/x.csv')", 2),
            ("from sklearn.datasets import fetch_openml\nfetch_openml('mnist_784')", 2),
            ("import socket\nsocket.socket(socket.AF_INET)", 2),
        ],
        [
            "import urllib.parse, socket\nurllib.parse.quote('x')",
            "import socket\nsocket.socket(socket.AF_UNIX)",
            "from torchvision.models import resnet18\nresnet18(weights=None)",
            "from torchvision.datasets import MNIST\nMNIST('datasets/m', download=False)",
            "from transformers import AutoModel\nAutoModel.from_pretrained('datasets/bert')",
            "from transformers import AutoModel\nAutoModel.from_pretrained('bert', local_files_only=True)",
            "import pandas as pd\npd.read_csv('datasets/x.csv')",
            "print('see https://a.example')",
            "class requests:\n    def get(self): ...\nrequests().get()",
        ],
    ),
    "writes-datasets": (
        [
            ("open('datasets/h1/x', 'w')", 1),
            ("import os\nfor d in ['h1', 'h2']:\n    os.makedirs(os.path.join('datasets', d, 'out'))", 3),
            ("import pathlib\nDATA = pathlib.Path('datasets')\n(DATA / 'h1').unlink()", 3),
            ("import zipfile\nzipfile.ZipFile('datasets/h1.zip').extractall('datasets/h1')", 2),
            ("def clear(folder):\n    import shutil\n    shutil.rmtree(folder)\nclear('datasets/h1')", 3),
        ],
        ["open('datasets/h1/x')", "'datasets/h1'.replace('h1', 'h2')", "open('results/datasets', 'w')"],
    ),
    "outside-path": (
        [
            ("open('/data/h1.csv')", 1),
            ("import numpy as np\nnp.save('/srv/model.npy', 1)", 2),
            ("open('../secrets')", 1),
            ("import os\nos.listdir(os.path.expanduser('~/.cache'))", 2),
            ("open('/tmp/x', 'w')", 1),
            ("open('model.pth', 'w')", 1),
            ("open('config.json')", 1),
            ("import sys\nopen(sys.argv[1])", 2),
        ],
        [
            "open('/dev/null', 'w')",
            "open('scratch', 'w')\nimport os\nos.rename('scratch', 'results/x')\n#",
            "'/data'.strip()",
            "import pathlib\nfor path in pathlib.Path('datasets').glob('*'):\n    path.read_bytes()",
        ],
    ),
    "script-folder": (
        [
            ("import pathlib\nHERE = pathlib.Path(__file__).parent\n(HERE / 'datasets').iterdir()", 3),
            ("import os\nopen(os.path.join(os.path.dirname(__file__), 'names.json'))", 2),
            ("import pathlib\n(pathlib.Path(__file__).parent / 'out').write_text('x')", 2),
        ],
        ["open(__file__)", "import pathlib\nprint(pathlib.Path(__file__).name)"],
    ),
    "waits-for-people": (
        [("n = input('how many?')", 1), ("breakpoint()", 1), ("import sys\nsys.stdin.read()", 2)],
        ["def input(text): ...\ninput('x')", "class A:\n    def input(self): ...\nA().input()"],
    ),
    "shows-window": (
        [("import matplotlib.pyplot as plt\nplt.show()", 2), ("import cv2\ncv2.imshow('x', 1)", 2)],
        [
            "import matplotlib.pyplot as plt\nplt.savefig('results/x.png')",
            "class A:\n    def show(self): ...\nA().show()",
        ],
    ),
    "gpu-not-asked": (
        [
            ("model = object()\nmodel.cuda()", 2),
            ("model = object()\nmodel.to('cuda:0')", 2),
            ("import torch\ndevice = torch.device('cuda')", 2),
            ("import torch\ntorch.zeros(3, device='cuda')", 2),
        ],
        [
            "import torch\ntorch.device('cuda' if torch.cuda.is_available() else 'cpu')",
            "model = object()\nmodel.to('cpu')",
            "print('cuda')",
        ],
    ),
    "installs-packages": (
        [
            ("import os\nos.system('pip install -q torch')", 2),
            ("import subprocess, sys\nsubprocess.check_call([sys.executable, '-m', 'pip', 'install', 'x'])", 2),
            ("import subprocess\nsubprocess.run('apt-get -y install git', shell=True)", 2),
        ],
        ["import subprocess\nsubprocess.run(['ls'])", "print('pip install torch')"],
    ),
    "syntax": ([("x = 1\nif x\n", 2), ("!pip install torch", 1)], ["x = 1"]),
    "no-results": ([("open('datasets/h1')", 0)], ["open('results/x', 'w')", "OUT = 'results'"]),
    "no-datasets": (
        [("open('results/x', 'w')", 0)],
        ["import os\nos.walk('./datasets')", "for d in ['datasets']: ..."],
    ),
    "import-not-locked": (
        [("import torch", 1), ("def f():\n    from PIL import Image", 2), ("__import__('os')\nimport numpy as np", 2)],
        ["import json, pathlib, tomllib", "from __future__ import annotations", "from . import x"],
    ),
}


class Lint(unittest.TestCase):
    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = Path(place.name)

    def lint(self, source: str, requirements: Path | None = None, args: tuple[str, ...] = ()) -> prism.Lint:
        script = self.folder / "train.py"
        script.write_text(source)
        return prism.Algorithm.from_script(script, requirements, args).lint()

    def test_each_rule_tells_of_what_it_is_for_and_of_nothing_else(self) -> None:
        for rule, (told, untold) in LINES.items():
            for source, line in told:
                with self.subTest(rule, source=source):
                    found = [f.line or 0 for f in self.lint(source, args=("/data/x",)).findings if f.rule == rule]
                    self.assertIn(line, found)
            for source in untold:
                with self.subTest(f"not {rule}", source=source):
                    seen = [f.found for f in self.lint(source, args=("/data/x",)).findings if f.rule == rule]
                    written = ["writes scratch, outside of results/"]
                    self.assertEqual([text for text in seen if text not in written], [])

    def test_every_rule_is_known_by_its_name_and_every_name_is_a_rule(self) -> None:
        elsewhere = {"import-left-behind", "stray-files", "requirements"}
        self.assertEqual(set(LINES) | elsewhere, set(prism.Lint.rules))

    def test_a_plain_program_has_no_findings(self) -> None:
        lint = self.lint(PLAIN)
        self.assertEqual(lint.findings, [])
        self.assertEqual((lint.reads, lint.writes, lint.packages), (["datasets/h1"], ["results/n"], {}))

    def test_every_finding_says_what_was_seen_and_what_to_do(self) -> None:
        for rule, (told, _) in LINES.items():
            for source, _ in told:
                for finding in self.lint(source).findings:
                    self.assertTrue(finding.found and finding.hint, rule)
                    self.assertIn(finding.rule, prism.Lint.rules)

    def test_nothing_of_the_program_is_executed(self) -> None:
        mark = self.folder / "mark"
        self.lint(f"open({str(mark)!r}, 'w')\nraise SystemExit(3)")
        self.assertFalse(mark.exists())

    def test_a_lint_is_neither_true_nor_false_and_says_that_it_is_a_help(self) -> None:
        lint = self.lint("import requests\n" + PLAIN)
        with self.assertRaises(TypeError):
            bool(lint)
        for shown in (repr(lint), lint._repr_html_()):
            self.assertIn("a help, not a check", shown)
            self.assertIn("train.py, line 1", shown)

    def test_a_lock_with_hashes_is_quiet_and_one_without_is_named(self) -> None:
        lock = self.folder / "requirements.lock"
        lock.write_text(f"# made by hand\nnumpy==2.1.0 \\\n    {HASH}\npillow==11.0 {HASH}  # pictures\n")
        quiet = self.lint("import numpy\nimport PIL.Image\n" + PLAIN, lock)
        self.assertEqual((quiet.problems, quiet.missing), ([], []))
        self.assertEqual([note.rule for note in quiet.notes], ["requirements"])
        for text, line, said in (
            ("numpy==2.1.0\n", 1, "no hash"),
            (f"numpy==2.1.0 {HASH}\ntorch>=2 {HASH}\n", 2, "not pinned"),
            (f"--index-url https://a.example\nnumpy==2.1.0 {HASH}\n", 1, "an option"),
        ):
            lock.write_text(text)
            told = [f for f in self.lint(PLAIN, lock).problems if f.rule == "requirements"]
            self.assertEqual([(f.file, f.line) for f in told], [("requirements.lock", line)], text)
            self.assertIn(said, told[0].found)
        lock.write_text("".join(f"p{number}==1\n" for number in range(40)))
        self.assertEqual(len(self.lint(PLAIN, lock).problems), 6)

    def test_what_wheels_bring_is_read_from_the_wheels(self) -> None:
        folder = self.folder / "requirements"
        folder.mkdir()
        (folder / "requirements.lock").write_text(f"strange-name==1 {HASH}\nother==2 {HASH}\n")
        with zipfile.ZipFile(folder / "strange_name-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr("inner/__init__.py", "")
            wheel.writestr("single.py", "")
            wheel.writestr("strange_name-1.dist-info/METADATA", "")
        lint = self.lint("import inner.deep\nimport single\nimport torch\n" + PLAIN, folder)
        self.assertEqual(lint.packages, {"inner": True, "single": True, "torch": False})
        self.assertEqual(
            [f.found for f in lint.problems if f.rule == "requirements"], ["no wheel of other 2 lies beside the lock"]
        )
        whole = prism.Algorithm.from_script(
            self.folder / "train.py", Path(shutil.make_archive(str(folder), "zip", folder))
        )
        self.assertEqual(whole.lint().packages, lint.packages)
        (folder / "requirements.lock").unlink()
        self.assertIn("there is no requirements.lock", repr(self.lint(PLAIN, folder)))

    def test_what_lies_beside_a_script_stays_behind_and_in_a_folder_goes_along(self) -> None:
        (self.folder / "helper.py").write_text("import json\n")
        source = "import helper\nimport pathlib\n(pathlib.Path(__file__).parent / 'names.json').read_text()\n" + PLAIN
        alone = self.lint(source)
        self.assertEqual([f.rule for f in alone.problems], ["import-left-behind", "script-folder"])
        whole = prism.Algorithm.from_folder(self.folder, entry="train.py").lint()
        self.assertEqual(whole.findings, [])

    def test_what_does_not_belong_into_a_folder_is_named(self) -> None:
        (self.folder / "main.py").write_text(PLAIN)
        (self.folder / "__pycache__").mkdir()
        (self.folder / "broken.py").write_text("if\n")
        lint = prism.Algorithm.from_folder(self.folder).lint()
        self.assertEqual(
            [(f.rule, f.file) for f in lint.notes], [("stray-files", "__pycache__"), ("syntax", "broken.py")]
        )
        self.assertEqual(lint.problems, [])

    def test_a_module_that_the_program_does_without_is_a_note(self) -> None:
        lint = self.lint("try:\n    import tqdm\nexcept ImportError:\n    tqdm = None\n" + PLAIN)
        self.assertEqual([(f.rule, f.level, f.line) for f in lint.findings], [("import-not-locked", "note", 2)])

    def test_a_device_that_was_asked_for_is_no_finding(self) -> None:
        script = self.folder / "gpu.py"
        script.write_text("model = object()\nmodel.cuda()\n" + PLAIN)
        self.assertEqual(prism.Algorithm.from_script(script, devices=["nvidia-gpu"]).lint().findings, [])

    def test_a_program_that_is_nested_deeply_is_read_all_the_same(self) -> None:
        for deep in ("a" + ".b" * 2000 + "()", "a" + "()" * 2000, "socket(weights=" + "+".join(["1"] * 2000) + ")"):
            lint = self.lint(f"from socket import socket\nimport requests\n{deep}\n" + PLAIN)
            self.assertIn(("network", 2), [(finding.rule, finding.line) for finding in lint.problems])
        branches = "if a: pass\n" + "elif a: pass\n" * 900 + "else:\n    import requests\n"
        self.assertIn("network", [finding.rule for finding in self.lint(branches).problems])

    def test_a_program_that_is_nested_too_deeply_to_be_read_is_a_finding_and_the_other_files_are_read(self) -> None:
        (self.folder / "main.py").write_text("import requests\n" + PLAIN)
        (self.folder / "deep.py").write_text("a" + ".b" * 4000 + "()\n")
        lint = prism.Algorithm.from_folder(self.folder).lint()
        found = [(f.file, f.found) for f in lint.notes if f.rule == "syntax"]
        self.assertEqual(
            found, [("deep.py", "expected a program that can be read, found expressions nested too deeply")]
        )
        self.assertIn("network", [finding.rule for finding in lint.problems])

    def test_the_longest_forms_of_paths_are_told_of_whatever_sorts_between_them(self) -> None:
        lint = self.lint("x = ['datasets/h1', 'datasets/h1-b', 'datasets/h1/c/d', 'datasets/h1/c', 'datasets/h10']\n")
        self.assertEqual(lint.reads, ["datasets/h1-b", "datasets/h1/c/d", "datasets/h10"])

    def test_much_work_is_bounded(self) -> None:
        many = "x = [" + ",".join(f"'datasets/{n}'" for n in range(30_000)) + "]\n"
        lock = self.folder / "long.lock"
        lock.write_text("a \\\n" * 400_000)
        imports = "".join(f"import zz{n}\n" for n in range(300))
        (self.folder / "s.py").write_text(many + imports)
        begin = time.process_time()
        lint = prism.Algorithm.from_script(self.folder / "s.py", lock).lint()
        self.assertEqual((len(lint.reads), len(lint.missing)), (30_000, 300))
        self.assertIn("a is not pinned to one version", [finding.found for finding in lint.problems])
        self.assertLess(time.process_time() - begin, 30)

    def test_an_archive_of_requirements_is_read_with_care(self) -> None:
        bomb, broken = self.folder / "bomb.zip", self.folder / "broken.zip"
        with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("requirements.lock", bytes(5 << 20))
        broken.write_bytes(b"x" * 10 + b"PK\x05\x06" + bytes(18))
        for path, told in ((bomb, "the lock is longer than 4 MiB"), (broken, "")):
            lint = prism.Algorithm.from_script(prism.samples.covid19.script, path).lint()
            self.assertTrue([f for f in lint.problems if f.rule == "requirements" and told in f.found], repr(lint))

    def test_hostile_sources_are_findings_or_our_errors(self) -> None:
        deep = "x = " + "(" * 3000 + ")" * 3000
        wide = "p = 'datasets'\n" + "p = p + p + p\n" * 400
        loop = "a = b\nb = a\nopen(a)\n" + "def f(a=b, b=a): open(a)\n" * 50
        many = "for a in ['1', '2', '3', '4', '5', '6', '7', '8']:\n    open(f'" + "{a}" * 40 + "')\n"
        grows = f"a0 = '{'x' * 3000}'\n" + "".join(f"a{n + 1} = a{n} + a{n}\n" for n in range(40)) + "open(a40)\n"
        cross = "\n".join(f"x{n} = [{', '.join(f'x{m}' for m in range(20))}]" for n in range(20)) + "\nopen(x0)\n"
        for source in (
            deep,
            wide,
            loop,
            many,
            grows,
            cross,
            "# coding: nonsense\n",
            "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
        ):
            self.assertIsInstance(repr(self.lint(source)), str)
        for name, content in {
            "zeros.py": b"x\x00",
            "elf.py": b"\x7fELF\x00",
            "zip.py": b"PK\x03\x04\x00",
            "n.ipynb": b"{}",
        }.items():
            (self.folder / name).write_bytes(content)
            with self.assertRaises(prism.Usage):
                prism.Algorithm.from_script(self.folder / name)


class Hints(unittest.TestCase):
    def test_what_is_missing_is_brought_with_two_commands_that_are_given_whole(self) -> None:
        lock = "`uv pip compile --generate-hashes requirements.txt -o needs/requirements.lock`"
        fetch = "`pip download --only-binary :all: --require-hashes -r needs/requirements.lock -d needs`"
        with tempfile.TemporaryDirectory() as place:
            script, needs = Path(place) / "main.py", Path(place) / "needs"
            script.write_text("import six\n" + PLAIN)
            needs.mkdir()
            for content, expected in (
                (None, (lock, fetch, "requirements='needs'")),
                ("six==1.17.0\n", (lock,)),
                (f"six==1.17.0 {HASH}\n", (fetch,)),
            ):
                if content is not None:
                    (needs / "requirements.lock").write_text(content)
                program = prism.Algorithm.from_script(script, needs if content is not None else None)
                hints = " ".join(problem.hint for problem in program.lint().problems)
                for command in expected:
                    self.assertIn(command, hints, content)


class Algorithms(unittest.TestCase):
    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = Path(place.name)
        (self.folder / "main.py").write_text(PLAIN)

    def test_what_is_no_program_is_a_clear_error(self) -> None:
        make = prism.Algorithm
        with self.assertRaises(prism.FileMissing):
            make.from_script(self.folder / "nothing.py")
        with self.assertRaises(prism.FileMissing):
            make.from_folder(self.folder, entry="other.py")
        with self.assertRaises(prism.FileMissing):
            make.from_script(self.folder / "main.py", self.folder / "no.lock")
        with self.assertRaises(prism.Usage):
            make.from_script(self.folder)
        with self.assertRaises(prism.Usage):
            make.from_folder(self.folder / "main.py")
        with self.assertRaises(prism.Usage):
            make.from_script(self.folder / "main.py", args="--epochs 1")

    def test_the_bytes_that_are_read_are_those_that_are_rehearsed_and_measured(self) -> None:
        script, data = self.folder / "count.py", {"h1": prism.Asset.from_bytes(b"1")}
        for change in ("replaced", "rewritten"):
            with self.subTest(change):
                script.write_text("open('results/n', 'w').write('old' + open('datasets/h1').read())\n")
                algorithm, digest = prism.Algorithm.from_script(script), prism.Asset.from_path(script).digest
                other = self.folder / "other.py" if change == "replaced" else script
                other.write_text("import requests\n")
                other.replace(script)
                trial = algorithm.rehearse(data)
                self.assertEqual(trial.lint.findings, [])
                self.assertEqual(trial.require().result.text("n"), "old1")
                self.assertEqual((algorithm.digest, algorithm.asset.path), (digest, script))

    def test_it_is_shown_with_everything_that_belongs_to_it(self) -> None:
        algorithm = prism.Algorithm.from_folder(self.folder, args=["--epochs", "1"], devices=["nvidia-gpu"])
        for shown in (repr(algorithm), algorithm._repr_html_()):
            self.assertIn("--epochs 1", shown)
        self.assertIn(algorithm.digest, algorithm._repr_html_())
        self.assertEqual(algorithm.draft("lab")["devices"], ["nvidia-gpu"])
