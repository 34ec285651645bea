"""A private cluster: who may use it, and what it leaves behind."""

import ipaddress
import stat
import subprocess
import sys
import urllib.error
from pathlib import Path

import psutil
import pytest

from ppt_dist.launch import process
from ppt_dist.launch.cluster import LocalCluster, call_api, free_ports
from ppt_dist.launch.failure import RunFailed
from ppt_dist.launch.spec import find_spec
from ppt_dist.section import BadInput

LISTENERS = ("gcs_server", "raylet", "monitor.py", "dashboard.py", "ray::")
LEFT = {"owner.lock", "ray-head.log", "ray-logs"}

OWNER = """
import sys, time
from pathlib import Path
from ppt_dist.launch.cluster import LocalCluster
from ppt_dist.launch.spec import find_spec
with LocalCluster(find_spec("local"), Path(sys.argv[1])):
    print("up", flush=True)
    time.sleep(900)
"""


def test_free_ports_are_all_different():
    assert len(set(free_ports(20))) == 20


@pytest.mark.ray
@pytest.mark.slow
def test_the_jobs_api_takes_the_clusters_token_and_no_other(cluster, tmp_path):
    assert call_api(cluster.api, "/api/jobs/", cluster.token_file) is not None
    wrong = tmp_path / "token"
    wrong.write_text("0" * 64)
    for token in (wrong, None):
        with pytest.raises(urllib.error.HTTPError) as refused:
            call_api(cluster.api, "/api/jobs/", token)
        assert refused.value.code in {401, 403}
        refused.value.close()
    assert stat.S_IMODE(cluster.token_file.stat().st_mode) == 0o600


@pytest.mark.ray
@pytest.mark.slow
def test_only_what_the_documents_list_listens_beyond_this_machine(cluster):
    """Ray binds these to all interfaces whatever it is told; the token guards them."""
    open_to_all = set()
    for one in process.marked(str(cluster.folder)).values():
        name = " ".join(one.cmdline())
        known = next((program for program in LISTENERS if program in name), name)
        for connection in one.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN and not loopback(connection.laddr.ip):
                open_to_all.add(known)
                assert connection.laddr.port != int(cluster.api.rsplit(":", 1)[1])
    document = (Path(__file__).parents[2] / "cluster/README.md").read_text()
    assert "gcs_server" in open_to_all
    assert open_to_all <= set(LISTENERS)
    assert all(f"`{program}`" in document for program in LISTENERS)


def loopback(ip):
    address = ipaddress.ip_address(ip)
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


@pytest.mark.ray
@pytest.mark.slow
def test_a_cluster_ends_with_its_block_and_leaves_its_logs_alone_behind(tmp_path):
    with LocalCluster(find_spec("local"), tmp_path) as one:
        temp = one.temp
        alive = process.marked(str(tmp_path))
        assert len(alive) > 3
        with pytest.raises(BadInput, match="belongs to a process that runs now"):
            LocalCluster(find_spec("local"), tmp_path).__enter__()
    assert not process.marked(str(tmp_path))
    assert not any(p.is_running() and p.status() != "zombie" for p in alive.values())
    assert not temp.exists()
    assert {path.name for path in tmp_path.iterdir()} == LEFT


@pytest.mark.ray
@pytest.mark.slow
def test_a_killed_owner_takes_its_cluster_along_and_the_next_owner_tidies_up(tmp_path):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, tmp_path], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"up\n"
    owner.stdout.close()
    alive = process.marked(str(tmp_path))
    temp = (tmp_path / "ray").readlink()
    assert len(alive) > 3

    owner.kill()
    owner.wait()

    assert not psutil.wait_procs(alive.values(), timeout=120)[1]
    impossible = find_spec("local").model_copy(update={"start_seconds": 1})
    with pytest.raises(RunFailed, match="too slow"):
        LocalCluster(impossible, tmp_path).__enter__()
    assert not temp.exists()
    assert {path.name for path in tmp_path.iterdir()} <= LEFT


@pytest.mark.ray
def test_a_head_that_cannot_start_is_reported_with_the_end_of_its_log(tmp_path):
    spec = find_spec("local").model_copy(update={"node_address": "256.0.0.1", "start_seconds": 8})
    with pytest.raises(
        RunFailed, match=r"(?s)Ray is too slow to answer.*256\.0\.0\.1.*ray-head\.log"
    ):
        LocalCluster(spec, tmp_path).__enter__()
    assert {path.name for path in tmp_path.iterdir()} == LEFT
