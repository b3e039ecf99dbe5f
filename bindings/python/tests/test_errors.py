import pickle
import unittest

import prism
from prism import _prism, errors


class Errors(unittest.TestCase):
    def test_every_code_has_a_class_and_every_class_a_code(self) -> None:
        codes = {code for code, _, _, _ in _prism.codes()}
        classes = {value.code for value in vars(errors).values() if _is_error(value)}
        self.assertEqual(codes, classes)
        for code in codes:
            self.assertEqual(errors.of_code(code).code, code)
            self.assertIs(getattr(prism, errors.of_code(code).__name__), errors.of_code(code))

    def test_an_error_is_also_the_builtin_it_resembles(self) -> None:
        with self.assertRaises(FileNotFoundError) as caught:
            prism.Key.load("nowhere.key")
        error = caught.exception
        assert isinstance(error, prism.FileMissing)
        self.assertEqual(error.code, "file.missing")
        self.assertIn("nowhere.key", str(error))
        self.assertTrue(error.hint)
        self.assertIn(error.hint, error.__notes__[0])

    def test_a_code_of_a_newer_prism_is_still_an_error(self) -> None:
        self.assertIs(errors.of_code("something.new"), prism.PrismError)

    def test_an_error_survives_pickling(self) -> None:
        error = prism.AssetMismatch("expected a, found b", hint="do c", details={"d": 1})
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual(
            (type(again), str(again), again.hint, again.details, again.code),
            (prism.AssetMismatch, "expected a, found b", "do c", {"d": 1}, "asset.mismatch"),
        )


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, errors.PrismError) and value is not errors.PrismError
