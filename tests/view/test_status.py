"""Where a run stands, told from its events."""

import json
import time

import pytest
from typer.testing import CliRunner

from ppt_dist.cli import app
from ppt_dist.journal.journal import Journal
from ppt_dist.run import load_run
from ppt_dist.section import BadInput
from ppt_dist.train.folder import claim
from ppt_dist.view import status as view
from ppt_dist.view.status import runs_below, status
from tests.small_run import write_run_file


@pytest.fixture
def folder(tmp_path, packed):
    """A claimed run of ten steps."""
    run = load_run(write_run_file(tmp_path, packed, "mine", 10))
    claim(run)
    return run.folder


def write_steps(folder, attempt, steps):
    journal = Journal(folder, "rank-0", attempt)
    for step in steps:
        lots = [{"lot": step, "domain": "scannet", "loss": 1 / (step + 1), "voxels": 5}]
        journal.write("step", step=step, lots=lots)
        time.sleep(0.01)
    return journal


def finish(folder):
    path = folder / "evaluation/step-00000010.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"domains": {"scannet": {"miou": 0.5}}}))


def test_a_claimed_run_without_an_event_is_new(folder):
    found = status(folder)
    assert (found.state, found.step, found.steps, found.attempt) == ("new", 0, 10, 0)
    assert found.eta_seconds is None


def test_a_run_with_fresh_events_runs_and_its_time_left_follows_from_its_pace(folder):
    write_steps(folder, 1, range(4))
    found = status(folder)
    assert (found.state, found.step) == ("running", 4)
    assert found.seconds_a_step is not None
    assert found.seconds_a_step >= 0.01
    assert found.eta_seconds == pytest.approx(6 * found.seconds_a_step)
    assert found.losses == {"scannet": 0.25}


def test_a_run_that_has_just_stopped_is_stopped_and_one_that_evaluates_runs(folder):
    journal = write_steps(folder, 1, range(4))
    journal.write("stopped", step=4)
    assert status(folder).state == "stopped"
    assert status(folder).eta_seconds is None
    write_steps(folder, 2, range(4, 10)).write("scored", domain="scannet")
    assert status(folder).state == "running"


def test_after_a_restart_the_newest_attempt_counts(folder):
    write_steps(folder, 1, range(6))
    journal = write_steps(folder, 2, range(4, 5))
    journal.write("fault", text="a fetcher died")
    for name in ("step-00000002", "step-00000004", "step-00000006"):
        (folder / "checkpoints" / name).mkdir(parents=True)
    for name in ("step-00000002", "step-00000004"):
        (folder / "checkpoints" / name / "COMMIT.json").touch()
    found = status(folder)
    assert (found.step, found.attempt) == (5, 2)
    assert found.faults == ("a fetcher died",)
    assert found.checkpoint == "step-00000004"
    assert found.seconds_a_step is None


def test_a_run_that_was_quiet_for_too_long_is_stopped(folder, monkeypatch):
    write_steps(folder, 1, range(4))
    later = time.time() + view.QUIET + 1
    monkeypatch.setattr(view.time, "time", lambda: later)
    found = status(folder)
    assert found.state == "stopped"
    assert found.eta_seconds is None


def test_an_evaluation_after_the_last_step_means_finished(folder):
    write_steps(folder, 1, range(10))
    finish(folder)
    found = status(folder)
    assert (found.state, found.miou) == ("finished", {"scannet": 0.5})


def test_runs_lists_every_run_and_status_one_as_the_same_json(folder):
    write_steps(folder, 1, range(10))
    finish(folder)
    (folder.parent / "no-run").mkdir()
    assert list(runs_below(folder.parent)) == list(runs_below(folder)) == [folder]
    listed = CliRunner().invoke(app, ["runs", str(folder.parent), "--json"])
    single = CliRunner().invoke(app, ["status", str(folder), "--json"])
    (first,) = json.loads(listed.output)
    second = json.loads(single.output)
    assert first | {"quiet_seconds": 0} == second | {"quiet_seconds": 0}
    told = CliRunner().invoke(app, ["status", str(folder)]).output
    assert "finished" in told
    assert "10 of 10" in told


def test_a_folder_that_is_no_runs_and_a_torn_evaluation_are_refused(folder, tmp_path):
    for wrong in (tmp_path / "absent", tmp_path):
        with pytest.raises(BadInput, match="folder"):
            status(wrong)
    with pytest.raises(BadInput, match="is no folder"):
        list(runs_below(tmp_path / "absent"))
    finish(folder)
    (folder / "evaluation/step-00000010.json").write_text("{")
    with pytest.raises(BadInput, match=r"step-00000010\.json: not an evaluation"):
        status(folder)
