"""Programs that are tried here before anything is sent."""

import tempfile
import traceback
import unittest
import unittest.mock
import zipfile
from pathlib import Path

import prism
from prism._failures import _HINTS, matching

GOOD = """\
import json, pathlib, sys
rows = sum(len(path.read_text().splitlines()) for path in pathlib.Path("datasets").iterdir())
pathlib.Path("results/rows.json").write_text(json.dumps(rows))
print("metrics " + json.dumps({"step": 1, "rows": rows}))
print("counted", *sys.argv[1:])
"""

# What a program does wrong, and the one hint that fits.
FAILURES = {
    "import torch\n": "add torch to requirements.txt, `uv pip compile --generate-hashes",
    "open('datasets/h3')\n": "datasets/h1, datasets/h2",
    "open('/data/patients.csv')\n": "bring /data/patients.csv",
    "import urllib.request\nurllib.request.urlopen('http://192.0.2.1/x')\n": "the run has no network",
    "input('how many?')\n": "nobody answers",
    "int('sixty')\n": "correct the line that the traceback names, and rehearse again",
    "open(__file__, 'a')\n": "write below results/",
    "x = bytearray(3 << 30)\n": "more memory",
    "import time\ntime.sleep(60)\n": "more time",
}


# How runs end and what they say last, one for each hint.
LAST_WORDS = [
    ("memory-limit", ""),
    ("requirements-failed", ""),
    ("sandbox-unavailable", ""),
    ("wall-limit", ""),
    ("exited 1", "OSError: [Errno 28] No space left on device"),
    ("datasets-limit", ""),
    ("exited 1", "RuntimeError: can't start new thread"),
    ("output-limit", ""),
    ("exited 1", "ModuleNotFoundError: No module named 'torch.nn'"),
    ("exited 1", "urllib.error.URLError: <urlopen error [Errno -3] Temporary failure in name resolution>"),
    ("exited 1", "EOFError: EOF when reading a line"),
    ("exited 1", "RuntimeError: Found no NVIDIA driver on your system."),
    ("exited 1", "FileNotFoundError: [Errno 2] No such file or directory: 'datasets/h9'"),
    ("exited 1", "FileNotFoundError: [Errno 2] No such file or directory: 'config.json'"),
    ("exited 1", "PermissionError: [Errno 13] Permission denied: '/env/x'"),
    ("exited 1", "OSError: [Errno 30] Read-only file system: '/algorithm/x'"),
    ("exited 1", "SyntaxError: invalid syntax"),
]


