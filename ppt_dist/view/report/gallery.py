"""Scenes in the report: four pictures each, and their points for the view in three dimensions."""

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int16, UInt8

from ppt_dist.scene.scene import UNLABELLED
from ppt_dist.train.look import Look
from ppt_dist.view.picture import NONE, Drawing, colors_of, draw

SIDE = 420
"""Pixels of a picture's longer side."""
MODES = {"color": "input", "truth": "truth", "prediction": "prediction", "error": "errors"}
"""What a scene can be coloured by."""
RIGHT, WRONG = (203, 208, 214), (214, 39, 40)
_STEPS = 32_000
"""Of a coordinate, over the scene's extent."""

Colors = Mapping[str, tuple[int, int, int]]
"""By class name."""


class Exhibit(NamedTuple):
    """A scored scene as the page shows it."""

    look: Look
    pictures: dict[str, bytes]
    """PNG for each of `MODES`."""
    classes: tuple[str, ...]
    """Those that are true or predicted somewhere in it."""
    cloud: dict[str, Any]
    """For the page's script; arrays in base64, little-endian."""


def exhibit(look: Look, names: tuple[str, ...], colors: Colors) -> Exhibit:
    """Show a look; ``names`` are the classes of its domain in label order."""
    drawing = draw(look.coord, SIDE)
    table = np.array([colors[name] for name in names], np.uint8).reshape(-1, 3)
    seen = np.union1d(look.label, look.prediction)
    return Exhibit(
        look,
        {mode: _picture(drawing, look, table, mode) for mode in MODES},
        tuple(names[i] for i in seen[seen >= 0]),
        _cloud(look, names, table),
    )


def _picture(
    drawing: Drawing, look: Look, table: UInt8[np.ndarray, "classes 3"], mode: str
) -> bytes:
    if mode == "error":
        return drawing.png(error_colors(look))
    if mode == "color":
        return drawing.png(_input(look))
    return drawing.png(colors_of(look.label if mode == "truth" else look.prediction, table))


def error_colors(look: Look) -> UInt8[np.ndarray, "points 3"]:
    """Wrong points red; those without a truth dark."""
    palette = np.array([RIGHT, WRONG, NONE], np.uint8)
    wrong = (look.prediction != look.label).astype(np.int64)
    return palette[np.where(look.label == UNLABELLED, 2, wrong)]


def _input(look: Look) -> UInt8[np.ndarray, "points 3"]:
    """The scan's colours; without any, grey by height."""
    if look.color is not None:
        return look.color
    height = look.coord[:, 2] - look.coord[:, 2].min(initial=np.inf)
    grey = 60 + 170 * height / max(float(height.max(initial=0)), 1e-6)
    return np.repeat(grey[:, None], 3, axis=1).astype(np.uint8)


def _cloud(
    look: Look, names: tuple[str, ...], table: UInt8[np.ndarray, "classes 3"]
) -> dict[str, Any]:
    low = look.coord.min(axis=0, initial=np.inf)
    scale = max(float((look.coord - low).max(initial=0)), 1e-6) / _STEPS
    place: Int16[np.ndarray, "points 3"] = np.rint((look.coord - low) / scale).astype("<i2")
    return {
        "points": len(look.coord),
        "scale": scale,
        "coord": _base64(place),
        "color": _base64(_input(look)),
        "label": _base64(look.label.astype("<i2")),
        "prediction": _base64(look.prediction.astype("<i2")),
        "names": list(names),
        "palette": table.tolist(),
        "none": list(NONE),
        "right": list(RIGHT),
        "wrong": list(WRONG),
    }


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
