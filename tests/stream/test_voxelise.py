"""Scenes to voxels: channels, crop, the way back, and the generator of every draw."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppt_dist.scene.augment.colour import (
    ChromaticAutoContrast,
    ChromaticJitter,
    ChromaticTranslation,
)
from ppt_dist.scene.augment.elastic import ElasticDistortion
from ppt_dist.scene.augment.geometry import Center, Clamp, Flip, Jitter, Rotate, Scale
from ppt_dist.scene.augment.sampling import Dropout
from ppt_dist.scene.scene import Scene
from ppt_dist.stream.voxelise import Voxelise, crop, cut, scene_generator


@pytest.fixture
def scene():
    """500 points of a room of 3 x 2 x 2 metres, its floor at 5 metres."""
    rng = np.random.default_rng(3)
    normal = rng.normal(size=(500, 3)).astype(np.float32)
    return Scene(
        name="room",
        coord=(rng.random((500, 3)) * (3, 2, 2) + (0, 0, 5)).astype(np.float32),
        segment=rng.integers(-1, 4, 500).astype(np.int16),
        instance=np.zeros(500, np.int32),
        color=rng.integers(0, 256, (500, 3)).astype(np.uint8),
        normal=normal / np.linalg.norm(normal, axis=1, keepdims=True),
    )


def voxelise(**options):
    whole = Voxelise(edge=0.2, channels=("color", "normal", "height"), color_range="unit")
    return whole._replace(**options)


def test_draws_of_a_scenes_generator_are_those_of_the_first_day():
    draws = scene_generator(0, "scannet", 0, "scene0000_00").integers(0, 2**63, 4)
    assert draws.tolist() == [
        4296063838826828758,
        6925684042248629451,
        7106901665856182102,
        2248003350017495409,
    ]
    assert scene_generator(7, "s3dis", 3, "Area_1-hallway_1").integers(0, 2**63) == (
        6206414644465386333
    )


def test_every_point_finds_the_voxel_that_holds_it(scene):
    voxels = voxelise().evaluate(scene)
    assert voxels.inverse is not None
    assert voxels.point_label is not None
    low, high = scene.coord.min(axis=0), scene.coord.max(axis=0)
    middle = (low + high) / 2
    centred = scene.coord - np.array([middle[0], middle[1], low[2]], np.float32)
    cells = np.floor(centred / np.float32(0.2)).astype(int)
    cells -= cells.min(axis=0)
    assert np.array_equal(voxels.grid[voxels.inverse], cells)
    assert len(np.unique(voxels.grid, axis=0)) == len(voxels.grid)
    assert np.array_equal(voxels.point_label, scene.segment)


def test_channels_are_the_scenes_own_in_the_order_that_is_asked_for(scene):
    voxels = voxelise(channels=("height", "color", "normal")).evaluate(scene)
    first = [np.flatnonzero(voxels.inverse == v)[0] for v in range(len(voxels.grid))]
    height = scene.coord[first, 2] - scene.coord[first, 2].min()
    assert voxels.feat[:, 0] == pytest.approx(height, abs=1e-6)
    assert voxels.feat[:, 1:4] == pytest.approx(scene.color[first] / 255, abs=1e-6)
    assert np.array_equal(voxels.feat[:, 4:], scene.normal[first])


def test_the_symmetric_range_takes_black_to_minus_1_and_white_to_1(scene):
    scene.color[:] = np.where(np.arange(500)[:, None] % 2, 0, 255)
    feat = voxelise(channels=("color",), color_range="symmetric").evaluate(scene).feat
    assert set(np.unique(feat)) == {-1.0, 1.0}


def test_a_channel_that_the_scene_lacks_is_zero(scene):
    bare = Scene("bare", scene.coord, scene.segment, scene.instance)
    feat = voxelise().evaluate(bare).feat
    assert feat.shape[1] == 7
    assert not feat[:, :6].any()
    assert feat[:, 6].max() > 1


def test_the_same_generator_gives_the_same_bytes_and_another_epoch_others(scene):
    def train(epoch):
        augment = (Rotate(), Jitter())
        rng = scene_generator(1, "scannet", epoch, scene.name)
        return voxelise(augment=augment, crop=60).train(scene, rng)

    first, again, other = train(0), train(0), train(1)
    assert first.feat.tobytes() == again.feat.tobytes()
    assert first.grid.tobytes() == again.grid.tobytes()
    assert first.feat.tobytes() != other.feat.tobytes()
    assert len(first.grid) == len(first.feat) == len(first.label) == 60


def test_a_crop_keeps_the_voxels_nearest_to_one_of_them_in_their_order():
    coord = np.random.default_rng(0).random((200, 3)).astype(np.float32)
    kept = crop(coord, 50, np.random.default_rng(1))
    center = coord[np.random.default_rng(1).integers(200)]
    distance = np.linalg.norm(coord - center, axis=1)
    assert len(kept) == 50
    assert np.array_equal(kept, np.sort(kept))
    assert distance[kept].max() <= np.delete(distance, kept).min()
    assert np.array_equal(crop(coord, 200, np.random.default_rng(1)), np.arange(200))
    assert np.array_equal(crop(coord, None, np.random.default_rng(1)), np.arange(200))


@given(st.integers(1, 80), st.integers(1, 80), st.integers(0, 5))
def test_a_crop_is_the_head_of_a_stable_sort_by_distance_also_among_equals(voxels, most, seed):
    coord = np.random.default_rng(seed).integers(0, 4, (voxels, 3)).astype(np.float32)
    kept = crop(coord, most, np.random.default_rng(seed))
    center = np.random.default_rng(seed).integers(voxels) if voxels > most else 0
    order = np.argsort(np.square(coord - coord[center]).sum(axis=1), kind="stable")
    assert kept.tolist() == (sorted(order[:most].tolist()) if voxels > most else [*range(voxels)])


def test_a_share_keeps_that_part_of_the_voxels_nearest_to_one_of_them(scene):
    whole = voxelise().train(scene, np.random.default_rng(0))
    part = voxelise(crop_share=0.6).train(scene, np.random.default_rng(0))
    assert len(part.grid) == int(0.6 * len(whole.grid))
    both = voxelise(crop_share=0.6, crop=50).train(scene, np.random.default_rng(0))
    assert len(both.grid) == 50
    assert set(map(tuple, both.grid.tolist())) < set(map(tuple, part.grid.tolist()))


def test_coordinates_are_a_channel_put_over_the_origin_or_as_they_are(scene):
    as_is = voxelise(channels=("coord",), center=False)
    for voxels in (as_is.train(scene, np.random.default_rng(0)), as_is.evaluate(scene)):
        assert set(map(tuple, voxels.feat.tolist())) <= set(map(tuple, scene.coord.tolist()))
    centred = voxelise(channels=("coord",)).evaluate(scene).feat
    low, high = scene.coord.min(axis=0), scene.coord.max(axis=0)
    middle = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]
    first = as_is.evaluate(scene).feat
    assert len(centred) == pytest.approx(len(first), rel=0.2)
    assert centred.max(axis=0) == pytest.approx(high - middle, abs=0.25)


def test_strength_is_a_channel_and_zero_where_a_scene_has_none(scene):
    sweep = replace(scene, strength=np.linspace(0, 1, 500, dtype=np.float32))
    voxels = voxelise(channels=("coord", "strength"), center=False).evaluate(sweep)
    assert voxels.feat.shape[1] == 4
    rows = {tuple(c): s for c, s in zip(sweep.coord.tolist(), sweep.strength.tolist(), strict=True)}
    assert [rows[tuple(c)] for c in voxels.feat[:, :3].tolist()] == voxels.feat[:, 3].tolist()
    assert not voxelise(channels=("strength",)).evaluate(scene).feat.any()


def test_evaluation_clamps_as_training_does_and_every_point_keeps_its_voxel(scene):
    box = (0.5, 0.5, 5.5, 2.0, 1.5, 6.5)
    clamp = voxelise(channels=("coord",), center=False, augment=(Rotate(), Clamp(box=box)))
    voxels = clamp.evaluate(scene)
    low, high = np.array(box, np.float32).reshape(2, 3)
    assert voxels.feat.min(axis=0).tolist() == low.tolist()
    assert voxels.feat.max(axis=0).tolist() == high.tolist()
    cells = np.floor(scene.coord.clip(low, high) / np.float32(0.2)).astype(int)
    assert np.array_equal(voxels.grid[voxels.inverse], cells - cells.min(axis=0))


INDOOR = (
    Center(),
    Dropout(share=0.5),
    Rotate(),
    Rotate(axis="x", angle=0.015625),
    Scale(),
    Flip(),
    Jitter(),
    ElasticDistortion(),
    ChromaticAutoContrast(share=0.5),
    ChromaticTranslation(),
    ChromaticJitter(),
)


def test_the_last_steps_that_tint_points_by_themselves_are_cut_off_and_no_others():
    tints = (ChromaticTranslation(), ChromaticJitter())
    assert cut((*INDOOR[:-2], *tints)) == (INDOOR[:-2], tints)
    assert cut((*tints, Jitter())) == ((*tints, Jitter()), ())
    assert cut(tints) == ((), tints)
    assert cut((ChromaticJitter(), ChromaticAutoContrast(), tints[0])) == (
        (ChromaticJitter(), ChromaticAutoContrast()),
        (tints[0],),
    )


def test_colours_that_are_tinted_after_the_crop_have_the_spread_of_their_law(scene):
    grey = replace(scene, color=np.full_like(scene.color, 128))
    whole = voxelise(channels=("color",), augment=(ChromaticJitter(share=1, std=0.05),), crop=400)
    feat = whole.train(grey, np.random.default_rng(0)).feat
    assert feat.std() == pytest.approx(0.05, rel=0.1)
    assert feat.mean() == pytest.approx(128 / 255, abs=0.01)


@pytest.mark.parametrize("epoch", range(6))
def test_the_indoor_chain_gives_finite_features_in_range_and_leaves_the_scene_alone(scene, epoch):
    before = [array.copy() for array in (scene.coord, scene.color, scene.normal, scene.segment)]
    whole = voxelise(channels=("color", "normal"), augment=INDOOR, crop=200)
    voxels = whole.train(scene, scene_generator(0, "scannet", epoch, scene.name))
    assert len(voxels.grid) == len(np.unique(voxels.grid, axis=0)) == 200
    assert voxels.feat[:, :3].min() >= 0
    assert voxels.feat[:, :3].max() <= 1
    assert np.linalg.norm(voxels.feat[:, 3:], axis=1) == pytest.approx(1, abs=1e-5)
    after = (scene.coord, scene.color, scene.normal, scene.segment)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_what_no_channel_reads_changes_no_byte(scene):
    bare = replace(scene, color=None, normal=None, strength=np.ones(500, np.float32))
    one, other = (
        voxelise(channels=("height",), augment=INDOOR).train(s, np.random.default_rng(3))
        for s in (scene, bare)
    )
    assert one.feat.tobytes() == other.feat.tobytes()
    assert one.grid.tobytes() == other.grid.tobytes()


def test_the_outdoor_chain_keeps_points_in_the_scaled_box_and_strength_with_its_point(scene):
    sweep = replace(scene, color=None, normal=None, strength=scene.segment.astype(np.float32) / 4)
    box = (-1.0, -1.0, 5.2, 1.0, 1.0, 6.0)
    chain = (Rotate(share=0.5), Clamp(box=box), Scale(), Flip(), Jitter())
    whole = voxelise(edge=0.05, channels=("coord", "strength"), center=False, augment=chain)
    for epoch in range(6):
        voxels = whole.train(sweep, scene_generator(0, "nuscenes", epoch, sweep.name))
        assert np.abs(voxels.feat[:, :2]).max() <= 1.1 + 0.02
        assert voxels.feat[:, 2].max() <= 6.6 + 0.02
        assert np.array_equal(voxels.feat[:, 3], voxels.label.astype(np.float32) / 4)
