"""Passes over rows against numpy in double precision."""

import numpy as np
import pytest

from ppt_dist.scene.rows import bounds, clipped, mapped, scaled, squared_distances


@pytest.fixture
def rows():
    return (np.random.default_rng(1).standard_normal((500, 3)) * 9).astype(np.float32)


def test_bounds_are_the_least_and_greatest_of_each_column(rows):
    box = bounds(rows)
    assert np.array_equal(box.low, rows.min(axis=0))
    assert np.array_equal(box.high, rows.max(axis=0))
    assert box.middle() == pytest.approx((rows.min(axis=0) + rows.max(axis=0)) / 2)


def test_bounds_of_no_rows_are_zeros():
    assert [side.tolist() for side in bounds(np.zeros((0, 3), np.float32))] == [[0, 0, 0]] * 2


def test_a_map_is_the_matrix_product_and_the_shift(rows):
    rng = np.random.default_rng(2)
    matrix, shift = rng.standard_normal((3, 3)), rng.standard_normal(3)
    assert mapped(rows, matrix, shift) == pytest.approx(rows @ matrix.T + shift, abs=1e-4)


def test_scaling_by_one_or_minus_one_changes_no_bit_but_the_sign(rows):
    assert np.array_equal(scaled(rows, np.ones(3)), rows)
    sign = np.array([-1.0, 1.0, -1.0])
    assert np.array_equal(scaled(rows, sign), rows * sign.astype(np.float32))
    shift = np.array([1.0, 2.0, 3.0])
    assert np.array_equal(scaled(rows, np.ones(3), shift), rows + shift.astype(np.float32))


def test_distances_are_squares_of_euclids(rows):
    expected = np.square(rows - rows[3]).sum(axis=1)
    assert np.array_equal(squared_distances(rows, rows[3]), expected)


def test_each_column_is_clipped_to_its_own_range(rows):
    low, high = np.array([[-5, 0, -0.5], [5, 1, 20]], np.float32)
    assert np.array_equal(clipped(rows, low, high), rows.clip(low, high))


def test_no_pass_changes_the_rows_that_it_is_given(rows):
    before = rows.copy()
    rows.flags.writeable = False
    bounds(rows)
    mapped(rows, np.eye(3) * 2, np.ones(3))
    squared_distances(rows, rows[0])
    clipped(rows, rows[0], rows[1])
    assert np.array_equal(rows, before)
