"""Train a whole ResNet-18 on all hospitals' chest X-rays: the heavy variant of train.py, on torch.

Reads   datasets/<hospital>/…/{COVID,Normal,Viral Pneumonia}/…/*.png, unpacked or as a zip file
        datasets/weights/resnet18-f37072fd.pth, if somebody brings it: weights to begin with (the run has no network)
Writes  results/model.safetensors  the pooled model (plain tensors, no pickle)
        results/metrics.json       its accuracy on images it was not trained on, in the form of train.py
        results/report.txt         the same for reading
        results/timing.json        seconds this program took
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import struct
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torchvision.models import resnet18

CLASSES = ("COVID", "Normal", "Viral Pneumonia")
HELD_BACK = 4  # one image in this many tests the model and trains none
WEIGHTS = Path("weights") / "resnet18-f37072fd.pth"
MEAN, SPREAD = 0.45, 0.225  # of the grey values that the published weights were trained on

Batch = tuple[Tensor, Tensor]


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


def class_of(path: PurePosixPath) -> int | None:
    """The class that an image's folders name; masks and other files have none."""
    if path.suffix.lower() != ".png" or "masks" in path.parts:
        return None
    return next((CLASSES.index(part) for part in path.parts[:-1] if part in CLASSES), None)


def pixels(image: Image.Image, side: int) -> Tensor:
    """One image as a tensor of three equal channels."""
    grey = np.asarray(image.convert("L").resize((side, side), Image.Resampling.BILINEAR), dtype=np.float32)
    return torch.from_numpy((grey / 255.0 - MEAN) / SPREAD).expand(3, side, side)


