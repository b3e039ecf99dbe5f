"""Trains a nearest-centroid classifier on the X-rays of every hospital. Needs nothing but Python."""

import json
import pathlib
import random

DATASETS = pathlib.Path("datasets")
RESULTS = pathlib.Path("results")


def read(path: pathlib.Path) -> list[float]:
    """The pixels of a binary PGM file, from 0 to 1."""
    content = path.read_bytes()
    head, pixels = content.split(b"\n", 1)
    if not head.startswith(b"P5 "):
        raise SystemExit(f"expected a binary PGM file, found {path.name}")
    return [value / 255 for value in pixels]


def centroid(images: list[list[float]]) -> list[float]:
    return [sum(column) / len(images) for column in zip(*images, strict=True)]


def nearest(model: dict[str, list[float]], image: list[float]) -> str:
    def distance(centre: list[float]) -> float:
        return sum((a - b) ** 2 for a, b in zip(centre, image, strict=True))

    return min(model, key=lambda label: distance(model[label]))


def main() -> None:
    examples = []
    for path in sorted(DATASETS.glob("*/*/*.pgm")):
        examples.append((path.parent.name, read(path)))
    random.Random(7).shuffle(examples)
    held = len(examples) // 5
    test, train = examples[:held], examples[held:]
    model: dict[str, list[float]] = {}
    right = 0
    for step, label in enumerate(sorted({label for label, _ in train}), 1):
        model[label] = centroid([image for found, image in train if found == label])
        right = sum(nearest(model, image) == label for label, image in test)
        print("metrics " + json.dumps({"step": step, "accuracy": right / len(test)}), flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "model.json").write_text(json.dumps(model))
    (RESULTS / "metrics.json").write_text(json.dumps({"images": len(examples), "accuracy": right / len(test)}))
    print(f"trained on {len(train)} images, {right} of {len(test)} held-back ones are right")


if __name__ == "__main__":
    main()
