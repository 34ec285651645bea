"""`LocalCluster`: a private Ray head on this machine that ends with the block that started it."""

import fcntl
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

from ppt_dist.launch import process
from ppt_dist.launch.failure import RunFailed
from ppt_dist.launch.spec import ClusterSpec
from ppt_dist.section import BadInput

LOG = "ray-head.log"
RAY_LOGS = "ray-logs"
TOKEN = "ray-token"
LOCK = "owner.lock"
TEMP = "ray"

MARK = "PPT_DIST_CLUSTER"
_LONGEST_SOCKET = 107
_SESSION = len("/session_2000-01-01_00-00-00_000000_0000000/sockets/dash_LongestOfItsModulesHead")
_PORTS = (
    "port",
    "dashboard-port",
    "metrics-export-port",
    "ray-client-server-port",
    "dashboard-agent-listen-port",
)


class LocalCluster:
    """``with LocalCluster(spec, folder) as cluster:`` token, log and Ray's logs lie in ``folder``.

    Ray's own files lie where ``folder/ray`` points: in there if the names of its sockets fit (107
    bytes), else in a new folder of the system's temporary one; they are deleted at the end. What a
    killed owner left behind is ended and deleted first.

    Raises:
        BadInput: another living process has a cluster in ``folder``.
        RunFailed: Ray does not start; with the end of its log.
    """

    def __init__(self, spec: ClusterSpec, folder: Path) -> None:
        self._spec, self.folder = spec, folder.resolve()
        self._ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        self._stack = ExitStack()

    @property
    def api(self) -> str:
        """Address of the jobs API and dashboard."""
        return f"http://127.0.0.1:{self._ports['dashboard-port']}"

    @property
    def metrics(self) -> str:
        """Address of the page with the metrics of its node, its workers' among them."""
        return f"http://127.0.0.1:{self._ports['metrics-export-port']}/metrics"

    @property
    def address(self) -> str:
        """Address that a driver connects to."""
        return f"{self._spec.node_address}:{self._ports['port']}"

    @property
    def _mark(self) -> str:
        """In the environment of every process of a cluster in this folder."""
        return f"{MARK}:{self.folder}:"

    @property
    def token_file(self) -> Path:
        """The secret of this cluster, readable by its owner alone."""
        return self.folder / TOKEN

    def client_env(self) -> dict[str, str]:
        """What a process needs in its environment to talk to this cluster."""
        return {
            "RAY_ADDRESS": self.address,
            "RAY_API_SERVER_ADDRESS": self.api,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token_file),
            "RAY_USAGE_STATS_ENABLED": "0",
        }

    def __enter__(self) -> "LocalCluster":
        self.folder.mkdir(parents=True, exist_ok=True)
        self._stack.enter_context(_owned(self.folder / LOCK))
        try:
            self._end_marked()
            self._delete()
            _write_token(self.token_file)
            self.temp = _temp_folder(self.folder)
            self._stack.callback(self._delete)
            self._start()
            self._wait()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _start(self) -> None:
        log = self._stack.enter_context((self.folder / LOG).open("wb"))
        self._head = subprocess.Popen(
            self._command(), env=self._env(), stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True, cwd=self.folder,
            preexec_fn=process.end_with_parent,
        )  # fmt: skip
        self._stack.callback(self._end)

    def _command(self) -> list[str]:
        spec = self._spec
        return [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
            *(f"--{name}={port}" for name, port in self._ports.items()),
            *("--min-worker-port=0", "--max-worker-port=0", "--dashboard-host=127.0.0.1"),
            f"--node-ip-address={spec.node_address}",
            f"--num-cpus={spec.cpus}",
            f"--num-gpus={spec.gpus}",
            f"--object-store-memory={spec.object_store_bytes}",
            f"--temp-dir={self.temp}",
        ]

    def _env(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        ours |= {name: self.client_env()[name] for name in _FOR_HEAD}
        autoscaler, dashboard = free_ports(2)
        return ours | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "AUTOSCALER_METRIC_PORT": str(autoscaler),
            "DASHBOARD_METRIC_PORT": str(dashboard),
            MARK: self._mark,
        }

    def _wait(self) -> None:
        deadline = time.monotonic() + self._spec.start_seconds
        while not self._answers():
            if self._head.poll() is not None or time.monotonic() > deadline:
                tail = (self.folder / LOG).read_text("utf-8", "replace")[-2000:]
                state = self._head.poll()
                why = "is too slow to answer" if state is None else f"ended with code {state}"
                raise RunFailed(f"Ray {why}; its last words:\n{tail}", self.folder / LOG)
            time.sleep(0.2)

    def _answers(self) -> bool:
        """Whether the jobs API takes jobs, which needs a node with a running agent."""
        try:
            call_api(self.api, "/api/jobs/", self.token_file)
        except (urllib.error.URLError, ConnectionError, TimeoutError, json.JSONDecodeError):
            return False
        return True

    def _end(self) -> None:
        """End the head, what descends from it, and what bears our mark; no other Ray's."""
        ours = process.descendants(self._head.pid) | process.of_session(self._head.pid)
        process.end(ours.values(), self._spec.grace_seconds)
        process.end(process.of_session(self._head.pid).values(), self._spec.grace_seconds)
        self._end_marked()
        self._head.wait()

    def _end_marked(self) -> None:
        process.end(process.marked(self._mark).values(), self._spec.grace_seconds)

    def _delete(self) -> None:
        """Ray's files but its logs, and the token: of this cluster, or of a killed owner's."""
        logs, link = self.folder / RAY_LOGS, self.folder / TEMP
        if link.is_symlink():
            shutil.rmtree(logs, ignore_errors=True)
            for session in link.glob("session_2*"):
                shutil.copytree(
                    session / "logs", logs, dirs_exist_ok=True, ignore=shutil.ignore_patterns("old")
                )
            shutil.rmtree(link.readlink(), ignore_errors=True)
            link.unlink()
        self.token_file.unlink(missing_ok=True)


_FOR_HEAD = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_USAGE_STATS_ENABLED")


def free_ports(count: int) -> list[int]:
    """Ports that no one listens on now, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("", 0))
        return [one.getsockname()[1] for one in sockets]


def call_api(api: str, path: str, token_file: Path | None, post: object | None = None) -> object:
    """What Ray's HTTP API answers, parsed.

    Raises:
        urllib.error.URLError: nobody answers, or (HTTPError) refuses.
    """
    data = None if post is None else json.dumps(post).encode()
    request = urllib.request.Request(api + path, data)
    request.add_header("Content-Type", "application/json")
    if token_file:
        request.add_header("Authorization", f"Bearer {token_file.read_text().strip()}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@contextmanager
def _owned(lock: Path) -> Iterator[None]:
    """Hold ``lock``, which the system frees when this process ends in whatever way."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(
                f"{lock.parent} belongs to a process that runs now: wait for it, or end it first"
            ) from None
        yield


def _write_token(path: Path) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(secrets.token_hex(32))


def _temp_folder(folder: Path) -> Path:
    """A new folder in which the names of Ray's sockets fit; ``folder/ray`` links to it."""
    fits = len(os.fsencode(folder / "r-00000000")) + _SESSION <= _LONGEST_SOCKET
    temp = Path(tempfile.mkdtemp(prefix="r-", dir=folder if fits else None))
    (folder / TEMP).symlink_to(temp)
    return temp
