"""Scenes that Pointcept preprocessed: a folder of ``.npy`` files each, one a channel.

Format of Pointcept at d74c646 (``datasets/defaults.py``, ``datasets/preprocessing/*``): coord
``[n, 3]``, color ``[n, 3]`` of 0 to 255, normal ``[n, 3]``, segment and instance ``[n]`` or
``[n, 1]``, -1 for none; ScanNet's classes are in segment20 and segment200. What a file means is
never guessed: a colour that could be of 0 to 1, or a class that the recipe lacks, is refused.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int16, Int32, Shaped, UInt8
from pydantic import PositiveInt

from ppt_dist.scene.scene import UNLABELLED, Scene
from ppt_dist.section import BadInput, Section, parse
from ppt_dist.shard.readers.arrays import load_array
from ppt_dist.shard.readers.normals import of_points
from ppt_dist.shard.readers.reading import Raw, Reading, check_scene, packed_ids
from ppt_dist.shard.recipe import Recipe

UNLABELLED_SPLIT = "test"
"""Split whose scenes may have no segment file; in another one it was lost."""
LONGEST_NORMAL = 1.01


class Options(Section):
    """What takes the place of the recipe's ``[options]``."""

    exchange: bool
    """Whether x and y are exchanged, since the files are mirrored and the recipe is not."""
    ignore: tuple[int, ...]
    """Ids that stand for no class, beside -1."""
    normal_neighbours: PositiveInt | None
    """Points that a normal is estimated from where a scene has none; left out without it."""


def as_pointcept(recipe: Recipe, ignore: tuple[int, ...] = ()) -> Recipe:
    """The recipe for Pointcept's files of its domain.

    Its Structured3D is mirrored (y, x, z), as a recipe with ``frame = "official"`` is; where the
    recipe's frame is the world, points are turned back. Normals that are missing are estimated
    where the recipe's own reader does that.
    """
    options = Options(
        exchange=recipe.options.get("frame") == "world",
        ignore=ignore,
        normal_neighbours=recipe.options.get("normal_neighbours"),
    ).model_dump(mode="json")
    return recipe.model_copy(update={"reader": "pointcept", "options": options})


def find(root: Path, listed: str) -> dict[str, Path]:
    """Folder of a room such as ``Area_1/office_1``."""
    place = root / listed
    return {listed: place} if place.is_dir() else {}


class _Files(NamedTuple):
    """The channels of a scene, each an array of as many points as its coordinates."""

    place: Path
    points: int

    def load(self, name: str, width: int) -> Shaped[np.ndarray, "points width"] | None:
        path = self.place / f"{name}.npy"
        if not path.is_file():
            return None
        array = _numbers(path)
        if array.ndim == 1 and width == 1:
            array = array[:, None]
        if array.shape != (self.points, width):
            raise BadInput(
                f"{path}: shape {array.shape}, but coord.npy has {self.points} points: "
                f"[{self.points}, {width}] is allowed"
            )
        return array


def read(scene_id: str, place: Path, raw: Raw) -> Reading:
    """The scene in ``place``."""
    options = parse(Options, raw.recipe.options, "options of a Pointcept folder")
    coord = _coord(place)
    files = _Files(place, len(coord))
    color, notes = _color(files)
    normal = _normal(files)
    if color is None and "color" in raw.recipe.channels:
        notes += (f"{place}: no color.npy",)
    if normal is None and "normal" in raw.recipe.channels:
        normal, told = _missing_normal(coord, options)
        notes += (f"{place}: no normal.npy{told}",)
    if options.exchange:
        coord = coord[:, [1, 0, 2]]
        normal = None if normal is None else normal[:, [1, 0, 2]]
    scene = Scene(
        name=scene_id.replace("/", "-"),
        coord=np.ascontiguousarray(coord),
        segment=_segment(files, raw, options),
        instance=_instance(files),
        color=color,
        normal=None if normal is None else np.ascontiguousarray(normal),
        strength=_strength(files),
    )
    return Reading(check_scene(scene, place), notes)


def _numbers(path: Path) -> np.ndarray:
    array = load_array(path)
    if array.dtype.kind not in "fiu":
        raise BadInput(f"{path}: {array.dtype}, not numbers")
    return array


def _coord(place: Path) -> Float32[np.ndarray, "points 3"]:
    path = place / "coord.npy"
    if not path.is_file():
        raise BadInput(f"{path}: no such file: a preprocessed scene is a folder that has one")
    array = _numbers(path)
    if array.ndim != 2 or array.shape[1] != 3 or array.dtype.kind != "f":
        raise BadInput(f"{path}: {array.dtype} of shape {array.shape}, not floats of [points, 3]")
    if not len(array):
        raise BadInput(f"{path}: no points")
    with np.errstate(over="ignore"):  # what becomes infinite is refused with the scene
        return array.astype(np.float32)


