"""Prints the bytes that a vote on two million points takes on top of them; a process of its own."""

import resource
import sys

import numpy as np
import torch

from ppt_dist.scene.augment.pose import Pose
from ppt_dist.scene.scene import Scene
from ppt_dist.stream.voxelise import Voxelise
from ppt_dist.train.predict import Tiling
from ppt_dist.train.vote import Ballot, vote

POINTS, CLASSES, EDGE, MOST = 2_000_000, 20, 0.02, 60_000
POINTS_A_VOXEL = 10


def make_field():
    """A level field, so that the number of voxels is known."""
    rng = np.random.default_rng(0)
    side = np.sqrt(POINTS / POINTS_A_VOXEL) * EDGE
    coord = rng.random((POINTS, 3), np.float32) * np.array([side, side, EDGE], np.float32)
    none = np.full(POINTS, -1, np.int32)
    color = rng.integers(0, 256, (POINTS, 3), np.uint8)
    return Scene("field", coord, none.astype(np.int16), none, color)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main():
    scene, weight, seen = make_field(), torch.randn(3, CLASSES), []

    def forward(batch):
        seen.append(len(batch.feat))
        return batch.feat @ weight

    poses = (Pose(), Pose(turn=0.5, scale=0.95))
    voxelise = Voxelise(EDGE, ("color",), "unit")
    before = peak()
    vote(forward, scene, Ballot("a", CLASSES, voxelise, poses, None, Tiling(MOST, margin=8)))
    sys.stdout.write(f"{peak() - before} {len(seen)} {max(seen)}\n")


if __name__ == "__main__":
    main()
