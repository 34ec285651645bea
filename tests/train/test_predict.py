"""Prediction in tiles: every voxel once, and no cut is felt where margins are wide enough."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ppt_dist.model.ppt import Parts, build_model
from ppt_dist.scene.scene import Scene
from ppt_dist.stream.voxelise import Voxelise
from ppt_dist.train.predict import Tiling, cut, predict
from ppt_dist.train.restore import alone
from tests.model.domains import with_vectors
from tests.train.test_restore import RUN

VOXELISE = Voxelise(0.1, ("color", "normal"), "unit")


@pytest.fixture(scope="module")
def model():
    parts = Parts(6, 8, RUN.model.backbone, RUN.model.adapter, RUN.model.head)
    return build_model(parts, with_vectors({"a": torch.eye(5, 7)}), alone, seed=3).eval()


@pytest.fixture(scope="module")
def scene():
    """A hilly field of 12 x 8 metres, coloured at random."""
    rng = np.random.default_rng(0)
    xy = rng.random((20_000, 2)) * (12, 8)
    coord = np.column_stack([xy, 0.3 * np.sin(xy).sum(axis=1)]).astype(np.float32)
    none = np.full(len(coord), -1, np.int32)
    color = rng.integers(0, 256, (len(coord), 3)).astype(np.uint8)
    return Scene("field", coord, none.astype(np.int16), none, color)


def run(model, scene, tiling):
    with torch.inference_mode():
        return predict(model, "a", scene, VOXELISE, tiling)


def test_tiles_with_margins_as_wide_as_what_the_net_sees_equal_the_whole(model, scene):
    whole = run(model, scene, Tiling(most=10**9))
    assert len(np.unique(whole)) > 2
    tiled = Tiling(most=9000, margin=32)
    voxels = VOXELISE.evaluate(scene)
    tiles = list(cut(voxels.grid, tiled))
    assert len(tiles) > 1
    assert max(len(tile.seen) for tile in tiles) < len(voxels.grid)
    assert np.array_equal(run(model, scene, tiled), whole)


def test_tiles_without_margins_differ_so_that_the_equality_has_teeth(model, scene):
    whole = run(model, scene, Tiling(most=10**9))
    assert (run(model, scene, Tiling(most=2000, margin=0)) != whole).any()


def test_points_of_a_voxel_are_labelled_alike_in_the_scans_order(model, scene):
    order = np.random.default_rng(1).permutation(len(scene))
    # Another order may stand for a voxel by another point; so each has the same colour here.
    grey = Scene(scene.name, scene.coord, scene.segment, scene.instance)
    straight = run(model, grey, Tiling())
    shuffled = run(model, grey.take(order), Tiling())
    assert np.array_equal(shuffled, straight[order])


@given(
    st.integers(0, 2**16),
    st.integers(1, 300),
    st.integers(1, 60),
    st.integers(0, 9),
    st.integers(1, 200),
)
def test_every_voxel_is_inside_one_tile_and_sees_all_within_the_margin(
    seed, count, most, margin, extent
):
    grid = np.unique(
        np.random.default_rng(seed).integers(0, extent, (count, 3)).astype(np.int32), axis=0
    )
    inside = np.zeros(len(grid), int)
    for tile in cut(grid, Tiling(most, margin)):
        inside[tile.seen[tile.inside]] += 1
        core = grid[tile.seen[tile.inside], :2]
        low, high = core.min(axis=0) - margin, core.max(axis=0) + margin
        near = np.flatnonzero(((grid[:, :2] >= low) & (grid[:, :2] <= high)).all(axis=1))
        assert np.isin(near, tile.seen).all()
    assert (inside == 1).all()
