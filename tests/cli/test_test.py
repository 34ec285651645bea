"""``ppt-dist test``: figures, keys, what is done stays done; mostly on scenes in memory."""

import json
import pickle
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from ppt_dist.cli import app
from ppt_dist.cli import test as command
from ppt_dist.cli.spreading import spreading
from ppt_dist.section import BadInput
from ppt_dist.shard.records import Records
from ppt_dist.train import tester
from ppt_dist.train.checkpoint import CheckpointStore
from tests.cli.stand_in import StandIn, make_manifest, make_run

QUICK = ("--protocol", "none")


def run_test(*words):
    """What the command prints as JSON, and what it tells."""
    result = CliRunner().invoke(app, ["test", *map(str, words), "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), result.stderr


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.npy")}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run's folder with two checkpoints of fresh models over two domains of three scenes each."""
    monkeypatch.setattr(tester.Records, "open", lambda *_: StandIn())
    return make_run(tmp_path, ("scannet", "s3dis"), (4, 12))


def test_every_domain_is_tested_by_its_official_protocol(run):
    table, told = run_test(run)

    assert list(table) == ["checkpoint", "digest", "split", "domains"]
    assert (table["checkpoint"], table["split"]) == ("step-00000012", "val")
    assert list(table["domains"]) == ["scannet", "s3dis"]
    assert list(table["domains"]["scannet"]) == [
        *("format", "checkpoint", "digest", "domain", "split", "protocol", "key", "poses"),
        *("miou", "macc", "allacc", "iou", "miou_present", "macc_present", "present", "points"),
        *("confusion", "scenes"),
    ]
    for domain, found in table["domains"].items():
        assert (found["protocol"], found["poses"]) == ("indoor", 13)
        folder = run / f"test/step-00000012-{domain}-val-indoor-{found['key']}"
        assert f"{domain}: 3 of 3 scenes tested: {folder}" in told
        assert json.loads((folder / "test.json").read_text()) == found


def test_the_figures_are_those_of_the_kept_predictions_on_all_points(run):
    found = run_test(run, *QUICK, "--domain", "s3dis")[0]["domains"]["s3dis"]

    (folder,) = (run / "test").iterdir()
    confusion = np.zeros((3, 3), int)
    for i in range(3):
        label = np.load(folder / f"scenes/s{i}.npy", allow_pickle=False)
        assert (label.dtype, len(label)) == (np.int16, 50 + i)
        true = StandIn()[i].segment
        np.add.at(confusion, (true[true >= 0], label[true >= 0]), 1)
    right, true, said = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    assert found["confusion"] == confusion.tolist()
    assert found["miou"] == pytest.approx((right / (true + said - right + 1e-10)).mean())
    assert found["macc"] == pytest.approx((right / (true + 1e-10)).mean())
    assert found["allacc"] == pytest.approx(right.sum() / true.sum())
    assert found["points"] == 50 + 51 + 52


def test_a_second_call_does_nothing_again_and_says_so(run):
    first, told = run_test(run, *QUICK)
    before, files = times(run), contents(run)
    again, told_again = run_test(run, *QUICK)

    assert "s3dis: 3 of 3 scenes tested: " in told
    assert "s3dis: all 3 scenes were tested before: " in told_again
    assert again == first
    assert times(run) == before
    assert contents(run) == files


def test_the_bytes_do_not_depend_on_who_does_the_scenes_and_in_which_order(run, monkeypatch):
    class Elsewhere:
        """Pieces and results travel, the last piece first, and each opens the run anew."""

        def __call__(self, work, pieces):
            for piece in reversed(pieces):
                tester._open.cache_clear()
                yield piece, pickle.loads(pickle.dumps(work(pickle.loads(pickle.dumps(piece)))))

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    run_test(run, *QUICK)
    alone = contents(run / "test")
    shutil.rmtree(run / "test")
    monkeypatch.setattr(command, "spreading", lambda _ray: Elsewhere())
    run_test(run, *QUICK)

    assert len(alone) == 2 * (2 + 2 * 3)  # what and figures; three scenes, each with its note
    assert contents(run / "test") == alone


def test_an_interrupted_test_goes_on_where_it_was(run, monkeypatch):
    calls, vote = [], tester.vote

    def dying(forward, scene, ballot):
        calls.append(scene.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return vote(forward, scene, ballot)

    monkeypatch.setattr(tester, "vote", dying)
    with pytest.raises((KeyboardInterrupt, AssertionError)):
        run_test(run, *QUICK, "--domain", "s3dis")
    done = times(run)
    assert [path.stem for path in done] == ["s0"]
    assert not list(run.glob("test/*/test.json"))

    _, told = run_test(run, *QUICK, "--domain", "s3dis")

    assert calls == ["s0", "s1", "s1", "s2"]
    assert "s3dis: 2 of 3 scenes tested" in told
    assert {path: at for path, at in times(run).items() if path in done} == done


@pytest.mark.parametrize("damage", ["cut", "foreign", "note"])
def test_a_prediction_that_is_damaged_or_of_something_else_is_made_again(run, damage):
    run_test(run, *QUICK, "--domain", "s3dis")
    good = contents(run / "test")
    first, second, _ = sorted(run.glob("test/*/scenes/*.npy"))
    if damage == "cut":
        first.write_bytes(first.read_bytes()[:-2])
    elif damage == "foreign":
        shutil.copy(second, first)
        shutil.copy(second.with_suffix(".json"), first.with_suffix(".json"))
    else:
        first.with_suffix(".json").write_text("{}")

    _, told = run_test(run, *QUICK, "--domain", "s3dis")

    assert "1 of 3 scenes tested" in told
    assert contents(run / "test") == good


def test_a_prediction_of_a_record_that_was_packed_anew_is_made_again(run, monkeypatch):
    run_test(run, *QUICK, "--domain", "s3dis")
    monkeypatch.setattr(StandIn, "crc32", (7, 8, 10))

    _, told = run_test(run, *QUICK, "--domain", "s3dis")

    assert "1 of 3 scenes tested" in told


def test_another_checkpoint_protocol_or_size_gives_a_folder_of_its_own(run):
    thin = run.parent / "none.toml"
    thin.write_text('name = "none"\nposes = [{}]\nbefore = { s3dis = 0.05 }\n')
    for words in (
        QUICK,
        (*QUICK, "--checkpoint", "step-00000004"),
        (*QUICK, "--most", 10**6),
        (*QUICK, "--margin", 9),
        ("--protocol", thin),
    ):
        _, told = run_test(run, "--domain", "s3dis", *words)
        assert "3 of 3 scenes tested" in told

    assert len(list((run / "test").iterdir())) == 5
    assert len({json.loads(p.read_text())["key"] for p in run.glob("test/*/test.json")}) == 5


def test_a_checkpoint_of_the_same_name_and_other_weights_is_tested_anew(run):
    run_test(run, "--domain", "s3dis", *QUICK)
    store = CheckpointStore(run, keep=2)
    found = store.load("step-00000012")
    store.save(12, store.load("step-00000004").state, found.facts)

    table, told = run_test(run, "--domain", "s3dis", *QUICK)

    assert table["checkpoint"] == "step-00000012"
    assert "3 of 3 scenes tested" in told
    assert len(list((run / "test").iterdir())) == 2


def test_a_folder_that_is_not_what_its_name_says_is_refused(run):
    run_test(run, "--domain", "s3dis", *QUICK)
    (what,) = run.glob("test/*/what.json")
    what.write_text("{}")

    with pytest.raises(BadInput, match="not what its folder is called after"):
        run_test(run, "--domain", "s3dis", *QUICK)


def test_what_is_not_known_is_refused_and_nothing_is_written(run):
    before = contents(run)
    for words, told in (
        (("--domain", "scanet"), "did you mean 'scannet'"),
        (("--protocol", "indor"), "did you mean 'indoor'"),
        (("--split", "vla"), "did you mean 'val'"),
        (("--checkpoint", "step-00000003"), "known: step-00000004"),
    ):
        with pytest.raises(BadInput, match=told):
            run_test(run, *words)
    assert contents(run) == before


def test_a_domain_that_no_protocol_lists_asks_for_one(tmp_path, monkeypatch):
    monkeypatch.setattr(tester.Records, "open", lambda *_: StandIn())
    run = make_run(tmp_path, ("office",), (1,))

    with pytest.raises(BadInput, match="no protocol lists the domain 'office'"):
        run_test(run)
    assert "3 of 3 scenes tested" in run_test(run, *QUICK)[1]


def test_data_packed_anew_with_other_facts_is_refused(run):
    path = run.parent / "shards/s3dis/manifest.json"
    path.write_text(make_manifest("s3dis").model_copy(update={"grid": 0.5}).to_json())

    with pytest.raises(BadInput, match=r"domains\.s3dis"):
        run_test(run)
    run_test(run, "--domain", "scannet", *QUICK)


def test_the_table_names_domain_and_protocol(run):
    words = ["test", str(run), "--domain", "scannet", *QUICK]
    result = CliRunner().invoke(app, words, catch_exceptions=False)

    assert "│ scannet │ none" in result.stdout


@pytest.mark.slow
def test_two_processes_test_a_trained_run_to_the_bytes_of_one(
    trained, packed, tmp_path, monkeypatch
):
    run = tmp_path / "mine"
    shutil.copytree(trained, run)
    table, _ = run_test(run, *QUICK)
    alone = contents(run / "test")
    for domain, found in table["domains"].items():
        records = Records.open(packed / domain, "val")
        label = np.load(next(run.glob(f"test/*-{domain}-*/scenes/*.npy")), allow_pickle=False)
        known = records[0].segment >= 0
        right = (label == records[0].segment)[known].mean()
        assert (found["allacc"], found["points"]) == (pytest.approx(right), records.points[0])
    shutil.rmtree(run / "test")
    monkeypatch.setattr(command, "spreading", lambda ray: spreading(ray, workers=2))
    run_test(run, *QUICK)

    assert contents(run / "test") == alone
