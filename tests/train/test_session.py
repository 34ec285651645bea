"""A run killed in one process: what continues it, and how."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from ppt_dist.journal.journal import EVENTS
from tests.small_run import events_of, losses, write_run_file

pytestmark = pytest.mark.slow

STEPS = 40
COMMAND = (Path(sys.executable).with_name("ppt-dist"), "train")


def killed(run_file, *options):
    """Start the run and kill it after its sixth step; returns its folder."""
    folder = run_file.with_suffix("")
    process = subprocess.Popen([*COMMAND, run_file, "--local", *options])
    events = folder / EVENTS / "rank-0-1.jsonl"
    deadline = time.monotonic() + 300
    while not (events.exists() and b'"step": 6,' in events.read_bytes()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    return folder


def train(run_file, *options):
    subprocess.run([*COMMAND, run_file, "--local", *options], check=True, timeout=300)
    return run_file.with_suffix("")


@pytest.fixture(scope="module")
def calm(packed, tmp_path_factory):
    """An undisturbed run of plain PyTorch on one rank."""
    folder = tmp_path_factory.mktemp("calm")
    return train(write_run_file(folder, packed, "calm", STEPS, ranks=1), "--stage", "plain")


def test_a_killed_run_continues_with_the_same_bits(calm, packed, tmp_path):
    run_file = write_run_file(tmp_path, packed, "again", STEPS, ranks=1)
    folder = killed(run_file, "--stage", "plain")
    train(run_file, "--stage", "plain")
    whole, ended = losses(calm)["rank-0", 1], losses(folder)["rank-0", 2]
    assert 6 <= min(ended) < STEPS
    assert ended == {step: whole[step] for step in range(min(ended), STEPS)}
    name = f"checkpoints/step-{STEPS:08d}/tensors.safetensors"
    assert (folder / name).read_bytes() == (calm / name).read_bytes()


def test_another_engine_continues_a_checkpoint_with_the_losses_of_the_first(calm, packed, tmp_path):
    run_file = write_run_file(tmp_path, packed, "other", STEPS, ranks=1)
    folder = killed(run_file, "--stage", "2")
    train(run_file, "--stage", "plain")
    whole, begun, ended = losses(calm)["rank-0", 1], *losses(folder).values()
    assert set(begun) | set(ended) == set(range(STEPS))
    near = min(ended) + 5  # later ones drift apart as any two orders of summation do
    for step, loss in {**begun, **{s: v for s, v in ended.items() if s < near}}.items():
        assert loss == pytest.approx(whole[step], rel=1e-3), step


def test_each_phase_of_a_run_is_timed_in_its_events(calm):
    phases = [e for e in events_of(calm) if e["event"] == "phase"]
    assert {e["name"] for e in phases} == {"start", "checkpoint", "training", "evaluation"}
    assert all(e["seconds"] > 0 and e["done"] for e in phases)
    steps = [e for e in events_of(calm) if e["event"] == "step"]
    assert [e["step"] for e in steps] == list(range(STEPS))