def _color(files: _Files) -> tuple[UInt8[np.ndarray, "points 3"] | None, tuple[str, ...]]:
    array, path = files.load("color", 3), files.place / "color.npy"
    if array is None or array.dtype == np.uint8:
        return array, ()
    low, high = float(array.min()), float(array.max())
    if not 0 <= low <= high <= 255:
        raise BadInput(f"{path}: colours from {low} to {high}, not 0 to 255")
    if array.dtype.kind == "f" and 0 < high <= 1:
        raise BadInput(
            f"{path}: floats up to {high} may be of 0 to 1 or of 0 to 255: save them as uint8"
        )
    rounded = np.rint(array).astype(np.uint8)
    between = int((rounded != array).any(axis=1).sum())
    notes = (f"{path}: colours of {between} points were rounded",) if between else ()
    return rounded, notes


def _normal(files: _Files) -> Float32[np.ndarray, "points 3"] | None:
    array, path = files.load("normal", 3), files.place / "normal.npy"
    if array is None:
        return None
    if array.dtype.kind != "f":
        raise BadInput(f"{path}: {array.dtype}, not floats")
    length = np.linalg.norm(array.astype(np.float64), axis=1).max()
    if length > LONGEST_NORMAL:
        raise BadInput(f"{path}: a normal of length {length:.3g}; they must be of length 1, or 0")
    return array.astype(np.float32)


def _missing_normal(
    coord: Float32[np.ndarray, "points 3"], options: Options
) -> tuple[Float32[np.ndarray, "points 3"] | None, str]:
    """Estimated where the options say from how many points and coordinates are finite."""
    if options.normal_neighbours is None or not np.isfinite(coord).all():
        return None, ""
    return of_points(coord, options.normal_neighbours), ": normals were estimated"


def _strength(files: _Files) -> Float32[np.ndarray, " points"] | None:
    array = files.load("strength", 1)
    return None if array is None else array[:, 0].astype(np.float32)


def _ids(files: _Files, name: str) -> np.ndarray | None:
    array = files.load(name, 1)
    if array is not None and array.dtype.kind == "f":
        raise BadInput(f"{files.place / name}.npy: {array.dtype}, but ids are whole numbers")
    return None if array is None else array[:, 0]


def _segment(files: _Files, raw: Raw, options: Options) -> Int16[np.ndarray, " points"]:
    classes = len(raw.recipe.classes)
    names = (f"segment{classes}", "segment")
    name = next((n for n in names if (files.place / f"{n}.npy").is_file()), "")
    ids = _ids(files, name) if name else None
    if ids is None:
        return _no_segment(files, raw)
    ids = np.where(np.isin(ids, options.ignore), np.int64(UNLABELLED), ids)
    low, high = int(ids.min()), int(ids.max())
    if raw.recipe.labels.outside(low, high):
        raise BadInput(
            f"{files.place / name}.npy: ids from {low} to {high}, but the recipe has {classes} "
            f"classes, 0 to {classes - 1} ({', '.join(raw.recipe.labels.names)}), and -1 for none: "
            "give the recipe that the folder was made for, or --ignore ID where an id stands for "
            "no class"
        )
    return ids.astype(np.int16)


def _no_segment(files: _Files, raw: Raw) -> Int16[np.ndarray, " points"]:
    """Every point unlabelled, in the split that has no labels."""
    others = sorted(path.name for path in files.place.glob("segment*.npy"))
    tested = files.place.relative_to(raw.root).parts[0] == UNLABELLED_SPLIT
    if others or not tested:
        found = f"only {', '.join(others)}" if others else "no segment file"
        raise BadInput(
            f"{files.place} has {found}, but neither segment{len(raw.recipe.classes)}.npy nor "
            f"segment.npy; only scenes of {UNLABELLED_SPLIT} may be unlabelled"
        )
    return np.full(files.points, UNLABELLED, np.int16)


def _instance(files: _Files) -> Int32[np.ndarray, " points"]:
    ids = _ids(files, "instance")
    if ids is None:
        return np.full(files.points, UNLABELLED, np.int32)
    if ids.dtype.kind == "u" and ids.max() > np.iinfo(np.int64).max:
        raise BadInput(f"{files.place / 'instance.npy'}: ids up to {ids.max()}")
    return packed_ids(ids.astype(np.int64))
