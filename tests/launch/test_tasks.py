"""Work spread over a Ray cluster: lost pieces are done again, and no byte depends on it."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ppt_dist.launch.cluster import call_api
from ppt_dist.launch.job import Target, run_job
from ppt_dist.shard.recipe import SHIPPED
from ppt_dist.synth.make import make_raw, scene_ids
from tests.packing import pack_domain
from tests.shard.test_pack import files

pytestmark = [pytest.mark.ray, pytest.mark.slow]

PPT_DIST = Path(sys.executable).with_name("ppt-dist")
SCANS = 12


@pytest.fixture
def told(cluster, tmp_path):
    """What the driver says of a piece of work on each of two places."""

    def drive(work):
        places = [tmp_path / "a", tmp_path / "bc"]
        command = (sys.executable, "-m", "tests.launch.pieces", cluster.address, work, *places)
        done = subprocess.run(
            [*map(str, command)],
            env=os.environ | cluster.client_env(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return drive


@pytest.mark.parametrize("work", ["size", "dies_once", "meets_a_full_disk_once"])
def test_a_piece_whose_process_dies_or_whose_disk_fails_is_done_again(told, work, tmp_path):
    assert json.loads(told(work)) == [[str(tmp_path / "a"), 1], [str(tmp_path / "bc"), 2]]


def test_what_cannot_be_done_is_told_in_one_line_by_its_kind(told):
    assert re.fullmatch(r"BadInput\|.*/(a|bc): a key is wrong", told("finds_bad_input"))
    assert told("fails") == "RunFailed|ArithmeticError: no such number"
    assert told("always_dies").startswith("RunFailed|a piece was lost 4 times: ")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """S3DIS with a shard for each room, so that there are pieces."""
    folder = tmp_path_factory.mktemp("recipe") / "s3dis"
    shutil.copytree(SHIPPED / "s3dis", folder, ignore=shutil.ignore_patterns("*.tar", "*.idx"))
    text = (folder / "recipe.toml").read_text()
    small = re.sub(r"scenes_per_shard = \d+", "scenes_per_shard = 1", text)
    assert small != text
    (folder / "recipe.toml").write_text(small)
    return folder


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rooms")
    make_raw(folder, SCANS, seed=6, domains=("s3dis",))
    return folder


def test_a_pack_stopped_in_a_job_and_continued_in_another_gives_the_bytes_of_a_local_one(
    cluster, recipe, rooms, tmp_path
):
    out = tmp_path / "spread"
    gate = rooms / "s3dis" / scene_ids("s3dis", SCANS)[0] / "Annotations/beam_99.txt"
    os.mkfifo(gate)  # whoever reads this room waits until the job is stopped
    words = ("pack", str(recipe), "--raw", str(rooms), "--out", str(out))
    job = {"entrypoint": " ".join(("ppt-dist", *words)), "submission_id": "stopped-pack"}
    call_api(cluster.api, "/api/jobs/", cluster.token_file, post=job)
    noted = until(lambda: list(out.glob("s3dis/.packing/*.tar.json")))
    made = {path.with_suffix("").stat().st_ino for path in noted}
    call_api(cluster.api, "/api/jobs/stopped-pack/stop", cluster.token_file, post={})
    until(lambda: status(cluster, "stopped-pack") == "STOPPED")
    assert not (out / "s3dis/manifest.json").exists()
    gate.unlink()

    target = Target(cluster.api, cluster.token_file)
    assert run_job(target, ["ppt-dist", *words], {}, print) == 0

    kept = made & {path.stat().st_ino for path in out.glob("s3dis/*.tar")}
    assert kept == made
    pack_domain(str(recipe), rooms, tmp_path / "local")
    assert len(list(out.glob("s3dis/*.tar"))) == SCANS
    assert files(out) == files(tmp_path / "local")


def test_a_damaged_shard_is_named_by_the_tasks_that_look_at_it(cluster, packed, tmp_path):
    shutil.copytree(packed, tmp_path, dirs_exist_ok=True)
    (tmp_path / "s3dis/val-000000.tar").unlink()

    done = ppt_dist(cluster, "validate", tmp_path, "--ray", "auto", "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        str(tmp_path / "scannet"): [],
        str(tmp_path / "s3dis"): [
            {"shard": "val-000000.tar", "key": "", "reason": "is not there"},
        ],
    }


def test_a_run_is_evaluated_on_a_cluster_to_the_bytes_of_one_process(cluster, trained, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for run in (here, there):
        shutil.copytree(trained, run)
        shutil.rmtree(run / "evaluation")
    subprocess.run([PPT_DIST, "evaluate", here], check=True, timeout=300, env=without_ray())

    done = ppt_dist(cluster, "evaluate", there)

    assert done.returncode == 0, done.stderr
    assert files(there / "evaluation") == files(here / "evaluation")


def test_scans_are_labelled_on_a_cluster_as_in_one_process(cluster, trained, raw, tmp_path):
    scans = [raw / "s3dis" / name for name in scene_ids("s3dis", 3)]
    words = ("predict", trained, *scans, "--domain", "s3dis", "--out")
    command = [*map(str, (PPT_DIST, *words, tmp_path / "here"))]
    subprocess.run(command, check=True, timeout=300, env=without_ray())

    done = ppt_dist(cluster, *words, tmp_path / "there")

    assert done.returncode == 0, done.stderr
    assert len(files(tmp_path / "there")) == 9
    assert files(tmp_path / "there") == files(tmp_path / "here")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1:1", "Connection refused"),
        ("http://127.0.0.1:8265", "not HOST:PORT"),
    ],
)
def test_an_address_where_no_cluster_answers_ends_with_code_3_and_what_to_do(packed, address, why):
    command = [*map(str, (PPT_DIST, "validate", packed, "--ray", address))]

    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env=without_ray()
    )

    assert done.returncode == 3
    assert f"no Ray cluster at '{address}'" in done.stderr
    assert why in done.stderr
    assert "ray start --head" in done.stderr


def ppt_dist(cluster, *words):
    command = [*map(str, (PPT_DIST, *words))]
    env = os.environ | cluster.client_env()
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env=env
    )


def without_ray():
    return {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}


def status(cluster, job):
    answer = call_api(cluster.api, f"/api/jobs/{job}", cluster.token_file)
    return answer["status"] if isinstance(answer, dict) else None


def until(found):
    deadline = time.monotonic() + 300
    while not (answer := found()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return answer
