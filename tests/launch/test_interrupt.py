"""Ctrl-C: the run ends with a checkpoint of the step it was at, and goes on from there."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from ppt_dist.train.clock import PHASES
from tests.launch.scrape import scraped, value
from tests.small_run import events_of, losses, write_run_file

PPT_DIST = Path(sys.executable).with_name("ppt-dist")


class Interrupted(NamedTuple):
    folder: Path
    codes: tuple[int, int]
    """Of the interrupted command and of the one after it."""
    told: str
    page: str
    """Of its metrics, while it ran."""


@pytest.fixture(scope="module")
def run(packed, tmp_path_factory):
    """A local run that was interrupted when it had taken some steps, and continued."""
    folder = tmp_path_factory.mktemp("interrupted")
    run_file = write_run_file(folder, packed, "mine", 60, stage="plain", ranks=1)
    command = (PPT_DIST, "train", run_file, "--local")
    first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    page = ""
    deadline = time.monotonic() + 300
    while value(page, "ppt_steps_total", run="mine", rank="0") < 2:
        assert first.poll() is None
        assert time.monotonic() < deadline
        page = scraped(folder / "mine") or page
    first.send_signal(signal.SIGINT)
    told = first.communicate(timeout=300)[1]
    again = subprocess.run(command, timeout=300, check=False)
    return Interrupted(folder / "mine", (first.returncode, again.returncode), told, page)


@pytest.mark.slow
def test_an_interrupted_local_run_keeps_every_step_it_took(run):
    assert run.codes == (130, 0)
    assert "the same command continues" in run.told
    begun, ended = (losses(run.folder)["rank-0", attempt] for attempt in (1, 2))
    assert [*begun, *ended] == list(range(60))
    stopped = [e["step"] for e in events_of(run.folder) if e["event"] == "stopped"]
    assert stopped == [len(begun)]
    assert not (run.folder / "stop").exists()


@pytest.mark.slow
def test_a_local_run_serves_metrics_of_rank_and_run_that_its_events_bear_out(run):
    steps = [e for e in events_of(run.folder) if e["event"] == "step" and e["attempt"] == 1]
    taken = int(value(run.page, "ppt_steps_total", run="mine", rank="0"))
    lots = [lot for e in steps[:taken] for lot in e["lots"]]
    for domain in {lot["domain"] for lot in lots}:
        own = {"run": "mine", "rank": "0", "domain": domain}
        mine = [lot for lot in lots if lot["domain"] == domain]
        assert value(run.page, "ppt_points_total", **own) >= sum(lot["points"] for lot in mine) > 0
        assert value(run.page, "ppt_scenes_total", **own) >= 2 * len(mine)
    for phase in ("start", *PHASES):
        own = {"run": "mine", "rank": "0", "phase": phase}
        assert value(run.page, "ppt_phase_seconds_total", **own) >= 0
    assert value(run.page, "ppt_run_step", run="mine") >= taken
    assert value(run.page, "ppt_run_steps", run="mine") == 60
    assert not (run.folder / "metrics.json").exists()


@pytest.mark.slow
def test_a_request_to_stop_that_a_killed_run_left_does_not_stop_the_next(packed, tmp_path):
    run_file = write_run_file(tmp_path, packed, "mine", 3, stage="plain", ranks=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/stop").touch()

    done = subprocess.run((PPT_DIST, "train", run_file, "--local"), timeout=300, check=False)

    assert done.returncode == 0
    assert list(losses(tmp_path / "mine")["rank-0", 1]) == [0, 1, 2]


TWICE = """
import os, pathlib, signal, sys, time
from ppt_dist.launch.interrupt import StopOnInterrupt

def until(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)

file, ended = pathlib.Path(sys.argv[1]), []
signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
with StopOnInterrupt(file):
    os.kill(os.getpid(), signal.SIGINT)
    until(file.exists)
    assert not ended
    os.kill(os.getpid(), signal.SIGINT)
    until(lambda: ended)
assert not file.exists()
"""


def test_the_second_interrupt_becomes_a_sigterm_and_leaves_no_file(tmp_path):
    subprocess.run([sys.executable, "-c", TWICE, tmp_path / "stop"], check=True, timeout=120)


def test_where_no_file_can_be_written_the_first_interrupt_ends_at_once(tmp_path):
    program = TWICE.replace("until(file.exists)", "until(lambda: ended); sys.exit()")
    (tmp_path / "a file").touch()

    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "a file/stop"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip

    assert "stopping at once" in done.stderr
