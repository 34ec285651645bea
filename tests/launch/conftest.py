"""One Ray cluster for all tests of this folder, and the driver that works on it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ppt_dist.launch.cluster import LocalCluster
from ppt_dist.launch.spec import find_spec


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    with LocalCluster(find_spec("local"), tmp_path_factory.mktemp("cluster")) as running:
        yield running


def drive(cluster: LocalCluster, folder: Path, ranks: int, failures: int, work: str) -> str:
    """Run the driver's named ``work`` on the cluster; returns what it says of errors."""
    command = (Path(__file__).with_name("driver.py"), folder, ranks, failures, work)
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env=os.environ | cluster.client_env(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return "".join(line for line in done.stdout.splitlines(keepends=True) if "|" in line)
