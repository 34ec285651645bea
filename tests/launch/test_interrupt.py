"""Ctrl-C: the run ends with a checkpoint of the step it was at, and goes on from there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ppt_dist.launch.interrupt import StopOnInterrupt
from tests.small_run import events_of, losses, write_run_file

PPT_DIST = Path(sys.executable).with_name("ppt-dist")


@pytest.mark.slow
def test_an_interrupted_local_run_keeps_every_step_it_took(packed, tmp_path):
    engine = {"stage": "plain", "ranks": 1}
    run_file = write_run_file(tmp_path, packed, "mine", 60, **engine)
    command = (PPT_DIST, "train", run_file, "--local")
    first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not any(e["event"] == "step" for e in _events(tmp_path / "mine")):
        assert first.poll() is None
        time.sleep(0.05)

    first.send_signal(signal.SIGINT)
    told = first.communicate(timeout=300)[1]
    again = subprocess.run(command, timeout=300, check=False)

    assert (first.returncode, again.returncode) == (130, 0)
    assert "the same command continues" in told
    begun, ended = (losses(tmp_path / "mine")["rank-0", attempt] for attempt in (1, 2))
    assert [*begun, *ended] == list(range(60))
    assert [e["step"] for e in events_of(tmp_path / "mine") if e["event"] == "stopped"] == [
        len(begun)
    ]
    assert not (tmp_path / "mine/stop").exists()


def _events(folder):
    return events_of(folder) if (folder / "events").exists() else []


def test_the_second_interrupt_becomes_a_sigterm_and_leaves_no_file(tmp_path):
    ended = []
    before = signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    try:
        with StopOnInterrupt(tmp_path / "stop"):
            os.kill(os.getpid(), signal.SIGINT)
            _until((tmp_path / "stop").exists)
            assert not ended
            os.kill(os.getpid(), signal.SIGINT)
            _until(lambda: bool(ended))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not (tmp_path / "stop").exists()


def _until(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
