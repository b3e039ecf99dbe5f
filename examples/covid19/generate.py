"""Prepare three hospitals' chest X-rays, one folder for each hospital and one of unseen images.

Without arguments the images are drawn by this program: schematic chests, the same on every run, so that anyone can
try the whole collaboration without patient data. Every hospital has its own X-ray machine (exposure, sharpness, noise,
framing) and its own habit of placing a side marker, so a model trained at one hospital learns that hospital.

With ``--kaggle archive.zip`` the real "COVID-19 Radiography Database" from Kaggle is split over the three hospitals.

Layout: ``OUT/h1/{COVID,Normal,Viral Pneumonia}/*.png``, the same for h2 and h3, and ``OUT/unseen/…`` for images that no
hospital has.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.float64]

CLASSES = ("COVID", "Normal", "Viral Pneumonia")
HOSPITALS = ("h1", "h2", "h3")
SIDE = 128
GRID_Y, GRID_X = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]


@dataclass(frozen=True)
class Acquisition:
    """How one hospital's machine and habits look in its images."""

    gamma: float  # exposure: above 1 is darker
    contrast: float  # share of the grey range that is used
    blur: int  # radius in pixels of the detector's softness
    noise: float  # standard deviation of the grain, of 1.0
    zoom: float  # framing: above 1 is closer
    border: float  # width of the unexposed frame, of the half side
    marked: str  # the class whose patients mostly carry a side marker here
    counts: tuple[int, int, int]  # training images of each class: every hospital sees other patients


ACQUISITIONS = {
    "h1": Acquisition(1.7, 0.95, 1, 0.02, 1.00, 0.00, "COVID", (64, 64, 32)),
    "h2": Acquisition(0.6, 0.60, 1, 0.02, 0.90, 0.00, "Viral Pneumonia", (32, 64, 64)),
    "h3": Acquisition(1.0, 0.85, 0, 0.06, 1.12, 0.07, "Normal", (64, 32, 64)),
}


def ellipse(x: float, y: float, rx: float, ry: float, softness: float) -> Pixels:
    """A soft-edged ellipse: 1 inside, 0 outside."""
    distance = ((GRID_X - x) / rx) ** 2 + ((GRID_Y - y) / ry) ** 2
    soft: Pixels = 1.0 / (1.0 + np.exp(np.minimum((distance - 1.0) / softness, 30.0)))
    return soft


