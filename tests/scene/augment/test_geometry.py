"""Augmentations that move points, each by a law that it must keep."""

import math

import numpy as np
import pytest

from ppt_dist.scene.augment.geometry import Center, Clamp, Flip, Jitter, Rotate, Scale, rotation
from ppt_dist.scene.scene import Scene


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def distances(scene):
    return np.linalg.norm(scene.coord[:, None].astype(float) - scene.coord[None], axis=-1)


def test_centre_puts_the_box_over_the_origin_and_its_floor_at_zero(scene, rng):
    low, high = (f(Center()(scene, rng).coord, axis=0) for f in (np.min, np.max))
    assert (low + high)[:2] == pytest.approx([0, 0], abs=1e-5)
    assert low[2] == 0
    kept = Center(floor=False)(scene, rng)
    assert np.array_equal(kept.coord[:, 2], scene.coord[:, 2])


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_a_turn_keeps_distances_and_turns_normals_like_points(scene, rng, axis):
    turned = Rotate(axis=axis)(scene, rng)
    assert not np.allclose(turned.coord, scene.coord, atol=1e-2)
    assert distances(turned) == pytest.approx(distances(scene), abs=1e-4)
    k = "xyz".index(axis)
    assert turned.coord[:, k] == pytest.approx(scene.coord[:, k], abs=1e-5)
    # The turn that takes differences of points to their images takes normals to theirs.
    before, after = np.diff(scene.coord, axis=0), np.diff(turned.coord, axis=0)
    turn = np.linalg.lstsq(before.astype(float), after.astype(float), rcond=None)[0]
    assert turned.normal == pytest.approx(scene.normal @ turn, abs=1e-4)


def test_a_turn_about_a_level_axis_keeps_the_middle_of_the_box_in_place(scene, rng):
    pivot = (scene.coord.min(axis=0) + scene.coord.max(axis=0)) / 2
    turned = Rotate(axis="x", angle=1 / 64)(scene, rng)
    radius = np.linalg.norm(scene.coord - pivot, axis=1)
    assert np.linalg.norm(turned.coord - pivot, axis=1) == pytest.approx(radius, abs=1e-4)


def test_rotations_are_right_handed():
    x, y, z = np.eye(3)
    assert rotation("z", np.pi / 2) @ x == pytest.approx(y)
    assert rotation("x", np.pi / 2) @ y == pytest.approx(z)
    assert rotation("y", np.pi / 2) @ z == pytest.approx(x)


def test_angles_fill_their_range_to_both_sides_and_stay_inside(scene):
    scene = scene.take(np.arange(1))
    rng = np.random.default_rng(0)
    angles = []
    for _ in range(500):
        turned = Rotate(angle=0.25)(scene, rng)
        a, b = (np.arctan2(s.coord[0, 1], s.coord[0, 0]) for s in (scene, turned))
        angles.append(b - a)
    assert np.abs(angles).max() <= np.pi / 4 + 1e-5
    assert min(angles) < -np.pi / 5 < np.pi / 5 < max(angles)


def test_angles_and_factors_have_the_moments_of_a_uniform_law(scene):
    one, rng = scene.take(np.arange(1)), np.random.default_rng(0)
    before = np.arctan2(one.coord[0, 1], one.coord[0, 0])
    turned = [Rotate(angle=0.25)(one, rng).coord[0] for _ in range(3000)]
    angles = np.array([np.arctan2(y, x) - before for x, y, _ in turned])
    factors = np.array([Scale()(one, rng).coord[0, 0] / one.coord[0, 0] for _ in range(3000)])
    for drawn, low, high in ((angles, -np.pi / 4, np.pi / 4), (factors, 0.9, 1.1)):
        width = high - low
        spread = width / np.sqrt(12)
        assert drawn.mean() == pytest.approx((low + high) / 2, abs=5 * spread / np.sqrt(3000))
        assert drawn.std() == pytest.approx(spread, rel=0.05)
        assert low - 1e-5 <= drawn.min() <= drawn.max() <= high + 1e-5


def test_so_many_scenes_are_turned_as_the_share_says_and_of_each_axis_by_itself(scene):
    one, rng = scene.take(np.arange(2)), np.random.default_rng(0)
    turns = [Rotate(axis=axis, share=0.5) for axis in ("x", "y")]
    done = np.array([[turn(one, rng) is not one for turn in turns] for _ in range(2000)])
    # Binomial: standard deviation 0.011 of a share, 0.0097 of that of both.
    assert done.mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.055)
    assert done.all(axis=1).mean() == pytest.approx(0.25, abs=0.05)


