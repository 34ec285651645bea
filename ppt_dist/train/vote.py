"""The vote on a scene's points as the official tester holds it (SemSegTester at d74c646).

In every pose and every fragment a point's softmax is added up, so that a point weighs a fragment as
often as that came to it; the class with the largest sum wins. Unlike there, fragments are made when
their turn comes, and several small ones go through the net together as separate scenes, which is
the same up to float rounding because norms in evaluation mode take scenes apart.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int16, Int64

from ppt_dist.scene.augment.pose import Pose
from ppt_dist.scene.batch import SceneBatch
from ppt_dist.scene.fragment import Fragments, fragments
from ppt_dist.scene.scene import UNLABELLED, Scene
from ppt_dist.scene.voxel import VoxelScene, grid_sample
from ppt_dist.stream.voxelise import Voxelise
from ppt_dist.train.evaluate import Forward
from ppt_dist.train.predict import Tile, Tiling, aligned, cut


class Ballot(NamedTuple):
    """How a scene is voted on."""

    domain: str
    classes: int
    voxelise: Voxelise
    poses: tuple[Pose, ...]
    before: float | None
    """Edge of the cells that the scene is thinned to first, metres."""
    tiling: Tiling
    """``most`` bounds the voxels of a forward, of one fragment or of several."""


class Passing(NamedTuple):
    """What a forward says of some points of a fragment, each there once."""

    points: Int64[np.ndarray, " some"]
    softmax: Float32[np.ndarray, "some classes"]


def vote(forward: Forward, scene: Scene, ballot: Ballot) -> Int16[np.ndarray, " points"]:
    """The class of each point in the scan's order.

    Memory is what a forward of ``ballot.tiling.most`` voxels takes, and for each point of the
    scene about 170 bytes and 4 for each class, however many poses and fragments there are.
    """
    placed = ballot.voxelise.placed(scene)
    if ballot.before is None:
        return _winner(votes(forward, placed, ballot))
    sample = grid_sample(placed.coord, ballot.before)
    return _winner(votes(forward, placed.take(sample.chosen), ballot))[sample.inverse]


def votes(forward: Forward, scene: Scene, ballot: Ballot) -> Float32[np.ndarray, "points classes"]:
    """The sum of the softmax of each point over all poses and fragments."""
    total = np.zeros((len(scene), ballot.classes), np.float32)
    for pose in ballot.poses:
        for points, softmax in _passings(forward, pose(scene), ballot):
            total[points] += softmax
    return total


def _passings(forward: Forward, scene: Scene, ballot: Ballot) -> Iterator[Passing]:
    """All fragments of a scene in its pose; those of few voxels several at a time."""
    parts = fragments(scene.coord, ballot.voxelise.edge)
    tiles = list(cut(parts.grid, ballot.tiling))
    together = max(ballot.tiling.most // max(len(parts.grid), 1), 1)
    for first in range(0, len(parts), together):
        group = [parts.points(f) for f in range(first, min(first + together, len(parts)))]
        feat = [ballot.voxelise.features(scene.take(points)) for points in group]
        for tile in tiles:
            softmax = _softmax(forward, _batch(scene.name, parts, feat, tile, ballot.domain))
            for points, seen in zip(group, np.split(softmax, len(group)), strict=True):
                yield Passing(points[tile.seen[tile.inside]], seen[tile.inside])


def _batch(
    name: str,
    parts: Fragments,
    feat: list[Float32[np.ndarray, "voxels channels"]],
    tile: Tile,
    domain: str,
) -> SceneBatch:
    """A tile of some fragments, which all have the same cells."""
    grid = aligned(parts.grid[tile.seen])
    label = np.full(len(grid), UNLABELLED, np.int16)
    scenes = [VoxelScene(name, grid, one[tile.seen], label) for one in feat]
    return SceneBatch.of(domain, scenes, feat[0].shape[1])


def _softmax(forward: Forward, batch: SceneBatch) -> Float32[np.ndarray, "voxels classes"]:
    with torch.inference_mode():
        return forward(batch).float().softmax(1).cpu().numpy()


def _winner(total: Float32[np.ndarray, "points classes"]) -> Int16[np.ndarray, " points"]:
    """Of equals the first class."""
    return total.argmax(axis=1).astype(np.int16)
