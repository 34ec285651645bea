"""A reader of nothing: it makes up a scan from its name, for domains whose reader is to come.

Tests put this folder on the path of ``ppt_dist.shard.readers``.
"""

import hashlib
from pathlib import Path

import numpy as np

from ppt_dist.scene.scene import Scene
from ppt_dist.shard.readers.reading import Raw, Reading

POINTS = 1500


def find(root: Path, listed: str) -> dict[str, Path]:
    return {listed: root}


def read(scene_id: str, place: Path, raw: Raw) -> Reading:  # noqa: ARG001
    """Ground around a sensor, with boxes on it; what a point is of follows from where it is."""
    digest = hashlib.blake2b(scene_id.encode(), digest_size=8).digest()
    rng = np.random.default_rng(int.from_bytes(digest, "little"))
    radius, angle = rng.random(POINTS) ** 0.5 * 80, rng.random(POINTS) * 2 * np.pi
    height = np.where(rng.random(POINTS) < 0.3, rng.random(POINTS) * 4, -1.7)
    coord = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
    classes = len(raw.recipe.classes)
    sector = (angle / (2 * np.pi) * classes).astype(np.int16) % classes
    has = raw.recipe.channels
    scene = Scene(
        name=scene_id,
        coord=coord.astype(np.float32),
        segment=np.where(radius < 70, sector, -1).astype(np.int16),
        instance=np.full(POINTS, -1, np.int32),
        strength=rng.random(POINTS).astype(np.float32) if "strength" in has else None,
    )
    return Reading(scene)
