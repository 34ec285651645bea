"""The command over a real checkpoint; packed records are stood in for by scenes in memory."""

import json

import pytest
from typer.testing import CliRunner

from ppt_dist.cli import app
from ppt_dist.section import BadInput
from ppt_dist.train import scenes
from tests.cli.stand_in import NAMES, StandIn, make_manifest, make_run


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run's folder with one checkpoint of a fresh model over two domains."""
    monkeypatch.setattr(scenes.Records, "open", lambda *_: StandIn())
    return make_run(tmp_path, ("a", "b"), (12,))


def test_the_printed_json_is_the_written_file_and_scores_every_domain(run):
    result = CliRunner().invoke(app, ["evaluate", str(run), "--json"], catch_exceptions=False)

    printed = json.loads(result.stdout)
    assert json.loads((run / "evaluation" / "step-00000012.json").read_text()) == printed
    assert list(printed["domains"]) == ["a", "b"]
    assert printed["domains"]["a"]["points"] == 50 + 51 + 52
    assert {"miou", "macc", "allacc", "iou"} <= printed["domains"]["a"].keys()
    assert list(printed["domains"]["a"]["iou"]) == list(NAMES)


def test_the_forest_is_scored_beside_the_model_when_asked_for(run):
    arguments = ["evaluate", str(run), "--forest", "--json"]

    printed = json.loads(CliRunner().invoke(app, arguments, catch_exceptions=False).stdout)

    assert printed["forest"].keys() == printed["domains"].keys()
    assert printed["forest"]["a"]["miou_present"] > 0.9  # it is scored on what it learnt


def test_the_table_names_each_domain(run):
    result = CliRunner().invoke(app, ["evaluate", str(run)], catch_exceptions=False)

    assert all(f"│ {name} " in result.stdout for name in ("a", "b"))


def test_data_packed_anew_with_other_facts_is_refused(run):
    path = run.parent / "shards" / "b" / "manifest.json"
    path.write_text(make_manifest("b").model_copy(update={"grid": 0.5}).to_json())

    result = CliRunner().invoke(app, ["evaluate", str(run)])

    assert isinstance(result.exception, BadInput)
    assert "domains.b" in str(result.exception)
