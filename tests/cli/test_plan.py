"""``ppt-dist plan``: what a run will see, told before it is started."""

import json
import tomllib

import pytest
import tomli_w
from typer.testing import CliRunner

from ppt_dist.cli import app
from ppt_dist.section import BadInput
from ppt_dist.shard.records import Records
from tests.cli.test_evaluate import RUN

WEIGHTS = {"scannet": 2, "s3dis": 1}


@pytest.fixture(scope="module")
def run_file(tmp_path_factory, packed):
    """A run of 30 steps of 2 lots of 3 scenes over two packed domains."""
    path = tmp_path_factory.mktemp("plan") / "run.toml"
    changes = {
        "steps": 30,
        "domains": {
            name: {"shards": str(packed / name), "weight": weight}
            for name, weight in WEIGHTS.items()
        },
        "lots": {"scenes": 3, "a_step": 2},
    }
    path.write_text(tomli_w.dumps(RUN | changes))
    return path


def plan(*arguments):
    result = CliRunner().invoke(app, ["plan", *map(str, arguments), "--json"])
    if isinstance(result.exception, BadInput):
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_shares_are_the_weights_and_epochs_are_draws_by_scenes(run_file, packed):
    domains = plan(run_file)["domains"]
    for name, weight in WEIGHTS.items():
        scenes = len(Records.open(packed / name, "train"))
        assert domains[name]["share"] == weight / 3
        assert domains[name]["lots"] == 60 * weight // 3
        assert domains[name]["epochs"] == 60 * weight // 3 * 3 / scenes


def test_the_ranks_of_a_step_share_its_lots_scenes_and_other_ranks_the_same_ones(run_file, packed):
    def scenes(table):
        return [
            sorted((s["id"], s["epoch"]) for part in lot["micro"][0] for s in part["scenes"])
            for lot in table["step"]["lots"]
        ]

    one, three = (plan(run_file, "--step", 7, "--ranks", ranks) for ranks in (1, 3))
    assert scenes(one) == scenes(three)
    assert [len(lot) for lot in scenes(one)] == [3, 3]
    for lot in three["step"]["lots"]:
        assert [part["rank"] for part in lot["micro"][0]] == [0, 1, 2]
        assert all(len(part["scenes"]) == 1 for part in lot["micro"][0])
        names = Records.open(packed / lot["domain"], "train").names
        assert all(s["id"] in names for part in lot["micro"][0] for s in part["scenes"])


def test_a_step_after_the_last_and_more_ranks_than_scenes_are_refused(run_file):
    with pytest.raises(BadInput, match="steps 0 to 29"):
        plan(run_file, "--step", 30)
    with pytest.raises(BadInput, match=r"4.*3 scenes"):
        plan(run_file, "--ranks", 4)


def test_mixed_scenes_are_told_as_pairs_and_stay_among_the_scenes_of_their_rank(run_file, tmp_path):
    table = tomllib.loads(run_file.read_text())
    table["lots"] |= {"scenes": 5, "mix": 1.0}
    path = tmp_path / "mixed.toml"
    path.write_text(tomli_w.dumps(table))
    for lot in plan(path, "--step", 7, "--ranks", 2)["step"]["lots"]:
        (ranks,) = lot["micro"]
        assert sum(len(part["mixed"]) for part in ranks) == 2
        assert sum(len(part["scenes"]) for part in ranks) == 5
        for part in ranks:
            ids = [s["id"] for s in part["scenes"]]
            assert all(scene in ids for pair in part["mixed"] for scene in pair)
    for part in plan(run_file)["step"]["lots"][0]["micro"][0]:
        assert part["mixed"] == []
