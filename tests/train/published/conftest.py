import tomllib

import pytest
import tomli_w

from ppt_dist.run import RunConfig, load_run
from tests.small_run import write_run_file

BACKBONE = {
    "stem_channels": 4,
    "stem_kernel": 5,
    "encoder_channels": [8, 12],
    "encoder_depths": [1, 2],
    "decoder_channels": [6, 10],
    "decoder_depths": [1, 1],
}
"""As `language_state` has it."""


@pytest.fixture
def run_file(packed, tmp_path):
    """A run over ScanNet and S3DIS whose model is that of `language_state`."""
    path = write_run_file(tmp_path, packed, "mine", 2, stage="plain", ranks=1)
    table = tomllib.loads(path.read_text())
    table["model"] |= {"backbone": BACKBONE, "channels": ["color", "normal"]}
    table["model"]["adapter"] = {"affine": True, "zero_init": False}
    table["model"]["prompt"] = {"length": 16}
    path.write_text(tomli_w.dumps(table))
    return path


@pytest.fixture
def run(run_file) -> RunConfig:
    return load_run(run_file)
