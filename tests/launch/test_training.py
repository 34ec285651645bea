"""Real training on Ray: every ZeRO stage, and a run whose rank is killed."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from ppt_dist.journal.journal import read_events
from ppt_dist.launch.demo import CONFIGS
from ppt_dist.run import load_run
from ppt_dist.train.folder import claim
from tests.launch.conftest import drive

pytestmark = [pytest.mark.ray, pytest.mark.slow]

NAMES = ("stage-0", "stage-1", "stage-2", "stage-3", "killed")
STEPS = 6


@pytest.fixture(scope="module")
def runs(cluster, tmp_path_factory):
    """Folders by name after one group of two ranks has trained them all; see the driver."""
    folder = tmp_path_factory.mktemp("training")
    ppt_dist("raw", "make", "--out", folder / "raw", "--scenes", 3)
    for domain in ("scannet", "s3dis"):
        ppt_dist("pack", domain, "--raw", folder / "raw", "--out", folder)
    found = {name: load_run(write_run_file(folder, name)) for name in NAMES}
    for run in found.values():
        claim(run)

    assert drive(cluster, folder, 2, 1, "trains") == ""

    return {name: run.folder for name, run in found.items()}


def ppt_dist(*words):
    program = Path(sys.executable).with_name("ppt-dist")
    subprocess.run([program, *map(str, words)], check=True, timeout=300)


def write_run_file(folder, name):
    """The demo's run, smaller; the engine's stage is in the name, the killed one's is 1."""
    table = tomllib.loads((CONFIGS / "demo.toml").read_text())
    table |= {"name": name, "steps": STEPS, "runs": ".", "lots": {"scenes": 2}}
    for domain, use in table["domains"].items():
        use |= {"shards": domain, "crop": 300}
    table["model"]["head"]["vectors"] = str(CONFIGS / "text/minilm.safetensors")
    engine = {"stage": 1, "fetchers": 1} if name == "killed" else {"stage": int(name[-1])}
    table |= {"engine": {"fetchers": 0, "ranks": 2} | engine, "checkpoint": {"every": 2}}
    path = folder / f"{name}.toml"
    path.write_text(tomli_w.dumps(table))
    return path


def events_of(folder) -> list[dict[str, Any]]:
    return list(read_events(folder))


def losses(folder):
    """Those of each step by rank and attempt."""
    found = {}
    for event in events_of(folder):
        if event["event"] == "step":
            origin = (event["writer"], event["attempt"])
            found.setdefault(origin, {})[event["step"]] = [lot["loss"] for lot in event["lots"]]
    return found


def test_every_zero_stage_trains_through_ray_with_the_losses_of_stage_0(runs):
    first = losses(runs["stage-0"])["rank-0", 1]
    assert list(first) == list(range(STEPS))
    for name in ("stage-1", "stage-2", "stage-3"):
        theirs = losses(runs[name])["rank-0", 1]
        for step, values in first.items():
            assert theirs[step] == pytest.approx(values, rel=1e-4), (name, step)
        assert (runs[name] / f"evaluation/step-{STEPS:08d}.json").exists()


def test_after_a_rank_is_killed_the_run_goes_on_from_its_checkpoint_with_the_same_bits(runs):
    calm = losses(runs["stage-1"])["rank-0", 1]
    killed = losses(runs["killed"])
    begun, ended = killed["rank-0", 1], killed["rank-0", 2]
    restored = [e["step"] for e in events_of(runs["killed"]) if e["event"] == "restored"]
    assert restored == [restored[0]] * 2
    assert restored[0] in {2, 4}
    assert list(ended) == list(range(restored[0], STEPS))
    for part in (begun, ended):
        assert part == {step: calm[step] for step in part}
