"""Two scenes in one place: the union of their cells, and one of the two where both have one."""

import numpy as np
import pytest

from ppt_dist.scene.mix import mixed, scenes_in
from ppt_dist.scene.voxel import VoxelScene


def scene(name, cells, value):
    grid = np.array(sorted(cells), np.int32)
    feat = np.column_stack([np.full(len(grid), value), np.arange(len(grid))]).astype(np.float32)
    return VoxelScene(name, grid, feat, np.full(len(grid), value, np.int16))


@pytest.fixture
def pair():
    """Two blocks of 1,000 and 1,200 cells that share 700."""
    first = scene("a", [(x, y, z) for x in range(10) for y in range(10) for z in range(10)], 1)
    second = scene("b", [(x, y, z) for x in range(3, 15) for y in range(10) for z in range(10)], 2)
    return first, second


def test_every_cell_of_either_scene_is_there_once_in_order(pair):
    union = mixed(pair[0], pair[1], np.random.default_rng(0))
    cells = list(map(tuple, union.grid.tolist()))
    assert cells == sorted({*map(tuple, np.concatenate([s.grid for s in pair]).tolist())})
    assert union.grid.dtype == np.int32


def test_each_voxel_is_one_of_its_own_scenes_whole(pair):
    union = mixed(pair[0], pair[1], np.random.default_rng(0))
    rows = {
        (s.feat[0, 0], *c): f for s in pair for c, f in zip(s.grid.tolist(), s.feat, strict=True)
    }
    for cell, feat, label in zip(union.grid.tolist(), union.feat, union.label, strict=True):
        assert label == feat[0]
        assert np.array_equal(rows[(feat[0], *cell)], feat)


def test_of_a_shared_cell_either_scene_is_kept_equally_often(pair):
    shared = {*map(tuple, pair[0].grid.tolist())} & {*map(tuple, pair[1].grid.tolist())}
    union = mixed(pair[0], pair[1], np.random.default_rng(0))
    kept = [
        int(label)
        for cell, label in zip(union.grid.tolist(), union.label, strict=True)
        if tuple(cell) in shared
    ]
    assert len(kept) == 700
    # Binomial: mean 350, standard deviation 13.2.
    assert 350 - 53 < kept.count(1) < 350 + 53


def test_the_same_generator_keeps_the_same_voxels_and_names_tell_the_scenes(pair):
    one, two = (mixed(pair[0], pair[1], np.random.default_rng(4)) for _ in range(2))
    assert one.feat.tobytes() == two.feat.tobytes()
    assert scenes_in(one.name) == ("a", "b")
    assert scenes_in("a") == ("a",)
