import pytest

from ppt_dist.run import RunConfig, load_run
from tests.train.published.official import write_official_run


@pytest.fixture
def run(packed, tmp_path) -> RunConfig:
    """Of the model that `language_state` has."""
    return load_run(write_official_run(tmp_path, packed))
