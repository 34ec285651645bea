"""Augmentations of colour: levels from 0 to 255 in, as bytes or floats, and floats out."""

from dataclasses import replace

import numpy as np
import pytest

from ppt_dist.scene.augment.colour import (
    ChromaticAutoContrast,
    ChromaticJitter,
    ChromaticTranslation,
)

EACH = pytest.mark.parametrize(
    "augment",
    [ChromaticAutoContrast(share=1), ChromaticTranslation(share=1), ChromaticJitter(share=1)],
)


@EACH
def test_a_scene_without_colour_stays_as_it_is(scene, augment):
    bare = replace(scene, color=None)
    assert augment(bare, np.random.default_rng(0)) is bare


def dull(scene):
    """The scene with colours from 40 to 167."""
    return replace(scene, color=scene.color // 2 + 40)


@EACH
def test_colours_change_become_floats_and_nothing_else_moves(scene, augment):
    scene = dull(scene)
    changed = augment(scene, np.random.default_rng(0))
    assert changed.color.dtype == np.float32
    assert not np.array_equal(changed.color, scene.color)
    assert changed.coord is scene.coord
    assert changed.normal is scene.normal


@EACH
def test_white_and_black_do_not_wrap_around(scene, augment):
    for level, keeps in ((255, lambda c: c.min() > 100), (0, lambda c: c.max() < 155)):
        flat = replace(scene, color=np.full_like(scene.color, level))
        assert all(keeps(augment(flat, np.random.default_rng(s)).color) for s in range(20))


def levels(scene):
    assert scene.color is not None
    return scene.color


def change(augment, scene, rng):
    color = augment(scene, rng).color
    return color.astype(float) - scene.color


def test_a_translation_adds_one_offset_a_channel_within_its_ratio(scene):
    grey = replace(scene, color=np.full_like(scene.color, 128))
    rng = np.random.default_rng(0)
    shifts = []
    for _ in range(200):
        color = change(ChromaticTranslation(share=1, ratio=0.1), grey, rng)
        assert (color == color[0]).all()
        shifts.append(color[0])
    assert np.abs(shifts).max() <= 25.5
    assert np.ptp(shifts, axis=0).min() > 40
    # Uniform: variance of a third of the squared limit.
    assert np.std(shifts) == pytest.approx(25.5 / np.sqrt(3), rel=0.1)


def test_jitter_has_its_spread(scene):
    grey = replace(scene, color=np.full_like(scene.color, 128))
    noise = change(ChromaticJitter(share=1, std=0.05), grey, np.random.default_rng(0))
    assert noise.std() == pytest.approx(0.05 * 255, rel=0.1)
    assert abs(noise.mean()) < 2


def contrast(scene, rng, **options):
    color = ChromaticAutoContrast(share=1, **options)(scene, rng).color
    assert color is not None
    return color


def test_full_contrast_spreads_each_channel_over_the_whole_range_and_keeps_its_order(scene):
    scene = dull(scene)
    low, high = scene.color.min(axis=0).astype(float), scene.color.max(axis=0)

    full = contrast(scene, np.random.default_rng(0), blend=1)
    half = contrast(scene, np.random.default_rng(0), blend=0.5)

    stretched = (scene.color - low) / (high - low) * 255
    assert full.min(axis=0) == pytest.approx([0, 0, 0], abs=1e-4)
    assert full.max(axis=0) == pytest.approx([255, 255, 255], abs=1e-4)
    assert full == pytest.approx(stretched, abs=1e-3)
    assert half == pytest.approx((scene.color + stretched) / 2, abs=1e-3)


def test_contrast_draws_how_much_it_blends(scene):
    scene, rng = dull(scene), np.random.default_rng(0)
    tops = [contrast(scene, rng).max() for _ in range(200)]
    assert min(tops) < 175
    assert max(tops) > 247


def test_a_channel_of_one_value_stays_or_goes_dark_as_in_the_official_code(scene):
    scene.color[:, 1] = 90
    for flat, level in (("stays", 90), ("official", 90 * 0.25)):
        color = contrast(scene, np.random.default_rng(0), blend=0.75, flat=flat)
        assert color[:, 1] == pytest.approx(level)
        assert np.ptp(color[:, 0]) > 200


def test_a_scene_of_one_colour_stays_as_in_the_official_code(scene):
    grey = replace(scene, color=np.full_like(scene.color, 90))
    for flat in ("stays", "official"):
        assert ChromaticAutoContrast(share=1, flat=flat)(grey, np.random.default_rng(0)) is grey


def test_nothing_is_rounded_between_the_steps(scene):
    """Two translations of 0.4 levels are one of 0.8; with rounding they would be none."""
    color = replace(scene, color=np.full_like(scene.color, 128))
    rng, once = np.random.default_rng(0), ChromaticTranslation(share=1, ratio=0.4 / 255)
    one = levels(once(color, np.random.default_rng(0)))
    two = levels(once(once(color, rng), rng))
    offsets = np.random.default_rng(0)
    offsets.random()
    first = offsets.uniform(-0.4, 0.4, 3)
    offsets.random()
    second = offsets.uniform(-0.4, 0.4, 3)
    assert one[0] == pytest.approx(128 + first, abs=1e-4)
    assert two[0] == pytest.approx(128 + first + second, abs=1e-4)


@pytest.mark.parametrize("kind", [ChromaticAutoContrast, ChromaticTranslation, ChromaticJitter])
def test_a_share_of_none_changes_none(scene, kind):
    rng = np.random.default_rng(0)
    assert all(kind(share=0)(scene, rng) is scene for _ in range(20))