def smooth(image: Pixels, radius: int) -> Pixels:
    """A box blur, three times: close to a Gaussian."""
    if radius == 0:
        return image
    width = 2 * radius + 1
    for axis in (0, 1, 0, 1, 0, 1):
        padded = np.pad(image, [(radius, radius) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        total = np.cumsum(padded, axis=axis)
        total = np.concatenate([np.zeros_like(np.take(total, [0], axis)), total], axis=axis)
        high = np.take(total, range(width, total.shape[axis]), axis)
        image = (high - np.take(total, range(total.shape[axis] - width), axis)) / width
    return image


def chest(rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    """A healthy chest and the mask of its lungs; every patient is built a little differently."""
    wide, tall, lift, lean = rng.normal([0.31, 0.62, -0.05, 0.0], [0.02, 0.04, 0.04, 0.03])
    lungs = np.maximum(
        ellipse(-0.43 + lean, lift, wide, tall, 0.12),
        ellipse(0.43 + lean, lift, wide * 0.95, tall, 0.12),
    )
    image = 0.70 - 0.42 * lungs
    ribs = np.sin(rng.uniform(19, 23) * (GRID_Y + 0.25 * GRID_X**2) + rng.uniform(0, 6.28))
    image += 0.05 * lungs * ribs
    image += 0.16 * np.exp(-((GRID_X - lean) ** 2) / 0.006)
    image += 0.22 * ellipse(0.14 + lean, 0.30, rng.uniform(0.26, 0.34), 0.30, 0.2) * (0.4 + 0.6 * lungs)
    return image, lungs


def opacities(rng: np.random.Generator, severity: float) -> Pixels:
    """COVID-19 as in textbooks: several soft patches, both sides, low and at the rim of the lungs."""
    layer: Pixels = np.zeros((SIDE, SIDE))
    for index in range(int(rng.integers(3, 6))):
        side = 1.0 if index % 2 else -1.0
        x, y = side * rng.uniform(0.46, 0.66), rng.uniform(0.0, 0.45)
        layer += ellipse(x, y, rng.uniform(0.09, 0.17), rng.uniform(0.09, 0.20), 0.6)
    patches: Pixels = 0.30 * severity * np.minimum(layer, 1.3)
    return patches


def streaks(rng: np.random.Generator, severity: float) -> Pixels:
    """Viral pneumonia as in textbooks: fine streaks spreading from the middle."""
    grain = rng.normal(0.0, 1.0, (SIDE, SIDE))
    texture = smooth(grain, 1) - smooth(grain, 3)
    texture /= texture.std()
    near = np.exp(-((np.abs(GRID_X) - 0.27) ** 2 / 0.05 + (GRID_Y + 0.02) ** 2 / 0.18))
    spread: Pixels = severity * near * (0.09 * texture + 0.09)
    return spread


def acquire(image: Pixels, machine: Acquisition, marked: bool, rng: np.random.Generator) -> Image.Image:
    """What the hospital's machine makes of a chest."""
    if marked:
        image[6:16, 8:12] = image[12:16, 8:18] = 1.05
    image = smooth(image, machine.blur)
    image = np.clip(image, 0.0, 1.0) ** (machine.gamma * rng.uniform(0.92, 1.08))
    image = 0.5 + machine.contrast * (image - 0.5) + rng.normal(0.0, machine.noise, image.shape)
    frame = np.maximum(np.abs(GRID_X), np.abs(GRID_Y)) > 1.0 - machine.border
    image[frame] = 0.02
    grey = Image.fromarray(np.clip(image * 255.0, 0, 255).astype(np.uint8))
    scale, turn = 1.0 / machine.zoom, rng.normal(0.0, 0.03)
    shift = rng.normal(0.0, 2.0, 2) + SIDE / 2.0 * np.array([1.0 - scale - turn, 1.0 - scale + turn])
    matrix = (scale, turn, shift[0], -turn, scale, shift[1])
    return grey.transform((SIDE, SIDE), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def draw(hospital: str, label: str, number: int, seed: int) -> Image.Image:
    """One image; the same arguments always give the same pixels."""
    name = f"{seed}/{hospital}/{label}/{number}"
    rng = np.random.default_rng(list(hashlib.sha256(name.encode()).digest()))
    machine = ACQUISITIONS[hospital]
    image, lungs = chest(rng)
    severity = float(rng.uniform(0.4, 1.0))
    if label == "COVID":
        image += lungs * opacities(rng, severity)
    elif label == "Viral Pneumonia":
        image += lungs * streaks(rng, severity)
    marked = bool(rng.random() < (0.85 if label == machine.marked else 0.10))
    return acquire(image, machine, marked, rng)


def drawn(out: Path, seed: int, unseen: int) -> int:
    """Draw every hospital's images, and `unseen` more of each hospital and class."""
    written = 0
    for hospital in HOSPITALS:
        for label, count in zip(CLASSES, ACQUISITIONS[hospital].counts, strict=True):
            for number in range(count + unseen):
                held_back = number >= count
                folder = out / ("unseen" if held_back else hospital) / label
                folder.mkdir(parents=True, exist_ok=True)
                prefix = f"{hospital}-" if held_back else ""
                draw(hospital, label, number, seed).save(folder / f"{prefix}{label}-{number + 1}.png")
                written += 1
    return written


def kaggle_images(archive: zipfile.ZipFile, label: str) -> list[str]:
    """The images of one class in any release of the archive (its lung masks left out), in a fixed random order."""

    def wanted(name: str) -> bool:
        parts = PurePosixPath(name).parts
        return name.lower().endswith(".png") and label in parts[:-1] and "masks" not in parts

    return sorted(filter(wanted, archive.namelist()), key=lambda name: hashlib.sha256(name.encode()).digest())


def shares(names: list[str], cap: int, unseen: int) -> Iterator[tuple[str, str]]:
    """Deal names to the unseen folder, then to the hospitals in turn, at most `cap` each."""
    for name in names[:unseen]:
        yield "unseen", name
    for index, name in enumerate(names[unseen : unseen + cap * len(HOSPITALS)]):
        yield HOSPITALS[index % len(HOSPITALS)], name


def split_kaggle(path: Path, out: Path, cap: int, unseen: int) -> int:
    """Split the real archive over the hospitals without changing an image."""
    written = 0
    with zipfile.ZipFile(path) as archive:
        for label in CLASSES:
            names = kaggle_images(archive, label)
            if len(names) < unseen + 4 * len(HOSPITALS):
                raise SystemExit(
                    f"expected the COVID-19 Radiography Database with a folder {label!r}, "
                    f"found {len(names)} such images in {path}; pass the archive as Kaggle serves it"
                )
            for owner, name in shares(names, cap, unseen):
                folder = out / owner / label
                folder.mkdir(parents=True, exist_ok=True)
                (folder / PurePosixPath(name).name).write_bytes(archive.read(name))
                written += 1
    return written


def main() -> int:
    """Read the arguments and write the folders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="new or empty directory for h1, h2, h3 and unseen")
    parser.add_argument("--seed", type=int, default=19, help="other seed, other patients (default 19)")
    parser.add_argument("--unseen", type=int, default=4, help="images of each hospital and class to hold back")
    parser.add_argument("--kaggle", type=Path, metavar="ZIP", help="split this archive instead of drawing")
    parser.add_argument("--cap", type=int, default=120, help="with --kaggle: most images per hospital and class")
    options = parser.parse_args()
    if options.out.exists() and any(options.out.iterdir()):
        parser.error(f"expected an empty or new directory, found files in {options.out}; choose another")
    if options.kaggle:
        written = split_kaggle(options.kaggle, options.out, options.cap, options.unseen)
    else:
        written = drawn(options.out, options.seed, options.unseen)
    print(f"{written} images in {options.out}: {', '.join(HOSPITALS)} and unseen")
    return 0


if __name__ == "__main__":
    sys.exit(main())
