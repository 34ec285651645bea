"""Grid sampling against a dictionary of cells."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppt_dist.scene.voxel import by_grid, grid_sample, occupied_voxels
from ppt_dist.section import BadInput


def points(n, seed=0):
    return (np.random.default_rng(seed).random((n, 3)) * 2 - 1).astype(np.float32)


def cells_by_hand(coord, edge):
    """Points of each cell, cells counted from the lowest on each axis."""
    cells = [tuple(math.floor(x / np.float32(edge)) for x in point) for point in coord]
    low = [min(cell[k] for cell in cells) for k in range(3)]
    found = {}
    for i, cell in enumerate(cells):
        found.setdefault(tuple(c - o for c, o in zip(cell, low, strict=True)), []).append(i)
    return found


@pytest.mark.parametrize("edge", [0.05, 0.3, 5.0])
def test_each_occupied_cell_has_one_row_that_leads_back_to_its_points(edge):
    coord = points(400)
    sample = grid_sample(coord, edge, np.random.default_rng(1))
    by_hand = cells_by_hand(coord, edge)
    assert [tuple(cell) for cell in sample.grid.tolist()] == sorted(by_hand)
    for row, cell in enumerate(sorted(by_hand)):
        assert sample.chosen[row] in by_hand[cell]
        assert np.flatnonzero(sample.inverse == row).tolist() == by_hand[cell]
    assert occupied_voxels(coord, edge) == len(by_hand)


def test_without_a_generator_the_first_point_of_each_cell_is_taken():
    coord = points(400)
    sample = grid_sample(coord, 0.3)
    assert sample.chosen.tolist() == [
        rows[0] for _, rows in sorted(cells_by_hand(coord, 0.3).items())
    ]


def test_each_point_of_a_cell_is_drawn_equally_often():
    coord = np.full((5, 3), 0.5, np.float32)
    rng = np.random.default_rng(0)
    drawn = np.bincount([grid_sample(coord, 1.0, rng).chosen[0] for _ in range(5000)], minlength=5)
    # Binomial, p = 1/5: 1000 expected, standard deviation 28.
    assert drawn.min() > 1000 - 5 * 28
    assert drawn.max() < 1000 + 5 * 28


def test_a_moved_scan_has_the_same_cells():
    coord = np.round(points(200) * 64) / 64  # exact in float32, also when moved by whole cells
    moved = grid_sample((coord + np.array([8, -4, 2])).astype(np.float32), 0.25)
    still = grid_sample(coord.astype(np.float32), 0.25)
    assert np.array_equal(moved.grid, still.grid)
    assert np.array_equal(moved.inverse, still.inverse)


def test_a_scan_without_points_has_no_cells():
    sample = grid_sample(np.zeros((0, 3), np.float32), 0.1)
    assert sample.grid.shape == (0, 3)
    assert occupied_voxels(np.zeros((0, 3), np.float32), 0.1) == 0


def test_a_scan_that_is_too_wide_for_its_voxels_is_refused_with_advice():
    coord = np.array([[0, 0, 0], [3e6, 0, 0]], np.float32)
    with pytest.raises(BadInput, match="use a larger voxel"):
        grid_sample(coord, 1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 7])
def test_a_coordinate_that_is_not_a_finite_number_is_refused(value, row):
    coord = points(20)
    coord[row, 1] = value
    with pytest.raises(BadInput, match="not finite numbers"):
        grid_sample(coord, 0.1)


@given(
    st.lists(st.tuples(*[st.integers(0, 2**w - 1) for w in (21, 3, 9)]), max_size=40),
    st.integers(0, 3),
)
def test_rows_are_grouped_by_cells_in_the_order_of_x_y_z(cells, seed):
    grid = np.array(cells, np.int32).reshape(-1, 3)
    groups = by_grid(grid)
    assert list(map(tuple, grid[groups.first_of_each()].tolist())) == sorted(set(cells))
    drawn = groups.one_of_each(np.random.default_rng(seed))
    assert list(map(tuple, grid[drawn].tolist())) == sorted(set(cells))


def test_draws_of_a_cell_are_those_of_the_first_day():
    coord = np.repeat(np.arange(8, dtype=np.float32), 5)[:, None] * np.ones(3, np.float32)
    rng = np.random.Generator(np.random.Philox(key=1))
    assert (grid_sample(coord, 1.0, rng).chosen % 5).tolist() == [1, 4, 0, 0, 4, 0, 3, 1]


def test_the_widest_scan_that_fits_keeps_its_cells():
    coord = np.array([[0, 0, 0], [2**21 - 1, 2**21 - 1, 2**21 - 1], [5, 0, 2**20]], np.float32)
    assert grid_sample(coord, 1.0).grid.tolist() == [[0, 0, 0], [5, 0, 2**20], [2**21 - 1] * 3]
