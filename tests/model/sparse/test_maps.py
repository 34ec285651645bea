"""Kernel maps: literal tables, a brute-force oracle, and what they refuse."""

import pytest
import torch

from ppt_dist.model.sparse.maps import BITS, SCENES, stride2_table, submanifold_table
from ppt_dist.section import BadInput
from tests.model.sparse.cases import voxels


def cells(*rows):
    return torch.tensor(rows, dtype=torch.int32)


def alone(count):
    return torch.zeros(count, dtype=torch.int64)


def test_taps_run_over_x_then_y_then_z():
    grid = cells([1, 1, 1], [1, 1, 2], [1, 2, 1], [2, 1, 1])
    table = submanifold_table(grid, alone(4), 3).forward
    assert table.dtype == torch.int32
    found = {tap: int(v) for tap, v in enumerate(table[0]) if v < 4}
    assert found == {13: 0, 14: 1, 16: 2, 22: 3}


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_submanifold_table_equals_a_search_over_all_pairs(kernel):
    grid, scene = voxels(50, 0, 30)
    place = {
        (int(s), *cell): i for i, (s, cell) in enumerate(zip(scene, grid.tolist(), strict=True))
    }
    reach = range(-(kernel // 2), kernel // 2 + 1)
    steps = [(x, y, z) for x in reach for y in reach for z in reach]
    expected = [
        [place.get((int(s), x + dx, y + dy, z + dz), 80) for dx, dy, dz in steps]
        for s, (x, y, z) in zip(scene, grid.tolist(), strict=True)
    ]
    assert submanifold_table(grid, scene, kernel).forward.tolist() == expected


def test_backward_table_lists_the_same_pairs_as_the_forward_one():
    grid, scene = voxels(60, 20)
    for pairs in (submanifold_table(grid, scene, 3), stride2_table(grid, scene)[2]):
        there = {(o, t, int(i)) for o, row in enumerate(pairs.forward) for t, i in enumerate(row)}
        back = {(int(o), t, i) for i, row in enumerate(pairs.backward) for t, o in enumerate(row)}
        assert {p for p in there if p[2] < pairs.inputs} == {
            p for p in back if p[0] < pairs.outputs
        }


def test_stride2_cells_are_ordered_by_scene_x_y_z_and_taps_are_the_low_bits():
    grid, scene = cells([5, 4, 4], [4, 4, 5], [0, 1, 0], [4, 4, 4]), torch.tensor([0, 0, 1, 0])
    coarse, coarse_scene, down = stride2_table(grid, scene)
    assert coarse.dtype == torch.int32
    assert coarse.tolist() == [[2, 2, 2], [0, 0, 0]]
    assert coarse_scene.tolist() == [0, 1]
    assert down.forward.tolist() == [[3, 1, 4, 4, 0, 4, 4, 4], [4, 4, 2, 4, 4, 4, 4, 4]]


def test_a_shared_cell_is_refused_by_name():
    grid = cells([3, 1, 2], [0, 0, 0], [3, 1, 2])
    with pytest.raises(BadInput, match=r"\[3, 1, 2\]"):
        submanifold_table(grid, alone(3), 3)


def test_the_same_cell_of_two_scenes_is_no_duplicate():
    grid = cells([3, 1, 2], [3, 1, 2])
    table = submanifold_table(grid, torch.tensor([0, 1]), 3).forward
    assert int((table < 2).sum()) == 2


@pytest.mark.parametrize("bad", [-1, (1 << BITS) - 16])
def test_a_coordinate_beyond_the_packed_range_is_refused_with_the_range(bad):
    grid = cells([0, bad, 0])
    for build in (
        lambda: submanifold_table(grid, alone(1), 3),
        lambda: stride2_table(grid * 2, alone(1)),
    ):
        with pytest.raises(BadInput, match=f"{bad}.*0 to {(1 << BITS) - 17}"):
            build()


def test_the_largest_coordinates_keep_scenes_and_axes_apart():
    top = (1 << BITS) - 17
    grid, scene = cells([top, top, top], [0, 0, 0], [top, 0, 0]), torch.tensor([0, 1, SCENES - 1])
    assert int((submanifold_table(grid, scene, 17).forward < 3).sum()) == 3


def test_more_scenes_than_a_key_can_tell_apart_are_refused():
    with pytest.raises(BadInput, match=f"at most {SCENES}"):
        submanifold_table(cells([0, 0, 0]), torch.tensor([SCENES]), 3)


@pytest.mark.parametrize("kernel", [2, 19])
def test_a_kernel_without_a_middle_or_wider_than_the_margin_is_refused(kernel):
    with pytest.raises(ValueError, match=f"kernel {kernel}"):
        submanifold_table(cells([0, 0, 0]), alone(1), kernel)