def read_hospital(dataset: Path, side: int) -> tuple[Batch, Batch] | None:
    """Training and test images of one hospital: by a digest of the name, the same share of each class."""
    parts: tuple[list[tuple[Tensor, int]], list[tuple[Tensor, int]]] = ([], [])
    for label in range(len(CLASSES)):
        chosen = [(path.name, data) for path, data in files(dataset) if class_of(path) == label]
        chosen.sort(key=lambda named: hashlib.sha256(named[0].encode()).digest())
        for number, (_, data) in enumerate(chosen):
            with Image.open(io.BytesIO(data)) as image:
                parts[number < len(chosen) // HELD_BACK].append((pixels(image, side), label))
    if not parts[0] or not parts[1]:
        return None
    train, test = (stack(part) for part in parts)
    return train, test


def stack(samples: list[tuple[Tensor, int]]) -> Batch:
    """Images and labels as two tensors."""
    return torch.stack([image for image, _ in samples]), torch.tensor([label for _, label in samples])


def network(datasets: Path) -> nn.Module:
    """A ResNet-18 for our classes, beginning with published weights when somebody brought them."""
    model = resnet18(weights=None)
    if (datasets / WEIGHTS).is_file():
        model.load_state_dict(torch.load(datasets / WEIGHTS, map_location="cpu", weights_only=True))
    model.fc = nn.Linear(model.fc.in_features, len(CLASSES))
    return model


def fit(model: nn.Module, train: Batch, epochs: int, size: int) -> None:
    """Adam with a falling rate; every image is shifted a little each time it is seen."""
    images, labels = train
    weight = len(labels) / (len(CLASSES) * torch.bincount(labels, minlength=len(CLASSES)).clamp(min=1))
    lossy = nn.CrossEntropyLoss(weight)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for chosen in torch.randperm(len(labels)).split(size):
            down, right = (int(step) for step in torch.randint(-6, 7, (2,)))
            loss = lossy(model(images[chosen].roll((down, right), (2, 3))), labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += float(loss.detach()) * len(chosen)
        schedule.step()
        print(f"epoch {epoch + 1} of {epochs}: loss {total / len(labels):.3f}", flush=True)


@torch.no_grad()
def answers(model: nn.Module, images: Tensor) -> Tensor:
    """The class that the model says for each image."""
    model.eval()
    return torch.cat([model(part).argmax(dim=1) for part in images.split(64)])


def measure(model: nn.Module, parts: dict[str, tuple[Batch, Batch]]) -> dict[str, object]:
    """What can be said about the pooled model."""
    said = {hospital: answers(model, test[0]) for hospital, (_, test) in parts.items()}
    truth = {hospital: test[1] for hospital, (_, test) in parts.items()}
    table = np.zeros((len(CLASSES), len(CLASSES)), dtype=int)
    for hospital in parts:
        np.add.at(table, (truth[hospital].numpy(), said[hospital].numpy()), 1)
    right = {hospital: float((said[hospital] == truth[hospital]).float().mean()) for hospital in parts}
    right["all"] = float(np.trace(table) / table.sum())
    return {
        "format": "prism-example-covid19/1",
        "classes": list(CLASSES),
        "images": {h: {"train": len(train[1]), "test": len(test[1])} for h, (train, test) in parts.items()},
        "test_accuracy": right["all"],
        "own_accuracy": {},
        "accuracy": {"pooled": right},
        "confusion": table.tolist(),
    }


def write_safetensors(path: Path, model: nn.Module, side: int) -> None:
    """The public safetensors form: length, JSON header, raw little-endian numbers."""
    header: dict[str, object] = {"__metadata__": {"classes": json.dumps(CLASSES), "side": str(side)}}
    body = bytearray()
    for name, tensor in model.state_dict().items():
        data = tensor.to(torch.float32).contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def predictor(path: Path) -> Callable[[Image.Image], NDArray[np.float64]]:
    """Class probabilities of one image, by a model that write_safetensors wrote."""
    data = path.read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:start])
    side = int(header.pop("__metadata__")["side"])
    state = {}
    for name, tensor in header.items():
        low, high = (start + offset for offset in tensor["data_offsets"])
        values = np.frombuffer(data[low:high], dtype="<f4").reshape(tensor["shape"])
        state[name] = torch.from_numpy(values.copy())
    model = network(path.parent)
    model.load_state_dict(state)
    model.eval()

    @torch.no_grad()
    def probabilities(image: Image.Image) -> NDArray[np.float64]:
        row: NDArray[np.float64] = model(pixels(image, side)[None]).softmax(dim=1)[0].double().numpy()
        return row

    return probabilities


def main() -> int:
    """Train in the current directory."""
    started = time.perf_counter()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=Path, default=Path("datasets"), help="where the hospitals' images are")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where to write")
    parser.add_argument("--epochs", type=int, default=12, help="passes over the images (default 12)")
    parser.add_argument("--side", type=int, default=128, help="images are brought to this many pixels square")
    options = parser.parse_args()
    torch.manual_seed(19)
    found = {d.name.removesuffix(".zip"): read_hospital(d, options.side) for d in sorted(options.datasets.iterdir())}
    parts = {hospital: part for hospital, part in found.items() if part}
    if not parts:
        raise SystemExit(f"expected PNG images in folders named {', '.join(CLASSES)} in {options.datasets}, found none")
    model = network(options.datasets)
    pooled = tuple(torch.cat([train[i] for train, _ in parts.values()]) for i in (0, 1))
    fit(model, (pooled[0], pooled[1]), options.epochs, 32)
    metrics = measure(model, parts)
    options.results.mkdir(exist_ok=True)
    write_safetensors(options.results / "model.safetensors", model, options.side)
    (options.results / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    (options.results / "report.txt").write_text(f"accuracy on held-back images: {metrics['test_accuracy']:.3f}\n")
    spent = {"wall_seconds": round(time.perf_counter() - started, 3), "cpu_seconds": round(time.process_time(), 3)}
    (options.results / "timing.json").write_text(json.dumps(spent) + "\n")
    print(f"accuracy on held-back images: {metrics['test_accuracy']:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
