import io
import tempfile
import unittest
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import prism

ROWS = 120_000  # more than are written at a time


@unittest.skipUnless(find_spec("pandas") and find_spec("pyarrow"), "skipped: pandas or pyarrow is not installed")
class Parquet(unittest.TestCase):
    def again(self, frame: Any, index: bool | None = None) -> Any:
        """What somebody reads of it who has pandas."""
        import pandas as pd

        asset = prism.Asset.from_frame(frame, format="parquet", index=index)
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            mine = prism.seal.Identity.create(place / "mine.identity")
            prism.seal.seal(asset, place / "sealed", recipients=[mine.recipient], progress=False)
            prism.seal.open(place / "sealed", place / "opened", identity=mine, progress=False)
            return pd.read_parquet(io.BytesIO((place / "opened").read_bytes()))

    def test_a_long_table_comes_back_with_its_types_and_every_row(self) -> None:
        import pandas as pd

        late = [None] * (ROWS - 1) + ["only the last row says that this is text"]
        frame = pd.DataFrame(
            {
                "late": pd.Series(late, dtype=object),
                "mixed": pd.Series([1, None] * (ROWS // 2), dtype=object),
                "ward": pd.Categorical(["a", "b"] * (ROWS // 2)),
                "when": pd.date_range("2026-01-01", periods=ROWS, freq="min", tz="UTC"),
                "count": pd.array([1, None] * (ROWS // 2), dtype="Int8"),
                "figure": [0.5, float("nan")] * (ROWS // 2),
            }
        )
        again = self.again(frame)
        self.assertEqual(list(again.columns), list(frame.columns))
        for name in frame.columns:
            self.assertTrue(again[name].isna().equals(frame[name].isna()), name)
            self.assertEqual(list(again[name].dropna()), list(frame[name].dropna()), name)
        for name in ("ward", "when", "count", "figure"):
            self.assertEqual(str(again[name].dtype), str(frame[name].dtype), name)

    def test_a_table_without_rows_keeps_its_columns_and_numbers_are_names(self) -> None:
        import pandas as pd

        self.assertEqual(list(self.again(pd.DataFrame({"a": pd.Series([], dtype="i8")})).columns), ["a"])
        self.assertEqual(self.again(pd.DataFrame([[1, 2], [3, 4]])).to_numpy().tolist(), [[1, 2], [3, 4]])

    def test_an_index_that_names_somebody_is_sent_when_that_was_chosen_and_not_otherwise(self) -> None:
        import pandas as pd

        frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["patient-1", "patient-2"], name="patient"))
        again = self.again(frame, index=False)
        self.assertEqual((list(again.columns), list(again.index)), (["a"], [0, 1]))
        self.assertEqual(self.again(frame, index=True)["patient"].tolist(), ["patient-1", "patient-2"])
        with self.assertRaises(prism.Usage):
            self.again(frame)
