"""Real training on Ray: every ZeRO stage, a killed rank, and everything killed at once."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from ppt_dist.journal.journal import EVENTS
from ppt_dist.launch import process
from ppt_dist.run import load_run
from ppt_dist.train.folder import claim
from tests.launch.conftest import drive
from tests.launch.scrape import Scraper, page, scraped, value
from tests.small_run import events_of, losses, write_run_file

pytestmark = [pytest.mark.ray, pytest.mark.slow]

PPT_DIST = Path(sys.executable).with_name("ppt-dist")
STAGES = ("stage-0", "stage-1", "stage-2", "stage-3")
SHORT, LONG = 6, 40


@pytest.fixture(scope="module")
def runs(cluster, packed, tmp_path_factory):
    """Folders by name after one group of two ranks has trained them all; see the driver."""
    folder = tmp_path_factory.mktemp("training")
    files = [write_run_file(folder, packed, name, SHORT, stage=int(name[-1])) for name in STAGES]
    files += [write_run_file(folder, packed, name, LONG, fetchers=1) for name in ("calm", "killed")]
    found = [load_run(path) for path in files]
    for run in found:
        claim(run)

    with Scraper(lambda: page(cluster.metrics)) as scraper:
        assert drive(cluster, folder, 2, 1, "trains") == ""

    (folder / "metrics.txt").write_text(scraper.newest("ppt_steps_total"))
    return {run.name: run.folder for run in found}


def test_every_zero_stage_trains_through_ray_with_the_losses_of_stage_0(runs):
    first = losses(runs["stage-0"])["rank-0", 1]
    assert list(first) == list(range(SHORT))
    for name in STAGES[1:]:
        theirs = losses(runs[name])["rank-0", 1]
        for step, values in first.items():
            assert theirs[step] == pytest.approx(values, rel=1e-3), (name, step)
        assert (runs[name] / f"evaluation/step-{SHORT:08d}.json").exists()


def test_rays_agent_serves_the_metrics_of_every_rank(runs):
    text = (runs["calm"].parent / "metrics.txt").read_text()
    for rank in ("0", "1"):
        own = {"run": "toy", "rank": rank}
        assert value(text, "ray_ppt_steps_total", **own) > 0
        for phase in ("data", "forward", "backward", "communication", "optimizer"):
            assert value(text, "ray_ppt_phase_seconds_total", phase=phase, **own) > 0
        for domain in ("scannet", "s3dis"):
            assert value(text, "ray_ppt_points_total", domain=domain, **own) > 0
            assert value(text, "ray_ppt_loss", domain=domain, **own) > 0


def test_after_a_rank_is_killed_the_run_goes_on_from_its_checkpoint_with_the_same_bits(runs):
    calm = losses(runs["calm"])
    (whole,) = [steps for (writer, _), steps in calm.items() if writer == "rank-0"]
    killed = losses(runs["killed"])
    begun, ended = killed["rank-0", 1], killed["rank-0", 2]
    restored = [e["step"] for e in events_of(runs["killed"]) if e["event"] == "restored"]
    assert restored == [restored[0]] * 2
    assert 2 <= restored[0] < LONG
    assert list(ended) == list(range(restored[0], LONG))
    for part in (begun, ended):
        assert part == {step: whole[step] for step in part}
    assert weights(runs["killed"]) == weights(runs["calm"])


def test_after_everything_is_killed_and_after_ctrl_c_the_same_command_goes_on_with_the_same_bits(
    runs, packed, tmp_path
):
    run_file = write_run_file(tmp_path, packed, "drill", LONG, fetchers=1)
    folder = tmp_path / "drill"

    first = subprocess.Popen([PPT_DIST, "train", run_file], start_new_session=True)
    reached(folder, 1)
    kill_a_fetcher(folder)
    reached(folder, 6)
    in_job_and_ranks(folder)
    kill_everything(first, folder)
    newest, before = sorted(folder.glob("checkpoints/step-*"), reverse=True)[:2]
    damage(newest / "tensors.safetensors")
    interrupted = subprocess.Popen([PPT_DIST, "train", run_file])
    reached(folder, 20, attempt=2)
    interrupted.send_signal(signal.SIGINT)
    assert interrupted.wait(timeout=300) == 130
    stopped = newest_step(folder)
    again = subprocess.run([PPT_DIST, "train", run_file], timeout=300, check=False)

    assert again.returncode == 0
    (whole,) = [s for (writer, _), s in losses(runs["calm"]).items() if writer == "rank-0"]
    begun, middle, ended = (losses(folder)["rank-0", attempt] for attempt in (1, 2, 3))
    assert list(middle) == list(range(int(before.name.removeprefix("step-")), stopped))
    assert list(ended) == list(range(stopped, LONG))
    for part in (begun, middle, ended):
        assert part == {step: whole[step] for step in part}
    assert weights(folder) == weights(runs["calm"])
    faults = [(e["attempt"], e["text"]) for e in events_of(folder) if e["event"] == "fault"]
    assert any(attempt == 1 and "fetcher died" in text for attempt, text in faults)
    assert any(attempt == 2 and newest.name in text for attempt, text in faults)


def test_a_job_submitted_by_hand_to_a_running_cluster_trains_the_same(
    runs, cluster, packed, tmp_path
):
    run_file = write_run_file(tmp_path, packed, "by-hand", SHORT)
    submit = (PPT_DIST.with_name("ray"), "job", "submit", "--address", cluster.api)
    env = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    env |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(cluster.token_file)}

    with Scraper(lambda: scraped(tmp_path / "by-hand")) as scraper:
        done = subprocess.run(
            [*submit, "--", "ppt-dist", "train", run_file],
            env=env, timeout=300, check=False, capture_output=True, text=True,
        )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert value(scraper.newest("ppt_run_steps"), "ppt_run_steps", run="by-hand") == SHORT
    ours, theirs = losses(tmp_path / "by-hand"), losses(runs["stage-1"])
    assert ours["rank-0", 1] == theirs["rank-0", 1]


def weights(folder):
    """The last checkpoint's bytes."""
    return (folder / f"checkpoints/step-{LONG:08d}/tensors.safetensors").read_bytes()


