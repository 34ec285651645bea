"""``ppt-dist predict`` on a scan of twenty million points, under a limit of memory."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

POINTS = 20_000_000
MOST_BYTES = 3 << 30
"""Of resident memory: torch and the model, the points, and one tile at a time."""


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """A hilly field of 50 x 40 metres with a colour that follows the height, as ``.npy``."""
    path = tmp_path_factory.mktemp("field") / "field.npy"
    table = np.lib.format.open_memmap(path, "w+", np.float32, (POINTS, 9))
    for start in range(0, POINTS, 1 << 20):
        part = table[start : start + (1 << 20)]
        xy = np.random.default_rng(start).random((len(part), 2), np.float32) * (50, 40)
        height = np.sin(xy / 3).sum(axis=1)
        part[:, :2], part[:, 2] = xy, height
        part[:, 3:6] = (height[:, None] + 2) * 60
        part[:, 6:] = (0, 0, 1)
    table.flush()
    return path


@pytest.mark.slow
def test_twenty_million_points_are_labelled_within_three_gigabytes(trained, field, tmp_path):
    program = Path(sys.executable).with_name("ppt-dist")
    command = (program, "predict", trained, field, "--domain", "s3dis", "--out", tmp_path)

    process = subprocess.Popen([*map(str, command)])
    _, status, usage = os.wait4(process.pid, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert usage.ru_maxrss * 1024 < MOST_BYTES
    label = np.load(tmp_path / "field.npy", mmap_mode="r", allow_pickle=False)
    assert label.shape == (POINTS,)
    assert 0 <= label.min() <= label.max() < 13
