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


def changed(run_file, tmp_path, change):
    table = tomllib.loads(run_file.read_text())
    change(table)
    path = tmp_path / "changed.toml"
    path.write_text(tomli_w.dumps(table))
    return path


def test_explained_shares_in_scenes_and_points_and_their_rounding_are_those_of_the_records(
    run_file, tmp_path, packed
):
    def change(table):
        table["lots"] |= {"unit": "points"}
        table["domains"]["s3dis"] |= {"weight": 0.7, "scenes": 1}
        table["domains"]["scannet"] |= {"weight": 0.3}

    path = changed(run_file, tmp_path, change)
    table = plan(path, "--explain")
    rows, (asked,) = table["domains"], table["explain"]["asked"]
    points = {}
    for name, row in rows.items():
        records = Records.open(packed / name, "train")
        points[name] = row["draws"] * records.points.sum() / len(records)
        assert row["draws"] == row["lots"] * {"scannet": 3, "s3dis": 1}[name]
    for name, row in rows.items():
        assert row["share_of_points"] == pytest.approx(points[name] / sum(points.values()))
        assert asked["share"][name] == pytest.approx(row["share_of_points"], abs=0.05)
        assert abs(asked["error"][name]) < 0.005
    assert asked["asked"] == {"scannet": 0.3, "s3dis": 0.7}
    assert sum(row["lots"] for row in rows.values()) == 60


def test_explained_eras_and_limits_are_those_of_the_run(run_file, tmp_path):
    def change(table):
        table["eras"] = [{"step": 10, "weights": {"s3dis": 1}}, {"step": 20, "scenes": 2}]
        table["domains"]["scannet"]["max_epochs"] = 6  # 12 draws of 2 scenes: 4 lots of 3
        table["domains"]["scannet"]["weight"] = 1

    table = plan(changed(run_file, tmp_path, change), "--explain")
    assert [era["step"] for era in table["explain"]["eras"]] == [0, 4, 10, 20]
    assert [sorted(era["period"]) for era in table["explain"]["eras"]][:2] == [
        ["s3dis", "scannet"],
        ["s3dis"],
    ]
    assert table["domains"]["scannet"]["epochs"] == 6.0
    draws = table["domains"]["s3dis"]["draws"]
    assert draws == (40 - 4) * 3 + 20 * 2


def test_explained_loads_are_told_for_each_number_of_ranks(run_file, packed):
    explained = plan(run_file, "--explain", "--ranks", "1,3")["explain"]
    assert explained["efficiency"]["1"] == {"all": 1.0, "scannet": 1.0, "s3dis": 1.0}
    assert all(0.3 < part < 1 for part in explained["efficiency"]["3"].values())
    points = Records.open(packed / "scannet", "train").points
    assert explained["voxels"]["3"]["scannet"] == max(points)
    assert explained["voxels"]["1"]["scannet"] >= points.sum()


def test_explained_bytes_are_those_of_the_tars(run_file, packed):
    table = plan(run_file, "--explain", "--pace", 2.0)
    sizes = {
        name: Records.open(packed / name, "train").manifest.splits["train"] for name in WEIGHTS
    }
    whole = {name: sum(shard.size for shard in split.shards) for name, split in sizes.items()}
    found = table["explain"]["bytes"]
    draws = {name: row["draws"] for name, row in table["domains"].items()}
    a_step = sum(draws[n] * whole[n] / sizes[n].scenes for n in draws) / 30
    assert found["a_step"] == pytest.approx(a_step)
    assert found["a_second"] == pytest.approx(2 * a_step)
    assert found["all"] == sum(whole.values())
    assert min(whole.values()) / 2 < found["in_flight"] <= sum(whole.values()) * 1.001


def test_tables_say_what_the_json_says(run_file):
    result = CliRunner().invoke(app, ["plan", str(run_file), "--explain", "--ranks", "1,3"])
    assert result.exit_code == 0, result.output
    for words in ("weights, by era", "load of ranks", "how random", "read for a step"):
        assert words in result.output


def test_numbers_of_ranks_that_lots_are_too_small_for_are_left_out_with_the_reason(run_file):
    result = CliRunner().invoke(app, ["plan", str(run_file), "--explain", "--ranks", "1,64"])
    assert result.exit_code == 0, result.output
    assert "left out: engine.ranks is 64, but the smallest micro-lot has 3 scenes" in result.output
    assert "load of ranks" in result.output


def test_a_step_is_shown_for_one_number_of_ranks(run_file):
    with pytest.raises(BadInput, match="several are for --explain"):
        plan(run_file, "--ranks", "1,2")


@pytest.mark.parametrize("ranks", ["4,5", "0", "two", "1,,3"])
def test_numbers_of_ranks_that_cannot_be_are_refused(run_file, ranks):
    with pytest.raises(BadInput, match=r"3 scenes|give a number of ranks"):
        plan(run_file, "--explain", "--ranks", ranks)


def test_a_budget_that_lots_exceed_is_refused_before_anything_starts(run_file, tmp_path):
    path = changed(run_file, tmp_path, lambda t: t.update(engine={"budget": 1000}))
    with pytest.raises(BadInput, match=r"may meet on one of 1 ranks.*engine.budget is 1,000"):
        plan(path)
