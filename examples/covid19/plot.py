"""Draw the result: how good each model is on images from all hospitals, and where the pooled model errs.

python plot.py results/metrics.json results.png
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, LEFT, TOP = 980, 420, 60, 90
INK, PALE, BLUE, GREY = "#1d2733", "#e6eaee", "#1f6fb2", "#9aa7b3"
BAR_WIDTH, BAR_GAP, BAR_HEIGHT = 62, 34, 270
CELL_SIDE, MATRIX_LEFT = 84, 680


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own typeface: looks the same on every machine."""
    return ImageFont.load_default(size)


def bars(draw: ImageDraw.ImageDraw, metrics: dict[str, Any]) -> None:
    """One bar for each model: its accuracy on all hospitals' held-back images."""
    draw.text((LEFT, TOP - 38), "Accuracy on all hospitals' held-back images", INK, font(17))
    base = TOP + BAR_HEIGHT
    scores = {"together": metrics["test_accuracy"], **{f"{h} alone": a for h, a in metrics["own_accuracy"].items()}}
    for percent in (0, 25, 50, 75, 100):
        y = base - BAR_HEIGHT * percent / 100
        draw.line((LEFT, y, LEFT + len(scores) * (BAR_WIDTH + BAR_GAP) + BAR_GAP, y), PALE)
        draw.text((LEFT - 8, y), f"{percent} %", GREY, font(12), anchor="rm")
    for index, (name, score) in enumerate(scores.items()):
        x = LEFT + BAR_GAP + index * (BAR_WIDTH + BAR_GAP)
        draw.rectangle((x, base - BAR_HEIGHT * score, x + BAR_WIDTH, base), BLUE if index == 0 else GREY)
        draw.text((x + BAR_WIDTH / 2, base - BAR_HEIGHT * score - 6), f"{score:.1%}", INK, font(15), anchor="mb")
        draw.text((x + BAR_WIDTH / 2, base + 10), name, INK, font(14), anchor="mt")


def matrix(draw: ImageDraw.ImageDraw, metrics: dict[str, Any]) -> None:
    """The confusion matrix of the pooled model: rows are the truth, columns what the model says."""
    draw.text((MATRIX_LEFT - 120, TOP - 38), "Trained together: what it is, what the model says", INK, font(17))
    names = [str(name).replace(" ", "\n") for name in metrics["classes"]]
    for row, counts in enumerate(metrics["confusion"]):
        y = TOP + 10 + row * CELL_SIDE
        middle = (MATRIX_LEFT - 14.0, y + CELL_SIDE / 2)
        draw.multiline_text(middle, names[row], INK, font(14), anchor="rm", align="right")
        for column, count in enumerate(counts):
            x = MATRIX_LEFT + column * CELL_SIDE
            share = count / max(sum(counts), 1)
            draw.rectangle((x, y, x + CELL_SIDE - 4, y + CELL_SIDE - 4), shade(share))
            place = (x + CELL_SIDE / 2 - 2, y + CELL_SIDE / 2 - 2)
            draw.text(place, str(count), "white" if share > 0.5 else INK, font(20), anchor="mm")
    for column, name in enumerate(names):
        under = (MATRIX_LEFT + column * CELL_SIDE + CELL_SIDE / 2 - 2, TOP + 16 + 3 * CELL_SIDE)
        draw.multiline_text(under, name, INK, font(14), anchor="ma", align="center")


def shade(share: float) -> tuple[int, int, int]:
    """From pale to blue."""
    red, green, blue = (round(pale + (full - pale) * share) for pale, full in ((230, 31), (234, 111), (238, 178)))
    return red, green, blue


def plot(metrics: dict[str, Any]) -> Image.Image:
    """The whole picture."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    images = metrics["images"]
    title = f"{len(images)} hospitals, {sum(i['train'] for i in images.values())} training images, one model"
    draw.text((LEFT, 14), title, INK, font(22))
    bars(draw, metrics)
    matrix(draw, metrics)
    return image


def main() -> int:
    """Read the arguments and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("metrics", type=Path, help="metrics.json of the result")
    parser.add_argument("out", type=Path, help="PNG file to write")
    options = parser.parse_args()
    plot(json.loads(options.metrics.read_text())).save(options.out)
    print(f"wrote {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
