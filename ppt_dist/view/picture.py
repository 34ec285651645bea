"""Labelled points as files to look at: a coloured PLY, and a picture from above at a slant."""

import colorsys
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int16, Int64, UInt8
from PIL import Image
from scipy.spatial import KDTree

from ppt_dist.scene.scene import UNLABELLED

SIDE = 900
"""Pixels of the longer side of a picture."""
DRAWN = 1_000_000
"""Points of a picture; of a larger scan every so many."""
NONE = (90, 90, 90)
"""Colour of a point without a class."""
_QUIET = {"wall": (190, 196, 205), "floor": (205, 183, 155), "ceiling": (226, 226, 232)}
_GOLDEN = 0.618034
"""Successive hues lie far apart on the circle."""


def palette(names: Sequence[str]) -> UInt8[np.ndarray, "classes 3"]:
    """A colour for each class: quiet ones for what encloses a room, distant hues for the rest."""
    loud = [name for name in names if name not in _QUIET]
    hues = [(i * _GOLDEN) % 1 for i in range(len(loud))]
    levels = [colorsys.hsv_to_rgb(h, 0.5 + 0.2 * (i % 3), 0.95 - 0.15 * (i % 2))
              for i, h in enumerate(hues)]  # fmt: skip
    bright = np.rint(255 * np.array(levels).reshape(-1, 3)).astype(np.uint8)
    rows = iter(bright)
    table = [_QUIET[name] if name in _QUIET else next(rows) for name in names]
    return np.array(table, np.uint8).reshape(-1, 3)


def colors_of(
    label: Int16[np.ndarray, " points"], table: UInt8[np.ndarray, "classes 3"]
) -> UInt8[np.ndarray, "points 3"]:
    """The colour of each point's class; dark grey where there is none."""
    with_none = np.concatenate([table, np.array([NONE], np.uint8)])
    return with_none[np.where(label == UNLABELLED, len(table), label)]


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


class Drawing(NamedTuple):
    """A scene seen at a slant from above, without its ceiling: which point each pixel shows."""

    point: Int64[np.ndarray, "height width"]
    """Row of the point, -1 where there is none."""
    light: Float64[np.ndarray, "height width"]
    """Brightness in [0, 1]: pixels behind their neighbours are darker."""

    def png(self, color: UInt8[np.ndarray, "points 3"]) -> bytes:
        """The picture with these colours on a transparent ground."""
        shown = self.point >= 0
        image = np.zeros((*self.point.shape, 4), np.uint8)
        image[shown, :3] = np.rint(color[self.point[shown]] * self.light[shown, None])
        image[shown, 3] = 255
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, format="PNG", optimize=True)
        return buffer.getvalue()


def draw(coord: Float32[np.ndarray, "points 3"], side: int = SIDE, below: float = 1.8) -> Drawing:
    """Look at the points up to ``below`` metres above the lowest; ``side`` pixels at most."""
    low = np.flatnonzero(coord[:, 2] <= coord[:, 2].min(initial=np.inf) + below)
    low = low[:: max(1, -(-len(low) // DRAWN))]
    seen = coord[low].astype(np.float64) @ _SLANT.T
    seen -= seen.min(axis=0, initial=np.inf)
    scale = (side - 1) / max(float(seen[:, :2].max(initial=0)), 1e-6)
    radius = int(np.clip(np.ceil(_spacing(seen) * scale / 2), 1, side // 20))
    width, height = np.floor(seen[:, :2].max(axis=0, initial=0) * scale).astype(int) + 1
    step = np.arange(-radius, radius + 1)
    spot = np.stack(np.meshgrid(step, step), -1).reshape(-1, 2)
    pixel = (np.floor(seen[:, None, :2] * scale).astype(np.int64) + spot).reshape(-1, 2)
    pixel = np.clip(pixel, 0, (width - 1, height - 1))
    order = np.argsort(np.repeat(seen[:, 2], len(spot)), kind="stable")  # the nearest comes last
    place = ((height - 1 - pixel[order, 1]), pixel[order, 0])
    rows = np.repeat(np.arange(len(low)), len(spot))[order]
    shown = np.full((height, width), -1, np.int64)
    shown[place] = rows
    depth = np.where(shown >= 0, seen[shown, 2] if len(seen) else 0.0, -np.inf)
    point = np.where(shown >= 0, low[shown] if len(low) else -1, -1)
    return Drawing(point, _light(depth))


def _slant(turn: float, tilt: float) -> Float64[np.ndarray, "3 3"]:
    """Rows: right, up and towards the eye, which looks down by ``tilt`` degrees."""
    a, b = np.radians((turn, tilt))
    right = (np.cos(a), np.sin(a), 0.0)
    up = (-np.sin(a) * np.sin(b), np.cos(a) * np.sin(b), np.cos(b))
    eye = (np.sin(a) * np.cos(b), -np.cos(a) * np.cos(b), np.sin(b))
    return np.array([right, up, eye])


_SLANT = _slant(25.0, 58.0)


def _spacing(coord: Float64[np.ndarray, "points 3"]) -> float:
    """Median distance of a point to the fourth around it, metres: surfaces have no holes then."""
    if len(coord) < 5:
        return 0.0
    some = coord[:: max(1, len(coord) // 2000)]
    distance, _ = KDTree(coord).query(some, k=5)
    return float(np.median(distance[:, 4]))


def _light(depth: Float64[np.ndarray, "height width"]) -> Float64[np.ndarray, "height width"]:
    """Eye-dome lighting (Boucheny 2009): dark where neighbouring pixels are nearer to the eye."""
    shade = np.zeros(depth.shape)
    padded = np.pad(depth, 2, constant_values=-np.inf)
    height, width = depth.shape
    for down, right in ((0, 2), (4, 2), (2, 0), (2, 4)):
        beside = padded[down : down + height, right : right + width]
        with np.errstate(invalid="ignore"):
            nearer = np.nan_to_num(beside - depth, nan=0.0, posinf=0.0, neginf=0.0)
        shade += np.clip(nearer, 0.0, 0.5)
    return np.exp(-0.9 * shade)
