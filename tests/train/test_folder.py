"""A run's folder: whose it is, and that a refusal writes nothing."""

import json
import shutil
import tomllib

import pytest
import tomli_w

from ppt_dist.run import load_run
from ppt_dist.section import BadInput
from ppt_dist.stream.asked import EraChange
from ppt_dist.train.checkpoint import name_of
from ppt_dist.train.folder import as_continued, claim, read_folder
from ppt_dist.train.ledger import gather
from ppt_dist.train.sources import course_of_run
from tests.small_run import write_run_file


@pytest.fixture
def run_file(tmp_path, packed):
    return write_run_file(tmp_path, packed, "mine", 4)


def changed(run_file, change):
    table = tomllib.loads(run_file.read_text())
    change(table)
    run_file.write_text(tomli_w.dumps(table))
    return load_run(run_file)


def tree(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(run):
    """What claiming says of bad input, having written nothing."""
    before = tree(run.folder.parent)
    with pytest.raises(BadInput) as error:
        claim(run)
    assert tree(run.folder.parent) == before
    return str(error.value)


def test_a_claimed_folder_holds_the_run_as_resolved(run_file):
    run = load_run(run_file)
    manifests = claim(run)
    assert set(manifests) == {"scannet", "s3dis"}
    assert read_folder(run.folder) == run


def test_the_same_run_claims_its_folder_again(run_file):
    run = load_run(run_file)
    claim(run)
    before = tree(run.folder)
    claim(run)
    assert tree(run.folder) == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t["domains"]["scannet"].update(weight=5), "domains.scannet.weight was 2, is 5"),
        (lambda t: t.update(seed=3), "seed was 0, is 3"),
        (lambda t: t.update(steps=9), "steps was 4, is 9"),
        (lambda t: t["domains"].pop("s3dis"), "domains.s3dis was"),
        (lambda t: t["optim"].update(rate=0.5), "optim.rate was 0.01, is 0.5"),
    ],
)
def test_a_change_of_what_is_trained_is_refused_with_the_key_and_both_values(
    run_file, change, told
):
    claim(load_run(run_file))
    said = refused(changed(run_file, change))
    assert told in said
    assert "give this one another name" in said


def test_a_change_of_how_it_is_trained_is_taken(run_file):
    claim(load_run(run_file))
    run = changed(run_file, lambda t: t["engine"].update(stage=3, ranks=1))
    claim(run)
    assert read_folder(run.folder).engine.stage == 3


def test_a_domain_without_manifest_is_refused_with_its_folder(run_file, tmp_path):
    run = changed(run_file, lambda t: t["domains"]["s3dis"].update(shards=str(tmp_path / "none")))
    said = refused(run)
    assert str(tmp_path / "none") in said
    assert "ppt-dist pack" in said


def test_a_folder_of_another_domain_is_refused_with_its_name(run_file, packed):
    run = changed(run_file, lambda t: t["domains"]["s3dis"].update(shards=str(packed / "scannet")))
    assert "holds domain 'scannet'" in refused(run)


def test_data_that_was_packed_anew_differently_is_refused(run_file, packed, tmp_path):
    shutil.copytree(packed / "s3dis", tmp_path / "s3dis")
    run = changed(run_file, lambda t: t["domains"]["s3dis"].update(shards=str(tmp_path / "s3dis")))
    claim(run)
    manifest = tmp_path / "s3dis" / "manifest.json"
    table = json.loads(manifest.read_text())
    table["title"] = "another"
    manifest.write_text(json.dumps(table))
    assert "the packed data of s3dis changed" in refused(run)


def test_checkpoints_without_a_run_file_are_left_alone(run_file):
    run = load_run(run_file)
    (run.folder / "checkpoints" / "step-00000002").mkdir(parents=True)
    assert "has checkpoints but no run.toml" in refused(run)


def test_a_folder_that_is_no_runs_is_refused(tmp_path):
    with pytest.raises(BadInput, match="is not a run's folder"):
        read_folder(tmp_path)


def committed(run, step):
    """As far as claiming looks at a checkpoint."""
    folder = run.folder / "checkpoints" / name_of(step)
    folder.mkdir(parents=True)
    (folder / "COMMIT.json").touch()


def weighed(run_file, scannet):
    """The run file with another mixture."""
    return changed(run_file, lambda t: t["domains"]["scannet"].update(weight=scannet))


def opened(run):
    return [(era.step, era.weights["scannet"]) for era in gather(run.folder).eras() if era.weights]


def test_another_mixture_at_a_restart_opens_an_era_and_keeps_the_weights_of_the_start(run_file):
    run = load_run(run_file)
    claim(run)
    committed(run, 2)
    claim(run)
    assert opened(run) == []
    for weight in (5, 7, 5, 5):  # each of them at the same step, as where nothing was trained since
        claim(weighed(run_file, weight))
        assert opened(run) == [(2, weight)]
    committed(run, 3)
    claim(weighed(run_file, 2))
    assert opened(run) == [(2, 5), (3, 2)]
    assert read_folder(run.folder) == run


def test_a_changed_mixture_is_told_before_it_is_entered(run_file):
    run = load_run(run_file)
    claim(run)
    committed(run, 2)
    begun, ledger = as_continued(weighed(run_file, 5))
    assert begun == run
    assert [(era.step, era.weights) for era in ledger.eras()] == [(2, {"scannet": 5, "s3dis": 1})]
    assert opened(run) == []


def test_a_plan_of_other_domains_than_the_folders_is_refused(run_file):
    claim(load_run(run_file))
    with pytest.raises(BadInput, match="over s3dis, scannet, this one is over s3dis: give"):
        as_continued(changed(run_file, lambda t: t["domains"].pop("scannet")))


def test_an_era_that_cannot_be_planned_is_refused_and_not_entered(run_file):
    def limited(table):
        table["domains"]["scannet"]["max_epochs"] = 0.1

    run = changed(run_file, limited)
    claim(run)
    committed(run, 2)
    alone = changed(run_file, lambda t: t["domains"]["s3dis"].update(weight=0))
    assert "max_epochs" in refused(alone)
    claim(run)
    assert opened(run) == []


def test_an_era_of_a_restart_keeps_the_lots_that_the_run_file_has_from_its_step_on(run_file):
    run = changed(run_file, lambda t: t.update(eras=[{"step": 2, "scenes": 3}]))
    manifests = claim(run)
    course = course_of_run(run, manifests, [EraChange(step=2, weights={"s3dis": 1})])
    assert course.eras[1].scenes == {"s3dis": 3}