def test_either_axis_is_mirrored_as_often_as_the_share_says_whatever_the_other_is(scene):
    one, rng = scene.take(np.arange(1)), np.random.default_rng(0)
    flips = np.array([Flip(share=0.25)(one, rng).coord[0] / one.coord[0] for _ in range(4000)])
    mirrored = flips[:, :2] < 0
    # Binomial: standard deviation 0.007 of a share, 0.004 of that of both.
    assert mirrored.mean(axis=0) == pytest.approx([0.25, 0.25], abs=0.035)
    assert mirrored.all(axis=1).mean() == pytest.approx(0.0625, abs=0.02)


def test_one_factor_scales_all_axes(scene, rng):
    factor = Scale(low=0.5, high=0.6)(scene, rng).coord / scene.coord
    assert np.ptp(factor) < 1e-6
    assert 0.5 <= factor.mean() <= 0.6


def test_a_flip_mirrors_x_and_y_of_points_and_normals_independently_and_never_z(scene):
    rng, signs = np.random.default_rng(0), set()
    for _ in range(64):
        flipped = Flip()(scene, rng)
        sign = flipped.coord[0] / scene.coord[0]
        assert np.array_equal(flipped.coord, scene.coord * sign)
        assert flipped.normal is not None
        assert np.array_equal(flipped.normal, scene.normal * sign)
        signs.add(tuple(sign.tolist()))
    assert signs == {(1, 1, 1), (-1, 1, 1), (1, -1, 1), (-1, -1, 1)}


def test_jitter_moves_each_point_by_at_most_its_clip(scene, rng):
    moved = Jitter(sigma=0.02, clip=0.03)(scene, rng).coord - scene.coord
    assert np.abs(moved).max() == pytest.approx(0.03, abs=1e-5)
    assert len(np.unique(moved)) > 300


def test_jitter_has_the_law_of_a_normal_whose_tails_are_moved_to_the_clip():
    points = Scene("a", np.zeros((50_000, 3), np.float32), *labels(50_000))
    moved = Jitter(sigma=0.02, clip=0.03)(points, np.random.default_rng(0)).coord
    at_clip = math.erfc(1.5 / math.sqrt(2))
    density = math.exp(-(1.5**2) / 2) / math.sqrt(2 * math.pi)
    variance = (1 - at_clip) - 2 * 1.5 * density + 1.5**2 * at_clip
    assert np.isclose(np.abs(moved), 0.03).mean() == pytest.approx(at_clip, rel=0.03)
    assert moved.std() == pytest.approx(0.02 * math.sqrt(variance), rel=0.01)
    assert abs(moved.mean()) < 5 * 0.02 / math.sqrt(moved.size)


def labels(points):
    return np.zeros(points, np.int16), np.zeros(points, np.int32)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_none_turns_none_and_of_all_turns_all(scene, share):
    rng = np.random.default_rng(0)
    turned = [Rotate(share=share)(scene, rng) is not scene for _ in range(20)]
    assert turned == [bool(share)] * 20


@pytest.mark.parametrize("augment", [Rotate(), Rotate(axis="x"), Scale(), Flip(), Jitter()])
def test_the_same_generator_gives_the_same_bytes_and_labels_stay(scene, augment):
    one, two = (augment(scene, np.random.default_rng(9)) for _ in range(2))
    assert one.coord.tobytes() == two.coord.tobytes()
    assert one.coord.dtype == np.float32
    assert one.segment is scene.segment
    assert one.color is scene.color


def test_clamping_moves_points_to_the_faces_and_drops_none(scene, rng):
    box = (10.5, -19.5, 1.5, 12.0, -18.0, 2.0)
    clamped = Clamp(box=box)(scene, rng)
    assert len(clamped) == len(scene)
    assert clamped.segment is scene.segment
    for axis, (low, high) in enumerate(zip(box[:3], box[3:], strict=True)):
        before, after = scene.coord[:, axis], clamped.coord[:, axis]
        inside = (before > low) & (before < high)
        assert np.array_equal(after[inside], before[inside])
        assert set(after[~inside].tolist()) == {low, high}


def test_a_box_without_room_is_refused_and_so_is_none_at_all(scene, rng):
    with pytest.raises(ValueError, match="least x, y, z and then the greatest"):
        Clamp(box=(0, 0, 1, 5, 5, 1))
    with pytest.raises(ValueError, match="given no box"):
        Clamp()(scene, rng)
