"""Compiled kernels: kept on disk by processes at once, or made by each where nothing is kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import hashlib, warnings
import numpy as np
from ppt_dist.scene.augment.noise import noise
from ppt_dist.scene.group import group
rng = np.random.Generator(np.random.Philox(5))
drawn = noise(1000, 1.0, rng)
order = group((drawn[:, 0] ** 2 * 1000).astype(np.int64)).order
print(hashlib.sha256(drawn.tobytes() + order.tobytes()).hexdigest())
"""


def start(cache: Path, **environment: str) -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "NUMBA_CACHE_DIR": str(cache), **environment}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def kept(cache: Path) -> set[str]:
    return {path.name.split("-")[0] for path in cache.rglob("*.nbi")}


@pytest.mark.slow
def test_two_processes_compile_at_once_and_a_third_finds_what_they_kept(tmp_path):
    both = [start(tmp_path) for _ in range(2)]
    said = [process.communicate() for process in both]
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")}
    said.append(start(tmp_path).communicate())

    assert len({out for out, _ in said}) == 1
    assert said[0][0].strip()
    assert [err for _, err in said] == ["", "", ""]
    assert kept(tmp_path) == {"group._grouped", "group._sorted", "noise._noise"}
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")} == stamps


@pytest.mark.slow
def test_where_nothing_can_be_kept_a_process_says_so_once_and_computes_the_same(tmp_path):
    out, _ = start(tmp_path / "kept").communicate()
    # The one locator that is named takes no file on disk: as if no folder could be written to.
    poor = start(tmp_path / "poor", NUMBA_CACHE_LOCATOR_CLASSES="IPythonCacheLocator")
    same, told = poor.communicate()

    assert same == out
    assert told.count("Set NUMBA_CACHE_DIR to a folder that can be written") == 1
    assert not (tmp_path / "poor").exists()


def test_importing_compiles_nothing(tmp_path):
    script = "import ppt_dist.stream.voxelise, ppt_dist.scene.mix, ppt_dist.scene.fragment"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", script], env=environment, cwd=root, check=True)
    assert not list(tmp_path.rglob("*.nb?"))
