"""Train a breast cancer classifier on all hospitals' patients, and for comparison one on each hospital's alone.

Reads   datasets/h*.csv       one table from each hospital
        datasets/test.csv     the institute's test patients, whom no hospital has
Writes  results/model.npz     the pooled model (plain arrays, no pickle)
        results/metrics.json  accuracy and sensitivity of every model on the test patients
A dataset may also be a folder that holds its table. Needs numpy only.
"""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ROUNDS = 60  # Newton steps at most; they settle much earlier
DECAY = 3.0  # pull of the weights towards zero


@dataclass(frozen=True)
class Table:
    """Patients: thirty measures each, and whether the tumour is malignant (1) or benign (0)."""

    measures: Array
    malignant: Array


@dataclass(frozen=True)
class Model:
    """Logistic regression on standardised measures."""

    mean: Array
    scale: Array
    weights: Array

    def says(self, table: Table) -> Array:
        """1 where the model says malignant."""
        return (inputs(table.measures, self.mean, self.scale) @ self.weights > 0.0).astype(np.float64)


def read(path: Path) -> Table:
    """Read one table."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    measures = np.array([[float(v) for k, v in row.items() if k != "diagnosis"] for row in rows])
    return Table(measures, np.array([float(row["diagnosis"] == "malignant") for row in rows]))


def read_all(datasets: Path) -> dict[str, Table]:
    """Every table under datasets/, by the dataset's name."""
    tables = {}
    for entry in sorted(datasets.iterdir()):
        for path in sorted(entry.glob("**/*.csv")) if entry.is_dir() else [entry]:
            tables[entry.name.removesuffix(".csv")] = read(path)
    if "test" not in tables or len(tables) < 2:
        raise SystemExit(f"expected test.csv and a table from each hospital in {datasets}, found {sorted(tables)}")
    return tables


def inputs(measures: Array, mean: Array, scale: Array) -> Array:
    """Standardised measures and a column of ones."""
    return np.hstack([(measures - mean) / scale, np.ones((len(measures), 1))])


def fit(table: Table) -> Model:
    """Logistic regression by Newton's method."""
    mean, scale = table.measures.mean(axis=0), table.measures.std(axis=0) + 1e-9
    x = inputs(table.measures, mean, scale)
    penalty = np.diag([DECAY] * (x.shape[1] - 1) + [1e-6])
    weights = np.zeros(x.shape[1])
    for _ in range(ROUNDS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(x @ weights, -30.0, 30.0)))
        slope = x.T @ (chance - table.malignant) + penalty @ weights
        step = np.linalg.solve((x.T * (chance * (1.0 - chance))) @ x + penalty, slope)
        weights = weights - step
        if np.abs(step).max() < 1e-8:
            break
    return Model(mean, scale, weights)


def pool(tables: list[Table]) -> Table:
    """All patients in one table."""
    return Table(np.vstack([t.measures for t in tables]), np.concatenate([t.malignant for t in tables]))


def score(model: Model, test: Table) -> dict[str, float]:
    """Share of right answers, and share of the malignant that are found."""
    said = model.says(test)
    return {
        "accuracy": round(float((said == test.malignant).mean()), 4),
        "sensitivity": round(float(said[test.malignant == 1.0].mean()), 4),
    }


def main() -> int:
    """Train in the current directory."""
    tables = read_all(Path("datasets"))
    test = tables.pop("test")
    pooled = fit(pool(list(tables.values())))
    scores = {"pooled": score(pooled, test)} | {name: score(fit(table), test) for name, table in tables.items()}
    metrics = {
        "format": "prism-example-breast-cancer/1",
        "patients": {name: len(table.malignant) for name, table in {**tables, "test": test}.items()},
        "test_accuracy": scores["pooled"]["accuracy"],
        "scores": scores,
    }
    results = Path("results")
    results.mkdir(exist_ok=True)
    np.savez(results / "model.npz", allow_pickle=False, mean=pooled.mean, scale=pooled.scale, weights=pooled.weights)
    (results / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    for name, values in scores.items():
        print(f"{name:8} accuracy {values['accuracy']:.3f}  sensitivity {values['sensitivity']:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
