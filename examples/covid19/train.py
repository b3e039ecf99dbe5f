"""Train one chest X-ray classifier on all hospitals' images, and for comparison one on each hospital's alone.

Reads   datasets/<hospital>/…/{COVID,Normal,Viral Pneumonia}/…/*.png, unpacked or as a zip file.
Writes  results/model.npz      the pooled model (plain arrays, no pickle)
        results/metrics.json   accuracy of every model on images that none of them was trained on
        results/report.txt     the same for reading
        results/timing.json    seconds this program took
Needs numpy and pillow only. The same images give the same model and metrics.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float64]

CLASSES = ("COVID", "Normal", "Viral Pneumonia")
SIDE = 64  # images are brought to this many pixels square
CELL = 8  # side of a histogram cell in pixels
ANGLES = 8  # orientations in a histogram
HELD_BACK = 4  # one image in this many tests the models and trains none
FOLDS = 4  # parts of the training images in the search for the best decay
DECAYS = (0.003, 0.01, 0.03, 0.1)  # how strongly weights may be pulled towards zero


@dataclass(frozen=True)
class Sample:
    """One image: whose, of which class, and its features."""

    hospital: str
    label: int
    name: str
    features: Array


@dataclass(frozen=True)
class Model:
    """Softmax regression on standardised features."""

    mean: Array
    scale: Array
    weights: Array
    bias: Array

    def probabilities(self, features: Array) -> Array:
        """One row of class probabilities for each row of features."""
        return softmax((features - self.mean) / self.scale @ self.weights + self.bias)


# --- reading -----------------------------------------------------------------------------------------------------


def class_of(path: PurePosixPath) -> int | None:
    """The class that an image's folders name; masks and other files have none."""
    if path.suffix.lower() != ".png" or "masks" in path.parts:
        return None
    return next((CLASSES.index(part) for part in path.parts[:-1] if part in CLASSES), None)


