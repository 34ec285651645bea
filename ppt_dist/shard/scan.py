"""A scan on its own, without a split list: in its domain's raw format, or as a PLY or NPY file."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ppt_dist.scene.scene import UNLABELLED, Scene
from ppt_dist.section import BadInput
from ppt_dist.shard.readers import find_reader
from ppt_dist.shard.readers.arrays import load_array
from ppt_dist.shard.readers.normals import of_mesh, of_points
from ppt_dist.shard.readers.ply import columns, read_ply
from ppt_dist.shard.readers.reading import Raw, check_scene
from ppt_dist.shard.recipe import Recipe

NEIGHBOURS = 16
"""Points that a normal is estimated from where a file has neither normals nor faces."""
FARTHEST = 10_000.0
"""Metres from the origin; float32 keeps a millimetre there."""
FORMATS = ".ply, .npy of [points, 3, 6 or 9], a scan of the domain's raw format, a folder of files"


class Scan(NamedTuple):
    """A scan that was found and not read yet."""

    scan_id: str
    path: Path
    """A file of its own, or a place that the reader understands."""
    raw: Raw | None
    """Of the domain, where the scan is in its raw format."""

    @property
    def name(self) -> str:
        """What its files are called: an id that names folders is one word."""
        return self.scan_id.replace("/", "-")

    def read(self) -> Scene:
        """The scan, its points in the order of the file; `BadInput` where it cannot be read."""
        if self.raw is None:
            return check_scene(_READ[self.path.suffix.lower()](self.path), self.path)
        return find_reader(self.raw.recipe.reader).read(self.scan_id, self.path, self.raw).scene


def find_scans(path: Path, recipe: Recipe, folder: Path) -> list[Scan]:
    """The scans at ``path``.

    Args:
        path: a file; where a split list's id would lead: the folder of a ScanNet scan or an S3DIS
            room, or ``ZIPS/scene_00000`` of Structured3D; a folder of such places, or of files; or
            a raw folder with scans that the split lists name, such as that of the zips.
        recipe: of the domain whose raw format is tried.
        folder: of the recipe.

    Raises:
        BadInput: it is none of these.
    """
    path, raw = path.absolute(), Raw(path, recipe, folder)
    if path.suffix.lower() in _READ and path.is_file():
        return [Scan(path.stem, path, None)]
    found = _raw_at(path, raw)
    if found:
        return found
    if not path.exists():
        raise BadInput(f"{path} does not exist")
    inside = sorted(path.iterdir()) if path.is_dir() else []
    found = [scan for place in inside if place.is_dir() for scan in _raw_at(place, raw)]
    found += [Scan(p.stem, p, None) for p in inside if p.suffix.lower() in _READ and p.is_file()]
    found = found or (_raw_listed(raw) if path.is_dir() else [])
    if not found:
        raise BadInput(f"{path} is no scan of {recipe.name} or of another known format: {FORMATS}")
    return found


def _raw_at(place: Path, raw: Raw) -> list[Scan]:
    """The scans of the domain's format at a place that an id of the form a, or a/b, leads to."""
    reader = find_reader(raw.recipe.reader)
    for root, listed in (
        (place.parent.parent, f"{place.parent.name}/{place.name}"),
        (place.parent, place.name),
    ):
        found = reader.find(root, listed)
        if found:
            own = raw._replace(root=root)
            return [Scan(name, where, own) for name, where in found.items()]
    return []


def _raw_listed(raw: Raw) -> list[Scan]:
    """The scans of a raw folder that the recipe's split lists name."""
    reader = find_reader(raw.recipe.reader)
    lists = (raw.folder / name for name in raw.recipe.splits.values())
    ids = sorted({listed for path in lists for listed in path.read_text("utf-8").split()})
    found = {name: place for listed in ids for name, place in reader.find(raw.root, listed).items()}
    return [Scan(name, place, raw) for name, place in found.items()]


def _from_ply(path: Path) -> Scene:
    ply = read_ply(path)
    coord = columns(ply, ("x", "y", "z"), np.float32, path)
    color = normal = None
    if {"red", "green", "blue"} <= ply.vertex.keys():
        color = columns(ply, ("red", "green", "blue"), np.uint8, path)
    if {"nx", "ny", "nz"} <= ply.vertex.keys():
        normal = columns(ply, ("nx", "ny", "nz"), np.float32, path)
    elif len(ply.triangles) and np.isfinite(coord).all():
        normal = of_mesh(coord, ply.triangles)
    return _scene(path, coord, color, normal)


def _from_npy(path: Path) -> Scene:
    table = load_array(path)
    if table.ndim != 2 or table.shape[1] not in {3, 6, 9} or table.dtype.kind not in "fiu":
        raise BadInput(
            f"{path}: {table.dtype} of shape {table.shape}; columns must be x y z, "
            "then r g b of 0 to 255, then the normal"
        )
    coord = np.ascontiguousarray(table[:, :3], np.float32)
    color = normal = None
    if table.shape[1] > 3:
        levels = np.nan_to_num(table[:, 3:6], nan=-1.0)
        if len(table) and not 0 <= levels.min() <= levels.max() <= 255:
            raise BadInput(f"{path}: colours from {levels.min()} to {levels.max()}, not 0 to 255")
        color = levels.astype(np.uint8)
    if table.shape[1] > 6:
        normal = np.ascontiguousarray(table[:, 6:], np.float32)
    return _scene(path, coord, color, normal)


def _scene(
    path: Path, coord: np.ndarray, color: np.ndarray | None, normal: np.ndarray | None
) -> Scene:
    _check_range(coord, path)
    if normal is None and np.isfinite(coord).all():
        normal = of_points(coord, NEIGHBOURS)
    none = np.full(len(coord), UNLABELLED, np.int32)
    return Scene(path.stem, coord, none.astype(np.int16), none, color, normal)


def _check_range(coord: np.ndarray, path: Path) -> None:
    """Refuse georeferenced coordinates, millimetres and strays: cells would be guesses."""
    far = np.flatnonzero(np.nanmax(np.abs(coord), axis=1, initial=0) > FARTHEST)
    if len(far):
        raise BadInput(
            f"{path}: {len(far)} of {len(coord)} points lie more than {FARTHEST:,.0f} m from the "
            f"origin, such as point {far[0]} at {coord[far[0]].tolist()}: coordinates must be "
            "metres, with an offset near the scan taken off and strays left out"
        )


_READ = {".ply": _from_ply, ".npy": _from_npy}
