"""A vote on a scan of two million points, under a limit of memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.train.vote_memory import CLASSES, MOST, POINTS

A_POINT = 4 * CLASSES + 170
"""Bytes: the sums of softmax, and copies and orders of points."""


@pytest.mark.slow
def test_memory_is_a_matter_of_points_and_not_of_poses_and_fragments():
    words = [sys.executable, "-m", "tests.train.vote_memory"]
    root = Path(__file__).parents[2]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=True)
    taken, forwards, most = map(int, done.stdout.split())

    assert most <= MOST
    assert forwards > 100  # two poses, over twenty fragments each, in several tiles
    assert taken < POINTS * A_POINT
