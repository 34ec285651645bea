"""One Ray cluster for all tests of this folder."""

import pytest

from ppt_dist.launch.cluster import LocalCluster
from ppt_dist.launch.spec import find_spec


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    with LocalCluster(find_spec("local"), tmp_path_factory.mktemp("cluster")) as running:
        yield running