def newest_step(folder):
    return int(max(folder.glob("checkpoints/step-*")).name.removeprefix("step-"))


def reached(folder, step, attempt=1):
    """Wait until rank 0 has done a step of an attempt."""
    events = folder / EVENTS / f"rank-0-{attempt}.jsonl"
    deadline = time.monotonic() + 300
    while not (events.exists() and f'"step": {step},'.encode() in events.read_bytes()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def in_job_and_ranks(folder):
    """The job has the cluster's file, and ranks see no GPU where it has none."""
    told = f"--cluster {folder / 'cluster/cluster.toml'}"
    found = commands(folder)
    assert any(told in words for words in found.values())
    ranks = [p for p, words in found.items() if "RayTrainWorker" in words]
    assert [p.environ()["CUDA_VISIBLE_DEVICES"] for p in ranks] == ["", ""]


def kill_a_fetcher(folder):
    fetchers = [p for p, words in commands(folder).items() if "multiprocessing.spawn" in words]
    assert len(fetchers) == 2
    fetchers[0].kill()


def kill_everything(owner, folder):
    """SIGKILL to the command, to Ray and to every worker."""
    processes = ours(folder)
    os.kill(owner.pid, signal.SIGKILL)
    for one in processes:
        with suppress(psutil.NoSuchProcess):  # it ended with another
            one.kill()
    owner.wait()
    assert not psutil.wait_procs(processes, timeout=120)[1]


def ours(folder):
    """Processes of the private cluster of a run."""
    return list(process.marked(f"PPT_DIST_CLUSTER:{folder / 'cluster'}:").values())


def commands(folder):
    """The words of each of them that is still there."""
    pids = {p.pid for p in ours(folder)}
    found = psutil.process_iter(["cmdline"])
    return {p: " ".join(p.info["cmdline"] or ()) for p in found if p.pid in pids}


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
