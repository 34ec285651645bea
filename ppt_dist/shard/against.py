"""A law for ``validate``: packed scenes are the raw scans that they were made of."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ppt_dist.scene.scene import Scene
from ppt_dist.section import BadInput
from ppt_dist.shard.codec import in_morton_order, step_of
from ppt_dist.shard.form import PLAIN
from ppt_dist.shard.found import by_list
from ppt_dist.shard.laws import Looked
from ppt_dist.shard.manifest import Manifest
from ppt_dist.shard.readers import find_reader
from ppt_dist.shard.readers.reading import Raw
from ppt_dist.shard.recipe import Recipe
from ppt_dist.shard.rounding import Rounding, rounding_of

NO_SCAN = "there is no raw scan of it"
"""Reason of a fault that is the raw folder's, not the scene's."""
_EXACT = ("segment", "instance", "color")
"""Fields that no codec changes."""


class AsRaw(NamedTuple):
    """Reads each scan once more, and compares: a law."""

    raw: Raw
    scans: Mapping[str, tuple[str, Path]]
    """Key to scan and where it lies."""

    def __call__(self, looked: Looked) -> Iterator[str]:
        """What differs from the raw scan by more than the manifest tells."""
        if looked.entry.key not in self.scans:
            yield NO_SCAN
            return
        scan_id, place = self.scans[looked.entry.key]
        try:
            scene = find_reader(self.raw.recipe.reader).read(scan_id, place, self.raw).scene
        except (BadInput, OSError) as error:
            yield f"its raw scan cannot be read: {error}"
            return
        yield from _differences(scene, looked)


def as_raw(manifest: Manifest, recipe: Recipe, beside: Path, folder: Path) -> AsRaw:
    """The law for a domain whose raw scans lie in ``folder``, or in a folder of its name there.

    Args:
        manifest: of the packed domain.
        recipe: that it was packed by.
        beside: folder of the recipe.
        folder: of raw scans.

    Raises:
        BadInput: there is no such folder.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder: give that of the raw scans")
    root = folder / recipe.name if (folder / recipe.name).is_dir() else folder
    raw = Raw(root, recipe, beside)
    found = [by_list(raw, split) for split in manifest.splits]
    scans = {n.replace("/", "-"): (n, place) for part in found for n, place in part.present}
    return AsRaw(raw, scans)


def _differences(scene: Scene, looked: Looked) -> Iterator[str]:
    stored, compact = looked.scene, looked.manifest.splits[looked.split].compact
    if len(scene) != len(stored):
        yield f"has {len(stored)} points, and its raw scan {len(scene)}"
        return
    if compact is not None and compact.order == "morton":
        scene = in_morton_order(scene, looked.manifest.grid)
    for name in _EXACT if compact is not None else PLAIN:
        if not _same(getattr(scene, name), getattr(stored, name)):
            yield f"{name} is not that of its raw scan"
    if compact is not None:
        found = rounding_of(scene, stored, step_of(looked.members) or 0.0)
        yield from _excess(found, compact.rounding)


def _same(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    return (a is b is None) or (a is not None and b is not None and np.array_equal(a, b))


def _excess(found: Rounding, told: Rounding) -> Iterator[str]:
    """Errors that are larger than the manifest's largest."""
    pairs = {
        "coord": (found.coord_largest, told.coord_largest, "m"),
        "normal": (found.normal_largest, told.normal_largest, "degrees"),
        "strength": (found.strength_largest, told.strength_largest, "of 1"),
    }
    for name, (is_, said, unit) in pairs.items():
        if is_ > said:
            yield f"{name} is {is_:.4g} {unit} off its raw scan, and the manifest says {said:g}"
