"""Labelled points as files to look at: a coloured PLY, and a picture from above."""

import colorsys
import io

import numpy as np
from jaxtyping import Float32, Int16, UInt8
from PIL import Image

from ppt_dist.scene.scene import UNLABELLED

SIDE = 900
"""Pixels of the longer side of a picture."""
BACKGROUND = (255, 255, 255)
_GOLDEN = 0.618034
"""Successive hues lie far apart on the circle."""


def palette(classes: int) -> UInt8[np.ndarray, "classes 3"]:
    """A colour for each class, the same in every run."""
    hues = ((i * _GOLDEN) % 1 for i in range(classes))
    rows = [colorsys.hsv_to_rgb(h, 0.5 + 0.2 * (i % 3), 0.95 - 0.15 * (i % 2))
            for i, h in enumerate(hues)]  # fmt: skip
    return np.rint(255 * np.array(rows).reshape(-1, 3)).astype(np.uint8)


def colors_of(label: Int16[np.ndarray, " points"], classes: int) -> UInt8[np.ndarray, "points 3"]:
    """The colour of each point's class; grey where there is none."""
    table = np.concatenate([palette(classes), np.full((1, 3), 128, np.uint8)])
    return table[np.where(label == UNLABELLED, classes, label)]


def to_ply(
    coord: Float32[np.ndarray, "points 3"],
    color: UInt8[np.ndarray, "points 3"],
    label: Int16[np.ndarray, " points"],
) -> bytes:
    """Little-endian PLY with ``x y z red green blue label``."""
    row = np.dtype([("coord", "<f4", (3,)), ("color", "u1", (3,)), ("label", "<i2")])
    table = np.zeros(len(coord), row)
    table["coord"], table["color"], table["label"] = coord, color, label
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(coord)}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {name}" for name in ("red", "green", "blue")),
        "property short label",
        "end_header\n",
    ]
    return "\n".join(lines).encode() + table.tobytes()


def from_above(
    coord: Float32[np.ndarray, "points 3"],
    color: UInt8[np.ndarray, "points 3"],
    below: float = 2.0,
) -> bytes:
    """PNG of the points up to ``below`` metres above the lowest; the highest in front, y up."""
    low = coord[:, 2] <= coord[:, 2].min() + below  # without the ceiling
    coord, color = coord[low], color[low]
    start, extent = coord[:, :2].min(axis=0), np.ptp(coord[:, :2], axis=0)
    cells = int(np.clip(np.sqrt(len(coord) / 2), 1, SIDE))  # coarse enough to leave few holes
    scale = (cells - 1) / max(float(extent.max()), 1e-6)
    cell = np.floor((coord[:, :2] - start) * scale).astype(np.int64)
    width, height = cell.max(axis=0) + 1
    image = np.full((height, width, 3), BACKGROUND, np.uint8)
    order = np.argsort(coord[:, 2], kind="stable")
    image[height - 1 - cell[order, 1], cell[order, 0]] = color[order]
    larger = max(1, SIDE // max(int(width), int(height)))
    buffer = io.BytesIO()
    picture = Image.fromarray(image).resize(
        (width * larger, height * larger), Image.Resampling.NEAREST
    )
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
