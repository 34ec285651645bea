"""Grid sampling in test mode against its definition."""

import numpy as np
import pytest

from ppt_dist.scene.fragment import fragments
from ppt_dist.scene.voxel import grid_sample


def test_the_fragments_of_six_points_in_three_cells_are_those_worked_by_hand():
    x = [0.5, 2.5, 0.1, 1.5, 0.9, 2.1]  # cells of edge 1: 0, 2, 0, 1, 0, 2
    coord = np.array([(value, 0, 0) for value in x], np.float32)

    parts = fragments(coord, 1.0)

    assert parts.grid.tolist() == [[0, 0, 0], [1, 0, 0], [2, 0, 0]]
    assert [parts.points(f).tolist() for f in range(len(parts))] == [
        [0, 3, 1],
        [2, 3, 5],
        [4, 3, 1],
    ]


@pytest.mark.parametrize("edge", [0.05, 0.3, 5.0])
def test_every_fragment_covers_every_voxel_and_every_point_is_seen_about_equally_often(edge):
    coord = (np.random.default_rng(2).random((500, 3)) * 2 - 1).astype(np.float32)
    sample = grid_sample(coord, edge)
    count = np.bincount(sample.inverse)

    parts = fragments(coord, edge)
    taken = [parts.points(f) for f in range(len(parts))]

    assert np.array_equal(parts.grid, sample.grid)
    assert len(parts) == count.max()
    for points in taken:
        assert np.array_equal(sample.inverse[points], np.arange(len(count)))
    visits = np.bincount(np.concatenate(taken), minlength=len(coord))
    fair = count.max() / count[sample.inverse]
    assert (visits >= np.floor(fair)).all()
    assert (visits <= np.ceil(fair)).all()
    assert visits.min() >= 1


def test_a_scan_without_a_point_has_no_fragment():
    assert len(fragments(np.zeros((0, 3), np.float32), 0.1)) == 0
