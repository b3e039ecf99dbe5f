"""Split the Wisconsin diagnostic breast cancer data over three hospitals: real patients, 569 of them.

The data ships inside scikit-learn. This program takes it from ``--csv FILE``, else from an installed scikit-learn, else
from scikit-learn's wheel, which pip fetches by the digests in data.lock into ``--cache``. It checks the table's digest.

The split is unequal on purpose, as hospitals are. A fixed half of each diagnosis is the test set, brought by the
institute. The others go by the size of their largest cell nuclei, as patients find their way to places:
    h1  a screening centre has the smallest, nearly all benign
    h2  a general hospital has the middle
    h3  a cancer centre has the largest, nearly all malignant
One patient in eight goes to any of the three, so that each has met both diagnoses.

Writes OUT/h1.csv, h2.csv, h3.csv and OUT/test.csv. Standard library only.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

DIGEST = "fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed"
INSIDE = "sklearn/datasets/data/breast_cancer.csv"
HOSPITALS = ("h1", "h2", "h3")
DIAGNOSES = ("malignant", "benign")
MEASURES = (
    "radius", "texture", "perimeter", "area", "smoothness",
    "compactness", "concavity", "concave_points", "symmetry", "fractal_dimension",
)  # fmt: skip
COLUMNS = [f"{kind}_{measure}" for kind in ("mean", "error", "worst") for measure in MEASURES]
SIZE = COLUMNS.index("worst_radius")

Row = list[str]


def installed() -> bytes | None:
    """The table of a scikit-learn that is installed here."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent.parent / INSIDE
    return path.read_bytes() if path.is_file() else None


def fetched(cache: Path) -> bytes:
    """The table inside scikit-learn's wheel, which pip fetches when the cache has none."""
    if not list(cache.glob("scikit_learn-*.whl")):
        lock = Path(__file__).with_name("data.lock")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--require-hashes", "-r", str(lock), "-d", str(cache)], check=True)
    with zipfile.ZipFile(min(cache.glob("scikit_learn-*.whl"))) as wheel:
        return wheel.read(INSIDE)


def read(table: bytes) -> list[Row]:
    """The rows of the original table: thirty measures and the diagnosis."""
    found = hashlib.sha256(table).hexdigest()
    if found != DIGEST:
        raise SystemExit(f"expected the table with SHA-256 {DIGEST}, found {found}; take it from scikit-learn")
    rows = list(csv.reader(table.decode().splitlines()))[1:]
    return [[*row[:-1], DIAGNOSES[int(row[-1])]] for row in rows]


def draw(row: Row) -> int:
    """A number that depends on the patient alone, so that the split is the same everywhere."""
    return int.from_bytes(hashlib.sha256(",".join(row).encode()).digest()[:8], "big")


def split(rows: list[Row]) -> dict[str, list[Row]]:
    """Who has which patient."""
    parts: dict[str, list[Row]] = {name: [] for name in (*HOSPITALS, "test")}
    others: list[Row] = []
    for diagnosis in DIAGNOSES:
        chosen = [row for row in rows if row[-1] == diagnosis]
        chosen.sort(key=draw)
        parts["test"] += chosen[: len(chosen) // 2]
        others += chosen[len(chosen) // 2 :]
    others.sort(key=lambda row: (float(row[SIZE]), draw(row)))
    for rank, row in enumerate(others):
        by_size = rank * len(HOSPITALS) // len(others)
        anywhere = draw(row) // 8 % len(HOSPITALS)
        parts[HOSPITALS[anywhere if draw(row) % 8 == 0 else by_size]].append(row)
    return parts


def main() -> int:
    """Read the arguments and write the four tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="directory for h1.csv, h2.csv, h3.csv and test.csv")
    parser.add_argument("--csv", type=Path, help="breast_cancer.csv as scikit-learn ships it")
    parser.add_argument("--cache", type=Path, default=Path(".cache"), help="where a fetched wheel is kept")
    options = parser.parse_args()
    table = options.csv.read_bytes() if options.csv else installed() or fetched(options.cache)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, rows in split(read(table)).items():
        with (options.out / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*COLUMNS, "diagnosis"])
            rows.sort(key=draw)
            writer.writerows(rows)
        malignant = sum(row[-1] == "malignant" for row in rows)
        print(f"{name}.csv: {len(rows)} patients, {malignant} malignant")
    return 0


if __name__ == "__main__":
    sys.exit(main())