class Rehearsals(unittest.TestCase):
    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = Path(place.name)
        self.data = {name: prism.Asset.from_bytes(b"1\n2\n", name) for name in ("h1", "h2")}

    def algorithm(self, source: str, args: tuple[str, ...] = ()) -> prism.Algorithm:
        script = self.folder / "count.py"
        script.write_text(source)
        return prism.Algorithm.from_script(script, args=args)

    def test_a_program_that_works_says_what_it_read_wrote_and_printed(self) -> None:
        trial = self.algorithm(GOOD, ("--epochs", "1")).rehearse(self.data)
        run = trial.require()
        self.assertEqual(run.result.json("rows.json"), 4)
        self.assertTrue(run.audit.require().is_simulated)
        self.assertIn("counted --epochs 1", trial.log)
        assert trial.seconds is not None
        self.assertGreater(trial.seconds, 0)
        for shown in (repr(trial), trial._repr_html_()):
            for expected in ("SIMULATED", "it ran", "datasets/*", "rows.json", "counted --epochs 1", "rows 4", " s on"):
                self.assertIn(expected, shown)
        with self.assertRaises(TypeError):
            bool(trial)

    def test_a_program_that_fails_says_its_last_words_and_the_hint_that_fits(self) -> None:
        for source, hint in FAILURES.items():
            with self.subTest(source):
                limits = {"memory": "256 MiB", "time": "3s"}
                trial = self.algorithm("print('begun')\n" + source).rehearse(self.data, limits=limits)
                self.assertFalse(trial.ok)
                self.assertIsNone(trial.seconds)
                with self.assertRaises(prism.RunFailed) as caught:
                    trial.require()
                self.assertIn(hint, caught.exception.hint)
                self.assertEqual(caught.exception.details["stderr"], trial.log)
                for shown in (repr(trial), trial._repr_html_()):
                    self.assertIn("it FAILED", shown)
                    self.assertIn("SIMULATED", shown)

    def test_each_ending_has_a_hint_of_its_own_and_others_have_none(self) -> None:
        hints = [matching(end, words, ["h1"]) for end, words in LAST_WORDS]
        self.assertNotIn("", hints)
        self.assertEqual(len(set(hints)), len(_HINTS))
        for end, words in (("exited 1", "ValueError: 3"), ("signalled 11", ""), ("exited 1", "")):
            self.assertEqual(matching(end, words, ["h1"]), "")
        # Where a traceback names a line and no other hint fits, that line is what is to be corrected.
        place = '  File "/algorithm/count.py", line 3, in <module>\n'
        self.assertIn("correct the line", matching("exited 1", place + "ValueError: 3", ["h1"]))
        both = place + "ModuleNotFoundError: No module named 'PIL'\n" + place + "ValueError: 3"
        self.assertIn("add PIL", matching("exited 1", both, ["h1"]))
        # The last words count, not what stands above them.
        both = "  File 'x', in socket.socket(\nModuleNotFoundError: No module named 'PIL'"
        self.assertIn("add PIL", matching("exited 1", both, ["h1"]))

    def test_a_failure_that_no_hint_fits_has_the_last_words_only(self) -> None:
        trial = self.algorithm("raise SystemExit('the model does not converge <b>')").rehearse(self.data)
        self.assertIn("the model does not converge", repr(trial))
        self.assertIn("&lt;b&gt;", trial._repr_html_())
        assert trial.failure is not None
        fitting = [matching(end, words, list(self.data)) for end, words in LAST_WORDS]
        self.assertNotIn(trial.failure.hint, fitting)

    def test_what_a_program_printed_drives_no_terminal(self) -> None:
        source = "import sys\nsys.stderr.write('\\x1b[2J\\x1b]0;title\\x07audit ok\\n')\n"
        source += "sys.exit(\"No such file or directory: '\\x1b[1mx'\")\n"
        failure = self.algorithm(source).rehearse(self.data).failure
        assert failure is not None
        self.assertIn("\x1b[2J", failure.details["stderr"])
        shown = "".join(traceback.format_exception(failure)) + "".join(failure._render_traceback_())
        self.assertIn("audit ok", shown)
        self.assertFalse([c for c in shown if not c.isprintable() and c != "\n"])

    def test_a_line_of_any_length_is_looked_at_for_its_first_4_kib(self) -> None:
        known = "No module named 'torch'"
        for before, hint in ((" " * 4000, True), (" " * 5000, False)):
            failure = self.algorithm(f"raise SystemExit({before + known!r})").rehearse(self.data).failure
            assert failure is not None
            self.assertEqual("add torch" in failure.hint, hint)
            self.assertLess(max(map(len, failure.__notes__)), 5000)
        self.assertEqual(matching("exited 1", "PermissionError" * 66_000, []), "")

    def test_a_program_that_cannot_be_read_is_rehearsed_all_the_same(self) -> None:
        trial = self.algorithm("if 0: a" + ".b" * 2000 + "()\n" + GOOD).rehearse(self.data)
        self.assertEqual(trial.require().result.json("rows.json"), 4)
        with unittest.mock.patch("prism.algorithms.examine", side_effect=RecursionError("too deep")):
            trial = self.algorithm(GOOD).rehearse(self.data)
        self.assertTrue(trial.ok)
        self.assertIn("RecursionError", trial.lint.notes[0].found)

    def test_a_transcript_never_takes_the_place_of_another_file(self) -> None:
        run, to = self.algorithm(GOOD).rehearse(self.data).require(), self.folder / "run.transcript"
        self.assertTrue(prism.audit(run.save_transcript(to)).findings)
        before = to.read_bytes()
        with self.assertRaises(prism.FileExists):
            run.save_transcript(to)
        self.assertEqual(to.read_bytes(), before)
        run.close()
        with self.assertRaises(prism.FileMissing):
            run.save_transcript(self.folder / "other")
        self.assertFalse((self.folder / "other").exists())

    def test_what_reading_tells_stands_beside_what_running_tells(self) -> None:
        source = (
            "try:\n    import torch\nexcept ImportError:\n    pass\nopen('/etc/hostname2') if False else 0\n" + GOOD
        )
        trial = self.algorithm(source).rehearse(self.data)
        self.assertTrue(trial.ok)
        self.assertEqual(trial.lint.missing, ["torch"])
        for shown in (repr(trial), trial._repr_html_()):
            self.assertIn("not in the lock", shown)
            self.assertIn("count.py, line 5", shown)

    def test_a_program_of_several_files_finds_them(self) -> None:
        (self.folder / "helper.py").write_text("ANSWER = 42\n")
        (self.folder / "main.py").write_text("import helper\nopen('results/answer', 'w').write(str(helper.ANSWER))\n")
        done = prism.simulate(prism.Algorithm.from_folder(self.folder), self.data)
        self.assertEqual(done.result.text("answer"), "42")
        self.assertEqual(prism.simulate(self.folder, self.data).result.text("answer"), "42")

    def test_packages_come_from_the_requirements(self) -> None:
        lock = self.folder / "requirements.lock"
        lock.write_text("torch==2.6.0\n")
        folder = self.folder / "requirements"
        folder.mkdir()
        (folder / "requirements.lock").write_text(f"nothing==1 --hash=sha256:{'0' * 64}\n")
        with zipfile.ZipFile(self.folder / "packed.zip", "w") as archive:
            archive.write(folder / "requirements.lock", "requirements.lock")
        script = self.algorithm(GOOD).path
        for needs in (lock, folder, self.folder / "packed.zip"):
            for call in (
                lambda given=needs: prism.simulate(script, self.data, requirements=given),
                lambda given=needs: prism.Algorithm.from_script(script, given).rehearse(self.data),
            ):
                with self.assertRaises(prism.Usage) as caught:
                    call()
                self.assertIn("expected a folder with requirements.lock and its wheels", str(caught.exception))
                self.assertIn("pip download", caught.exception.hint)
        with zipfile.ZipFile(folder / "other-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr("other.py", "")
        trial = prism.Algorithm.from_script(self.folder / "count.py", folder).rehearse(self.data)
        self.assertIn("no wheel of nothing 1", repr(trial))
        with self.assertRaises(prism.RequirementsFailed) as failed:
            trial.require()
        self.assertIn("`pip download --only-binary :all: --require-hashes -r", failed.exception.hint)

    def test_an_algorithm_is_uploaded_as_any_asset_is(self) -> None:
        algorithm = self.algorithm(GOOD)
        self.assertEqual(prism.Asset.from_path(algorithm).digest, algorithm.digest)
        with self.assertRaises(prism.Usage):
            prism.simulate(algorithm, self.data, args=["--epochs", "1"])
        with self.assertRaises(prism.Usage):
            algorithm.rehearse({})
