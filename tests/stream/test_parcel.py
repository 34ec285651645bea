"""Parcels: the same voxels in a process's own memory and in memory that it shares."""

import os

import numpy as np
import pytest
import torch

from ppt_dist.scene.voxel import VoxelScene
from ppt_dist.stream.load import Loaded
from ppt_dist.stream.memory import Laying, Seeing
from ppt_dist.stream.parcel import Parcel, parcel_here

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
    laying, seeing = Laying(), Seeing()
    given = laying.lay(loaded)
    seeing.add(given.slot, os.dup(laying.descriptor(given.slot)))
    parcel = seeing.parcel(given)
    seeing.close()
    return parcel


def test_a_slot_is_given_back_when_nothing_in_it_is_referred_to_any_more():
    laying, seeing = Laying(), Seeing()
    first = laying.lay(Loaded([scene(7)], CHANNELS, (), ()))
    seeing.add(first.slot, os.dup(laying.descriptor(first.slot)))
    parcel = seeing.parcel(first)
    labels = torch.from_numpy(parcel.label)
    del parcel
    assert seeing.given_back() == ()
    second = laying.lay(Loaded([scene(9)], CHANNELS, (), ()))
    assert (second.slot, second.fresh) == (1, True)
    del labels
    assert seeing.given_back() == (first.slot,)
    assert seeing.given_back() == ()


def test_a_slot_that_is_used_again_grows_and_holds_the_new_scenes():
    laying, seeing = Laying(), Seeing()
    for voxels, fresh in ((7, True), (50_000, False), (3, False)):
        given = laying.lay(Loaded([scene(voxels)], CHANNELS, (), ()))
        assert (given.slot, given.fresh) == (0, fresh)
        if given.fresh:
            seeing.add(given.slot, os.dup(laying.descriptor(given.slot)))
        parcel = seeing.parcel(given)
        np.testing.assert_array_equal(parcel.feat, scene(voxels).feat)
        np.testing.assert_array_equal(parcel.label, scene(voxels).label)
        del parcel
        laying.take_back(seeing.given_back())
    seeing.close()


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
