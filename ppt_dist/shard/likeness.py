"""What two packings of one scan have in common, whatever the codec and the order of points."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from ppt_dist.scene.scene import Scene


class Likeness(NamedTuple):
    """Of a scene."""

    digest: str
    """Of its exact counts: points, segments, values of each colour."""
    place: Float64[np.ndarray, " 9"]
    """Mean, lowest and highest coordinates, metres."""


class Place(NamedTuple):
    """Where a scene is stored."""

    split: str
    shard: str
    key: str


def likeness_of(scene: Scene) -> Likeness:
    """The same for two packings of one scan, up to what ``compact`` rounds."""
    counts = [np.array([len(scene)]), *np.unique(scene.segment, return_counts=True)]
    if scene.color is not None:
        counts += [np.bincount(column, minlength=256) for column in scene.color.T]
    text = b"".join(np.ascontiguousarray(part, np.int64).tobytes() for part in counts)
    coord = scene.coord.astype(np.float64)
    place = np.concatenate([coord.mean(0), coord.min(0), coord.max(0)])
    return Likeness(hashlib.sha256(text).hexdigest(), place)


def alike(scenes: Iterable[tuple[Place, Likeness]], within: float) -> list[tuple[Place, Place]]:
    """Each scene that was seen before, with the first one that it is like.

    ``within`` metres is how far apart their places may be.
    """
    seen: dict[str, list[tuple[Place, Likeness]]] = defaultdict(list)
    pairs = []
    for place, likeness in scenes:
        known = seen[likeness.digest]
        first = next((p for p, o in known if np.abs(o.place - likeness.place).max() < within), None)
        if first is None:
            known.append((place, likeness))
        else:
            pairs.append((place, first))
    return pairs
