"""Scenarios to begin with: each needs nothing but Python, and its data is made up."""

from __future__ import annotations

import random
from pathlib import Path

from ..simulation import Sample

__all__ = ["covid19", "draw"]

CLASSES = ("COVID", "Normal", "Viral Pneumonia")
SIDE = 24

covid19 = Sample(
    title="COVID-19 chest X-ray classifier",
    script=Path(__file__).with_name("train.py"),
    datasets=("h1", "h2", "h3"),
)
"""Three hospitals train one classifier of chest X-rays, which are drawn for this and show nobody."""


def draw(names: tuple[str, ...], folder: Path, images: int = 20) -> dict[str, Path]:
    """Draws pretend X-rays: for each dataset a folder with one subfolder for each class, 24 by 24 pixels as PGM files.

    Args:
        names: The datasets.
        folder: Where they are made.
        images: How many of each class.

    Returns:
        Each dataset's folder.

    >>> places = prism.samples.draw(("h1",), folder / "mock", images=2)
    >>> len(list(places["h1"].glob("*/*.pgm")))
    6
    """
    made = {}
    for name in names:
        chance = random.Random(name)
        for label, kind in enumerate(CLASSES):
            place = folder / name / kind
            place.mkdir(parents=True)
            for number in range(images):
                (place / f"{kind}-{number}.pgm").write_bytes(_picture(label, chance))
        made[name] = folder / name
    return made


def _picture(label: int, chance: random.Random) -> bytes:
    """Two dark lungs; what grows in them depends on the class."""
    pixels = bytearray()
    for row in range(SIDE):
        for column in range(SIDE):
            lung = 4 <= row < 20 and (3 <= column < 10 or 14 <= column < 21)
            shade = 60.0 if lung else 180.0
            if lung and label == 0 and row > 13:
                shade += 55
            if lung and label == 2 and column < 12:
                shade += 40
            pixels.append(max(0, min(255, round(shade + chance.gauss(0, 30)))))
    return b"P5 %d %d 255\n" % (SIDE, SIDE) + pixels
