"""`Raw` and `Reading`: what a reader is given, and what it makes of a scan."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Int32

from ppt_dist.scene.scene import UNLABELLED, Scene
from ppt_dist.section import BadInput
from ppt_dist.shard.recipe import Recipe


class Raw(NamedTuple):
    """A domain's raw folder and what is known of it."""

    root: Path
    recipe: Recipe
    folder: Path
    """Of the recipe; small tables may lie there."""


class Reading(NamedTuple):
    """A scene, and the defects that were handled on the way."""

    scene: Scene
    notes: tuple[str, ...] = ()
    """One sentence each, with file and line."""


def packed_ids(raw: Int[np.ndarray, " points"]) -> Int32[np.ndarray, " points"]:
    """Ids of objects as 0, 1, 2 ... in their order; negative ones become `UNLABELLED`."""
    present = np.unique(raw[raw >= 0])
    packed = np.searchsorted(present, raw)
    return np.where(raw >= 0, packed, UNLABELLED).astype(np.int32)


def check_scene(scene: Scene, where: Path) -> Scene:
    """The scene, if it can be packed.

    Raises:
        BadInput: it has no point, or a coordinate, normal or strength that is not finite; names
            ``where``.
    """
    if not len(scene):
        raise BadInput(f"{where}: no points")
    for name in ("coord", "normal", "strength"):
        array = getattr(scene, name)
        if array is not None and not np.isfinite(array).all():
            first = int(np.argwhere(~np.isfinite(array))[0][0])
            raise BadInput(
                f"{where}: {name} of point {first} is not finite: {array[first].tolist()}"
            )
    return scene
