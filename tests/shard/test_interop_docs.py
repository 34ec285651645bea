"""Every Python block of docs/record-format.md runs as it stands."""

import os
import re
import subprocess
import sys

import pytest

from tests.fuzz import ROOT

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/record-format.md").read_text(), re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split()[1])
def test_a_block_of_the_document_runs_and_prints_something_of_a_scene(packed, tmp_path, block):
    (tmp_path / "shards").symlink_to(packed)
    place = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", block]

    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | place, capture_output=True, text=True, timeout=300
    )

    assert done.returncode == 0, done.stderr
    assert "Area_1-" in done.stdout or "100, 3" in done.stdout
