"""Say what the collaboration's model sees in chest X-rays that no hospital brought.

    python predict.py results/model.npz unseen/COVID/*.png
    python predict.py results/model.safetensors unseen/COVID/*.png      the model of train_resnet18.py; needs torch

With images in folders named after the classes the answers are also counted right or wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from train import CLASSES, Array, Model, class_of, features_of

Predictor = Callable[[Image.Image], Array]  # class probabilities of one image


def load(path: Path) -> Predictor:
    """Read a model; it holds numbers only, so opening the file runs no code from it."""
    if path.suffix == ".safetensors":
        from train_resnet18 import predictor

        return predictor(path)
    with np.load(path, allow_pickle=False) as stored:
        if tuple(stored["classes"]) != CLASSES:
            raise SystemExit(f"expected a model of {CLASSES}, found {tuple(stored['classes'])} in {path}")
        model = Model(stored["mean"], stored["scale"], stored["weights"], stored["bias"])
    return lambda image: model.probabilities(features_of(image)[np.newaxis])[0]


def predict(model: Predictor, path: Path) -> dict[str, object]:
    """The model's answer for one image."""
    with Image.open(path) as image:
        row = model(image)
    actual = class_of(PurePosixPath(path.as_posix()))
    return {
        "image": path.name,
        "says": CLASSES[int(row.argmax())],
        "probability": round(float(row.max()), 3),
        "is": None if actual is None else CLASSES[actual],
    }


def describe(answer: dict[str, object]) -> str:
    """One line for people."""
    line = f"{answer['image']}: {answer['says']} ({float(str(answer['probability'])):.0%})"
    if answer["is"] is None:
        return line
    return f"{line}, {'right' if answer['is'] == answer['says'] else 'wrong: it is ' + str(answer['is'])}"


def main() -> int:
    """Read the arguments and print the answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="model.npz or model.safetensors of the result")
    parser.add_argument("images", type=Path, nargs="+", help="PNG files")
    parser.add_argument("--json", action="store_true", help="one JSON object for each image")
    options = parser.parse_args()
    model = load(options.model)
    answers = [predict(model, path) for path in options.images]
    for answer in answers:
        print(json.dumps(answer) if options.json else describe(answer))
    known = [answer for answer in answers if answer["is"] is not None]
    if known and not options.json:
        print(f"{sum(a['is'] == a['says'] for a in known)} of {len(known)} right")
    return 0


if __name__ == "__main__":
    sys.exit(main())
