"""The notebooks of examples/ run, and the attacks in them are refused."""

import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import notebooks
import prism

# What each notebook's cells that are meant to fail raise, in order.
REFUSALS = {
    "algorithm_provider": ["RoleRefused", "RoleRefused"],
    "auditor": ["AuditFailed", "AuditFailed"],
    "consumer": ["ResultGone"],
    "hospital": [],
    "what_if_someone_cheats": [
        "EvidenceRefused",
        "PlatformUnsupported",
        "ApprovalInvalid",
        "ApprovalMissing",
        "EvidenceRefused",
        "AssetMismatch",
        "AssetWrongProvider",
        "RoleRefused",
        "ResultGone",
        "AuditFailed",
    ],
}


def strangers(shown: str) -> list[str]:
    """What a card's styles reach outside of it, and pages in the place of cards."""
    found = re.findall(r"<!DOCTYPE|<html|<body|<script", shown)
    for style in re.findall(r"<style>(.*?)</style>", shown, re.DOTALL):
        selectors = (part.strip() for part in re.findall(r"[{}]?([^{}]+)\{", style))
        found += [selector for selector in selectors if ".prism-card" not in selector and not selector.startswith("@")]
    return found


class Notebooks(unittest.TestCase):
    def test_the_notebooks_run_and_what_is_refused_is_refused_by_name(self) -> None:
        self.assertEqual(notebooks.names(), sorted(REFUSALS))
        for name, refusals in REFUSALS.items():
            with self.subTest(name):
                begin = time.monotonic()
                played = notebooks.play(notebooks.read(name))
                self.assertEqual(played.faults, [])
                self.assertEqual(played.raised, refusals)
                shown = "\n".join(played.shown)
                self.assertIn("SIMULATED", shown)
                self.assertIn('class="prism-card"', shown)
                self.assertEqual(strangers(shown), [])
                print(f"{name}: {time.monotonic() - begin:.1f} s")

    def test_every_notebook_is_stored_without_outputs(self) -> None:
        for name in notebooks.names():
            for cell in notebooks.read(name)["cells"]:
                if cell["cell_type"] == "code":
                    self.assertEqual((cell["outputs"], cell["execution_count"]), ([], None), name)

    def test_every_notebook_says_that_it_is_a_rehearsal_before_anything_runs(self) -> None:
        for name in notebooks.names():
            first = notebooks.read(name)["cells"][0]
            self.assertEqual(first["cell_type"], "markdown")
            self.assertIn("`SIMULATED`", "".join(first["source"]))

    def test_the_program_from_somebodys_desk_has_as_many_faults_as_the_notebook_says(self) -> None:
        book = notebooks.read("algorithm_provider")
        said = "\n".join("".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "markdown")
        first = [cell for cell in book["cells"] if cell["cell_type"] == "code"][:2]
        shown = "\n".join(notebooks.play({"cells": first}).shown)
        self.assertIn("it has six faults", " ".join(said.split()))
        self.assertIn("6 problems", shown)

    def test_every_cell_has_a_name_of_its_own_and_no_path_of_somebodys_machine(self) -> None:
        for name in notebooks.names():
            book = notebooks.read(name)
            ids = [cell["id"] for cell in book["cells"]]
            self.assertEqual(len(ids), len(set(ids)))
            self.assertIsNone(re.search(r"/root/|/home/(?!me/)|/Users/", str(book)))

    def test_a_refusal_is_shown_with_its_hint_and_without_the_lines_of_this_package(self) -> None:
        try:
            prism.Key.load("nowhere.key")
        except prism.FileMissing as error:
            shown, trace = "\n".join(error._render_traceback_()), error.__traceback__
        self.assertIn("FileMissing: expected", shown)
        self.assertIn('prism.Key.load("nowhere.key")', shown)
        self.assertIn("hint: ", shown)
        self.assertNotIn("_prism.SigningKey.load", shown)
        # A fault of Prism itself is shown whole, for whoever mends it.
        fault = prism.Internal("broken").with_traceback(trace)
        self.assertIn("_prism.SigningKey.load", "\n".join(fault._render_traceback_()))

    def test_a_style_that_reaches_outside_of_its_card_is_found(self) -> None:
        card = "<style>.prism-card{x:y}@media(z){.prism-card td{x:y}}%s</style>"
        self.assertEqual(strangers(card % ""), [])
        self.assertEqual(strangers(card % "h1{x:y}"), ["h1"])
        self.assertEqual(strangers("<!DOCTYPE html>"), ["<!DOCTYPE"])

    def test_a_cell_that_fails_or_should_have_failed_is_told(self) -> None:
        def book(source: str, *tags: str) -> dict[str, object]:
            return {"cells": [{"cell_type": "code", "source": [source], "metadata": {"tags": list(tags)}}]}

        self.assertIn("ZeroDivisionError", notebooks.play(book("1 / 0")).faults[0])
        self.assertIn("meant to fail", notebooks.play(book("1", notebooks.TAG)).faults[0])
        self.assertEqual(notebooks.play(book("1 / 0", notebooks.TAG)).raised, ["ZeroDivisionError"])
        self.assertEqual(notebooks.play(book("x = 6\nx * 7")).shown, ["42"])


@unittest.skipUnless(find_spec("mypy"), "skipped: mypy is not installed")
class Types(unittest.TestCase):
    def test_what_people_type_there_is_strictly_typed(self) -> None:
        package = str(Path(prism.__file__).parent.parent)
        with tempfile.TemporaryDirectory() as place:
            for name in notebooks.names():
                code = "\n\n".join(source for source, _ in notebooks.cells(notebooks.read(name)))
                (Path(place) / f"{name}.py").write_text(code, encoding="utf-8")
            settings = str(Path(__file__).parent.parent / "pyproject.toml")
            done = subprocess.run(
                [sys.executable, "-m", "mypy", "--config-file", settings, "--cache-dir", os.devnull, place],
                env={**os.environ, "MYPYPATH": package, "PYTHONPATH": package},
                capture_output=True,
                text=True,
            )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


@unittest.skipUnless(
    find_spec("nbclient") and find_spec("ipykernel"), "skipped: nbclient and ipykernel are not installed"
)
class Jupyter(unittest.TestCase):
    def test_the_notebooks_run_in_a_kernel_whose_loop_is_running(self) -> None:
        nbclient, nbformat = import_module("nbclient"), import_module("nbformat")

        for name, refusals in REFUSALS.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as place:
                book = nbformat.read(notebooks.FOLDER / f"{name}.ipynb", as_version=4)
                nbformat.validate(book)
                client = nbclient.NotebookClient(
                    book, timeout=120, kernel_name="python3", resources={"metadata": {"path": place}}
                )
                client.execute(env=dict(os.environ))
                outputs = [out for cell in book.cells if cell.cell_type == "code" for out in cell.outputs]
                raised = [out.ename.rpartition(".")[2] for out in outputs if out.output_type == "error"]
                self.assertEqual(raised, refusals)
                html = [out.data["text/html"] for out in outputs if "text/html" in out.get("data", {})]
                self.assertTrue(any("SIMULATED" in card for card in html))
                told = "\n".join(line for out in outputs if out.output_type == "error" for line in out.traceback)
                self.assertEqual(told.count("hint: "), len(refusals), told)
                self.assertNotIn("site-packages", told)
                self.assertNotIn("agents.py", told)
