"""Kill -9, of fetchers and of whole ranks, at random instants: the stream's bytes stay the same."""

import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.stream.kill import STEPS

ROUNDS = 20
DEADLINE = 500.0
"""Seconds; a machine that others share is slow."""


def start(packed, note, processes):
    command = [sys.executable, "-m", "tests.stream.kill", packed, note, str(processes)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.DEVNULL)


def lines(note):
    return note.read_bytes().count(b"\n") if note.exists() else 0


def fetchers(rank):
    """Its loading processes; spawn's resource tracker is none."""
    found = psutil.Process(rank.pid).children()
    return [child for child in found if "spawn_main" in " ".join(child.cmdline())]


@pytest.mark.slow
def test_twenty_kills_at_random_instants_change_no_byte(packed, tmp_path):
    calm, shaken = tmp_path / "calm", tmp_path / "shaken"
    assert start(packed, calm, 0).wait(DEADLINE) == 0
    draw, until = random.Random(7), time.monotonic() + DEADLINE
    rank, killed = start(packed, shaken, 2), 0
    seen = 0
    while rank.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.002)
        if lines(shaken) < seen + draw.randrange(1, 12) or killed >= ROUNDS:
            continue
        time.sleep(draw.random() / 20)
        seen, victims = lines(shaken), fetchers(rank)
        if killed % 4 == 3:
            rank.kill()
            rank.wait()
            rank = start(packed, shaken, 2)
        elif victims:
            draw.choice(victims).kill()
        killed += 1
    assert rank.returncode == 0
    assert killed == ROUNDS
    assert lines(shaken) == STEPS
    assert shaken.read_bytes() == calm.read_bytes()
