import ast
import copy
import errno
import os
import pickle
import re
import unittest
from collections.abc import Callable
from pathlib import Path

import prism
from prism import _prism, errors
from scene import Scene

# What only the command line has: its name before a verb, options with dashes, its variables, commands.
COMMAND_LINE = re.compile(r"`prism |\bprism [a-z]+ [A-Za-z-]+|(?<!\w)--[a-z]|PRISM_[A-Z]|\bcommands?\b", re.ASCII)

# The command by its name, wherever it stands; hints give commands of uv and pip, with their options.
COMMAND = re.compile(r"[`\"']prism |\bprism [a-z]+ [a-z-]+", re.ASCII)


class Errors(Scene):
    def test_every_code_has_a_class_and_every_class_a_code(self) -> None:
        codes = {code for code, _, _, _ in _prism.codes()}
        classes = {value.code for value in vars(errors).values() if _is_error(value)}
        self.assertEqual(codes, classes)
        for code in codes:
            self.assertEqual(errors.of_code(code).code, code)
            self.assertIs(getattr(prism, errors.of_code(code).__name__), errors.of_code(code))

    def test_every_class_has_a_hint_and_none_speaks_of_the_command_line(self) -> None:
        shared = {code: hint for code, _, _, hint in _prism.codes()}
        self.assertTrue([hint for hint in shared.values() if COMMAND_LINE.search(hint)], "the check finds nothing")
        for code, of_the_command in shared.items():
            hint = errors.of_code(code)("x").hint
            self.assertTrue(hint, code)
            self.assertIsNone(COMMAND_LINE.search(hint), f"{code}: {hint}")
            if not COMMAND_LINE.search(of_the_command) and code not in _reworded:
                self.assertEqual(hint, of_the_command)

    def test_no_hint_in_the_package_speaks_of_the_command_line(self) -> None:
        tried = 0
        for path in Path(prism.__file__).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.keyword) and node.arg == "hint":
                    for text in [part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)]:
                        self.assertIsNone(COMMAND_LINE.search(str(text)), f"{path.name}: {text!r}")
                        tried += 1
        self.assertGreater(tried, 30)

    def test_no_text_in_the_package_names_the_command(self) -> None:
        tried = 0
        for path in Path(prism.__file__).parent.rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            parts = [part for part in ast.walk(tree) if isinstance(part, ast.Constant)]
            described = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for text in [part.value for part in parts if isinstance(part.value, str) and id(part) not in described]:
                self.assertIsNone(COMMAND.search(text), f"{path.name}: {text!r}")
                tried += 1
        self.assertGreater(tried, 1000)
        for named in ('lock with "prism requirements lock"', "`prism explain usage` says more"):
            self.assertIsNotNone(COMMAND.search(named))

    def test_a_hint_that_was_given_goes_before_the_one_of_the_class(self) -> None:
        self.assertEqual(prism.Usage("x", hint="do y").hint, "do y")
        self.assertEqual(prism.Usage("x").__notes__, [f"hint: {prism.Usage('x').hint}"])

    def test_what_the_native_half_raises_has_the_hint_of_python(self) -> None:
        with self.assertRaises(prism.KeyMalformed) as caught:
            prism.PublicKey.from_pem("")
        self.assertIn("prism.Key.create", caught.exception.hint)

    def test_an_error_is_also_the_builtin_it_resembles(self) -> None:
        with self.assertRaises(FileNotFoundError) as caught:
            prism.Key.load("nowhere.key")
        error = caught.exception
        assert isinstance(error, prism.FileMissing)
        self.assertEqual(error.code, "file.missing")
        self.assertIn("nowhere.key", str(error))
        self.assertTrue(error.hint)
        self.assertIn(error.hint, error.__notes__[0])

    def test_an_error_of_a_file_has_the_number_and_the_file_that_the_system_has(self) -> None:
        exposed = self.folder / "lab.key"
        os.chmod(exposed, 0o644)
        nothing, folder = self.folder / "nothing", self.folder
        below = self.folder / "lab.pub" / "x"
        cases: dict[int, list[Callable[[], object]]] = {
            errno.ENOENT: [
                lambda: prism.Key.load(nothing),
                lambda: prism.audit(nothing),
                lambda: prism.Result(nothing),
            ],
            errno.EEXIST: [lambda: prism.seal.Identity.create(exposed), lambda: self.lab.public.save(exposed)],
            errno.EACCES: [lambda: prism.Key.load(exposed)],
            errno.ENOTDIR: [
                lambda: prism.Key.load(below),
                lambda: prism.audit(below),
                lambda: prism.Asset.from_path(below),
            ],
        }
        places = {errno.ENOENT: nothing, errno.EEXIST: exposed, errno.EACCES: exposed, errno.ENOTDIR: below}
        for number, calls in cases.items():
            for place, call in enumerate(calls):
                with self.subTest(errno.errorcode[number], place=place), self.assertRaises(OSError) as caught:
                    call()
                error = caught.exception
                self.assertIsInstance(error, prism.PrismError)
                self.assertEqual((error.errno, error.strerror), (number, os.strerror(number)))
                self.assertEqual(error.filename, str(places[number]))
                self.assertNotIn("[Errno", str(error))
        with self.assertRaises(prism.FileMalformed) as caught_folder:
            prism.audit(folder)
        self.assertIn("found a directory", str(caught_folder.exception))

    def test_an_agent_that_is_not_there_says_why_as_the_system_does(self) -> None:
        with self.assertRaises(ConnectionError) as caught:
            prism.connect("127.0.0.1:1", self.sign())
        self.assertEqual(caught.exception.errno, errno.ECONNREFUSED)

    def test_a_code_of_a_newer_prism_is_still_an_error(self) -> None:
        self.assertIs(errors.of_code("something.new"), prism.PrismError)

    def test_an_error_survives_pickling_and_copying_whole(self) -> None:
        system = prism.FileMissing("expected a, found b", errno=errno.ENOENT, filename="/a")
        system.add_note("beside it")
        plain = prism.AssetMismatch("expected a, found b", hint="do c", details={"d": [1]})
        late = prism.DeadlinePassed("expected a within 1 s")
        for error in (plain, system, late, prism.PrismError("x", code="something.new")):
            for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
                self.assertIs(type(again), type(error))
                self.assertEqual(_whole(again), _whole(error))
                self.assertIsNot(again.__notes__ if again.hint else again, error.__notes__ if error.hint else error)

    def test_the_end_of_the_time_is_a_timeout_and_a_cancellation(self) -> None:
        error = prism.DeadlinePassed("x")
        for kind in (TimeoutError, OSError, prism.Cancelled, prism.PrismError):
            self.assertIsInstance(error, kind)
        self.assertEqual((error.code, str(error)), ("cancelled", "x"))


# Hints that name nothing of the command line and that Python says better all the same.
_reworded = {"agent.busy", "result.not-ready", "source.unreachable"}


def _whole(error: prism.PrismError) -> tuple[object, ...]:
    system = tuple(getattr(error, name, None) for name in ("errno", "strerror", "filename"))
    return (str(error), error.args, error.code, error.hint, error.details, getattr(error, "__notes__", []), *system)


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, errors.PrismError) and value is not errors.PrismError


if __name__ == "__main__":
    unittest.main()
