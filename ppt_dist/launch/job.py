"""Jobs on a running cluster, submitted by Ray's own command, followed to their exit code."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ppt_dist.launch.cluster import call_api
from ppt_dist.launch.failure import RunFailed

_ENDED = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})
INTERRUPTED = 130
"""Exit code of what was stopped by a signal."""


class Target(NamedTuple):
    """Where jobs go."""

    api: str
    """``http://host:port`` of the jobs API."""
    token_file: Path | None


def run_job(
    target: Target,
    command: Sequence[str],
    env: Mapping[str, str],
    on_output: Callable[[str], object],
) -> int:
    """Submit ``command``, pass its output on, and return its exit code.

    An interrupt stops the job before it goes on. A stopped job gives 130.

    Raises:
        RunFailed: the job was not taken, or ended without an exit code.
    """
    name = f"ppt-{uuid.uuid4().hex[:12]}"
    _submit(target, name, command, env)
    try:
        return _follow(target, name, on_output)
    except KeyboardInterrupt:
        call_api(target.api, f"/api/jobs/{name}/stop", target.token_file, post={})
        raise


def _submit(target: Target, name: str, command: Sequence[str], env: Mapping[str, str]) -> None:
    submit = [
        *(sys.executable, "-m", "ray.scripts.scripts", "job", "submit", "--no-wait"),
        *("--address", target.api, "--submission-id", name),
        *("--runtime-env-json", json.dumps({"env_vars": dict(env)}), "--", *command),
    ]
    done = subprocess.run(
        submit, env=_client_env(target), capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise RunFailed(f"{target.api} did not take the job: {' '.join(last)}")


def _client_env(target: Target) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    if target.token_file:
        env |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(target.token_file)}
    return env | {"RAY_USAGE_STATS_ENABLED": "0"}


def _follow(target: Target, name: str, on_output: Callable[[str], object]) -> int:
    seen, info = 0, {}
    while info.get("status") not in _ENDED:
        time.sleep(0.5)
        info = _get(target, f"/api/jobs/{name}")
        logs = str(_get(target, f"/api/jobs/{name}/logs").get("logs") or "")
        if len(logs) > seen:
            on_output(logs[seen:])
            seen = len(logs)
    return _exit_code(info)


def _get(target: Target, path: str) -> dict[str, object]:
    answer = call_api(target.api, path, target.token_file)
    return answer if isinstance(answer, dict) else {}


def _exit_code(info: Mapping[str, object]) -> int:
    code = info.get("driver_exit_code")
    if isinstance(code, int):
        return code
    if info["status"] == "STOPPED":
        return INTERRUPTED
    raise RunFailed(f"the job ended as {info['status']}: {info.get('message')}")