def files(dataset: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Every file of a dataset, whether it is a folder or a zip file."""
    if dataset.is_dir():
        for path in sorted(dataset.rglob("*")):
            if path.is_file():
                yield PurePosixPath(path.relative_to(dataset).as_posix()), path.read_bytes()
    elif zipfile.is_zipfile(dataset):
        with zipfile.ZipFile(dataset) as archive:
            for name in sorted(archive.namelist()):
                if not name.endswith("/"):
                    yield PurePosixPath(name), archive.read(name)


def read_hospital(dataset: Path) -> list[Sample]:
    """All images of one hospital with their features."""
    samples = []
    for path, data in files(dataset):
        label = class_of(path)
        if label is not None:
            with Image.open(io.BytesIO(data)) as image:
                samples.append(Sample(dataset.name.removesuffix(".zip"), label, path.name, features_of(image)))
    return samples


def read_hospitals(datasets: Path) -> dict[str, list[Sample]]:
    """Each hospital's images; it is an error when there are none or a class is missing altogether."""
    found = {d.name.removesuffix(".zip"): read_hospital(d) for d in sorted(datasets.iterdir())}
    found = {hospital: samples for hospital, samples in found.items() if samples}
    seen = {CLASSES[sample.label] for samples in found.values() for sample in samples}
    missing = [name for name in CLASSES if name not in seen]
    if missing:
        raise SystemExit(f"expected PNG images in folders named {', '.join(CLASSES)} in {datasets}; none of {missing}")
    return found


# --- features ----------------------------------------------------------------------------------------------------


def features_of(image: Image.Image) -> Array:
    """Histograms of oriented gradients, and brightness and texture by region."""
    size = (SIDE, SIDE)
    grey = np.asarray(image.convert("L").resize(size, Image.Resampling.BOX), dtype=np.float64)
    low, high = np.percentile(grey, [2, 98])
    grey = np.clip((grey - low) / max(high - low, 1.0), 0.0, 1.0)
    return np.concatenate([gradients(grey).ravel(), *(part.ravel() for part in regions(grey))])


def cells(image: Array) -> Array:
    """The image cut into square cells: rows, columns, pixels of the cell."""
    count = SIDE // CELL
    return image.reshape(count, CELL, count, CELL).swapaxes(1, 2).reshape(count, count, CELL * CELL)


def gradients(grey: Array) -> Array:
    """For each cell, how much edge there is in each direction, relative to the cell's surroundings."""
    down, right = np.gradient(grey)
    strength = np.hypot(down, right)
    angle = np.arctan2(down, right) % np.pi / np.pi * ANGLES
    parts = [cells(strength * np.maximum(0.0, 1.0 - circular(angle, k))).sum(axis=2) for k in range(ANGLES)]
    histogram = np.stack(parts, axis=2)
    relative: Array = np.sqrt(histogram / (histogram.sum(axis=2, keepdims=True) + 0.5))
    return relative


def circular(angle: Array, centre: int) -> Array:
    """Distance of an orientation from a histogram bin, going round."""
    distance = np.abs(angle - centre)
    shorter: Array = np.minimum(distance, ANGLES - distance)
    return shorter


def regions(grey: Array) -> tuple[Array, Array, Array]:
    """Brightness, spread and fine grain of each cell."""
    fine = grey - 0.25 * sum(np.roll(grey, shift, axis) for shift in (-1, 1) for axis in (0, 1))
    return cells(grey).mean(axis=2), cells(grey).std(axis=2), np.log(cells(np.abs(fine)).mean(axis=2) + 0.01)


# --- learning ----------------------------------------------------------------------------------------------------


def softmax(scores: Array) -> Array:
    """Scores to probabilities, row by row."""
    raised: Array = np.exp(scores - scores.max(axis=1, keepdims=True))
    raised /= raised.sum(axis=1, keepdims=True)
    return raised


def fit(samples: list[Sample], rounds: int, decay: float) -> Model:
    """Softmax regression by accelerated gradient descent; classes weigh alike however many images they have."""
    features, labels = matrix(samples)
    mean, scale = features.mean(axis=0), features.std(axis=0) + 0.05
    inputs = (features - mean) / scale
    wanted = np.eye(len(CLASSES))[labels]
    share = wanted / np.maximum(wanted.sum(axis=0), 1.0) / len(CLASSES)
    weight = share.sum(axis=1, keepdims=True)
    weights, bias = np.zeros((inputs.shape[1], len(CLASSES))), np.zeros(len(CLASSES))
    step = 1.0 / (0.5 * np.linalg.norm(inputs * np.sqrt(weight), 2) ** 2 + 0.5 + decay)
    ahead, ahead_bias = weights, bias
    for number in range(rounds):
        error = weight * softmax(inputs @ ahead + ahead_bias) - share
        new, new_bias = ahead - step * (inputs.T @ error + decay * ahead), ahead_bias - step * error.sum(axis=0)
        push = number / (number + 3.0)
        ahead, ahead_bias = new + push * (new - weights), new_bias + push * (new_bias - bias)
        weights, bias = new, new_bias
    return Model(mean, scale, weights, bias)


def fit_best(samples: list[Sample], rounds: int) -> Model:
    """A model with the decay that does best on training images it was not fitted to (cross-validation)."""
    folds = [samples[start::FOLDS] for start in range(FOLDS)]

    def right(decay: float) -> float:
        score = 0.0
        for number, fold in enumerate(folds):
            others = [s for other, chosen in enumerate(folds) if other != number for s in chosen]
            score += accuracy(fit(others, rounds, decay), fold) * len(fold)
        return score

    return fit(samples, rounds, max(DECAYS, key=right))


def matrix(samples: list[Sample]) -> tuple[Array, NDArray[np.int64]]:
    """Features and labels of some samples as arrays."""
    return np.stack([s.features for s in samples]), np.array([s.label for s in samples])


def split(samples: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    """Training and test images of one hospital: by a digest of the name, the same share of each class."""
    train: list[Sample] = []
    test: list[Sample] = []
    for label in range(len(CLASSES)):
        chosen = [s for s in samples if s.label == label]
        chosen.sort(key=lambda s: hashlib.sha256(f"{s.hospital}/{s.name}".encode()).digest())
        held_back = len(chosen) // HELD_BACK
        test += chosen[:held_back]
        train += chosen[held_back:]
    return train, test


def accuracy(model: Model, samples: list[Sample]) -> float:
    """Share of the samples that the model gets right."""
    features, labels = matrix(samples)
    return float((model.probabilities(features).argmax(axis=1) == labels).mean())


def confusion(model: Model, samples: list[Sample]) -> list[list[int]]:
    """Rows: what it is; columns: what the model says."""
    table = np.zeros((len(CLASSES), len(CLASSES)), dtype=int)
    features, labels = matrix(samples)
    np.add.at(table, (labels, model.probabilities(features).argmax(axis=1)), 1)
    return table.tolist()


# --- the whole ---------------------------------------------------------------------------------------------------


def evaluate(models: dict[str, Model], tests: dict[str, list[Sample]]) -> dict[str, dict[str, float]]:
    """Accuracy of every model on every hospital's test images and on all of them."""
    everyone = [s for samples in tests.values() for s in samples]
    groups = {**{h: t for h, t in tests.items() if t}, "all": everyone}
    return {name: {group: accuracy(model, t) for group, t in groups.items()} for name, model in models.items()}


def train(hospitals: dict[str, list[Sample]], rounds: int) -> tuple[Model, dict[str, object]]:
    """The pooled model, and what can be said about it beside each hospital's own."""
    parts = {hospital: split(samples) for hospital, samples in hospitals.items()}
    pooled = fit_best([s for chosen, _ in parts.values() for s in chosen], rounds)
    models = {"pooled": pooled} | {h: fit_best(chosen, rounds) for h, (chosen, _) in parts.items()}
    tests = {hospital: test for hospital, (_, test) in parts.items()}
    table = evaluate(models, tests)
    metrics: dict[str, object] = {
        "format": "prism-example-covid19/1",
        "classes": list(CLASSES),
        "images": {h: {"train": len(chosen), "test": len(test)} for h, (chosen, test) in parts.items()},
        "test_accuracy": table["pooled"]["all"],
        "own_accuracy": {h: table[h]["all"] for h in parts},
        "accuracy": table,
        "confusion": confusion(pooled, [s for test in tests.values() for s in test]),
    }
    return pooled, metrics


def report(metrics: dict[str, object]) -> str:
    """The metrics as a table for people."""
    table = metrics["accuracy"]
    assert isinstance(table, dict)
    groups = list(table["pooled"])
    lines = ["Accuracy on held-back images", "", "trained on".ljust(14) + "".join(f"on {g}".rjust(10) for g in groups)]
    lines += [name.ljust(14) + "".join(f"{row[g]:10.3f}" for g in groups) for name, row in table.items()]
    return "\n".join(lines) + "\n"


def save(results: Path, model: Model, metrics: dict[str, object], started: float) -> None:
    """Write the four result files."""
    results.mkdir(exist_ok=True)
    arrays = {"mean": model.mean, "scale": model.scale, "weights": model.weights, "bias": model.bias}
    np.savez(results / "model.npz", allow_pickle=False, classes=np.array(CLASSES), **arrays)
    (results / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    (results / "report.txt").write_text(report(metrics))
    spent = {"wall_seconds": round(time.perf_counter() - started, 3), "cpu_seconds": round(time.process_time(), 3)}
    (results / "timing.json").write_text(json.dumps(spent) + "\n")


def main() -> int:
    """Train in the current directory."""
    started = time.perf_counter()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path, default=Path("datasets"), help="where the hospitals' images are")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where to write")
    parser.add_argument("--rounds", type=int, default=400, help="gradient steps (default 400)")
    options = parser.parse_args()
    model, metrics = train(read_hospitals(options.datasets), options.rounds)
    save(options.results, model, metrics, started)
    print(report(metrics), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
