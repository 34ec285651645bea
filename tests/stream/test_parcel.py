"""Parcels: the same voxels in a process's own memory and in memory that it shares."""

import os

import numpy as np
import pytest

from ppt_dist.scene.voxel import VoxelScene
from ppt_dist.stream.load import Loaded
from ppt_dist.stream.parcel import Parcel, anonymous_file, parcel_from, parcel_here, parcel_in

CHANNELS = 6


def scene(voxels: int) -> VoxelScene:
    rng = np.random.default_rng(voxels)
    return VoxelScene(
        f"scene{voxels}",
        rng.integers(0, 100, (voxels, 3), dtype=np.int32),
        rng.random((voxels, CHANNELS), dtype=np.float32),
        rng.integers(-1, 20, voxels, dtype=np.int16),
    )


def handed_over(loaded: Loaded) -> Parcel:
    descriptor = anonymous_file()
    parcel = parcel_from(descriptor, parcel_in(descriptor, loaded))
    os.close(descriptor)
    return parcel


@pytest.mark.parametrize("voxels", [(), (7,), (1, 5000, 3)])
def test_both_ways_lay_the_scenes_end_to_end(voxels):
    scenes = [scene(n) for n in voxels]
    loaded = Loaded(scenes, CHANNELS, (), ())
    here, there = parcel_here(loaded), handed_over(loaded)
    assert here.bill == there.bill
    assert here.bill.ends == tuple(np.cumsum(voxels))
    for parcel in (here, there):
        assert parcel.grid.shape == (sum(voxels), 3)
        assert parcel.feat.shape == (sum(voxels), CHANNELS)
        for one, end in zip(scenes, parcel.bill.ends, strict=True):
            part = slice(end - len(one.grid), end)
            np.testing.assert_array_equal(parcel.grid[part], one.grid)
            np.testing.assert_array_equal(parcel.feat[part], one.feat)
            np.testing.assert_array_equal(parcel.label[part], one.label)


def test_features_of_another_width_are_refused():
    loaded = Loaded([scene(7)], CHANNELS + 1, (), ())
    with pytest.raises(ValueError, match="reshape"):
        parcel_here(loaded)
    with pytest.raises(ValueError, match="reshape"):
        handed_over(loaded)
