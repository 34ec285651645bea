"""Training processes: a group that Ray Train starts and restarts, or this process alone."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
import ray.train
import torch
import torch.distributed as dist
from ray.train import FailureConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer, get_device

from ppt_dist.journal.durable import write_durably
from ppt_dist.journal.journal import Event
from ppt_dist.launch.attempt import next_attempt
from ppt_dist.launch.failure import RunFailed
from ppt_dist.launch.follow import Follower
from ppt_dist.launch.meters import MetricsServer, RayMeters
from ppt_dist.launch.spec import ClusterSpec, TrainSpec
from ppt_dist.run import RunConfig
from ppt_dist.section import BadInput
from ppt_dist.stream.rank import Rank
from ppt_dist.train.ranks import Ranks

OnEvent = Callable[[Event], object]
Work = Callable[[RunConfig, Ranks, int, OnEvent], None]
"""What each rank does: run, ranks, attempt, what takes its events.

It saves what it needs to continue after a restart.
"""

RAY_TRAIN = "ray-train"
"""Folder below a run's folder where Ray Train notes what it did; nothing is read from there."""


def fit(run: RunConfig, spec: ClusterSpec, work: Work) -> None:
    """``work`` on ``run.engine.ranks`` processes of the cluster that ``RAY_ADDRESS`` names.

    A lost process restarts them all; the work continues from its own newest checkpoint.

    Raises:
        BadInput: a rank found it.
        RunFailed: a rank failed more often than the spec allows.
    """
    os.environ.update(_train_env(spec.train))
    ray.init(address=os.environ["RAY_ADDRESS"], log_to_driver=False, logging_level=logging.WARNING)
    _say_if_it_waits(run.engine.ranks, "GPU" if spec.gpus else "CPU")
    launch = next_attempt(run.folder / RAY_TRAIN)
    note = run.folder / RAY_TRAIN / f"bad-input-{launch}.txt"
    try:
        server = MetricsServer(run.folder, run.name)
        with server, Follower(run.folder, run.steps, run.log_every, server.of_run):
            _trainer(run, spec, {"work": work, "note": str(note)}, f"{run.name}-{launch}").fit()
    except ray.train.TrainingFailedError as error:
        if not note.exists():
            raise _cause(error, run.folder) from None
    finally:
        ray.shutdown()
    if note.exists():
        raise BadInput(note.read_text("utf-8"))


def alone(run: RunConfig, work: Work) -> None:
    """``work`` in this process, as the one rank of a group that DeepSpeed finds ready."""
    os.environ.update(RANK="0", WORLD_SIZE="1", LOCAL_RANK="0")
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)  # pyright: ignore[reportPrivateImportUsage]
    try:
        _prepare(run)
        with MetricsServer(run.folder, run.name) as server:
            count = server.of_rank(0)
            attempt = next_attempt(run.folder)
            work(run, Ranks(Rank(0, 1)), attempt, lambda e: (count(e), server.of_run(e)))
    finally:
        dist.destroy_process_group()


def _trainer(run: RunConfig, spec: ClusterSpec, config: dict[str, Any], name: str) -> TorchTrainer:
    gpu = spec.gpus > 0
    return TorchTrainer(
        _on_worker,
        train_loop_config=config | {"run": run.model_dump_json()},
        scaling_config=ScalingConfig(num_workers=run.engine.ranks, use_gpu=gpu),
        torch_config=TorchConfig(
            backend=None if gpu else "gloo", timeout_s=spec.train.collective_seconds
        ),
        run_config=ray.train.RunConfig(
            name=name,
            storage_path=str(run.folder / RAY_TRAIN),
            failure_config=FailureConfig(max_failures=spec.train.max_failures),
            worker_runtime_env={} if gpu else {"env_vars": {"CUDA_VISIBLE_DEVICES": ""}},
        ),
    )


def _say_if_it_waits(ranks: int, kind: str) -> None:
    """On a cluster that has no room yet; one that scales may get it."""
    room = int(ray.cluster_resources().get(kind, 0))
    if ranks > room:
        sys.stderr.write(
            f"{ranks} ranks take a {kind} each and the cluster has {room}: waiting for more; "
            "ray status tells what there is\n"
        )


def _on_worker(config: dict[str, Any]) -> None:
    """What Ray Train calls in each worker; the process group is ready.

    Bad input is noted for the driver and not tried again: the next attempt finds the note and ends.
    """
    run, note = RunConfig.model_validate_json(config["run"]), Path(config["note"])
    context = ray.train.get_context()
    rank = Rank(context.get_world_rank(), context.get_world_size())
    ranks = Ranks(rank, device=_own_device())
    if ranks.agree(int(note.exists())):
        return
    _prepare(run)
    attempt = ranks.agree(next_attempt(run.folder) if rank.index == 0 else 0)
    try:
        meters = RayMeters({"run": run.name, "rank": str(rank.index)})
        config["work"](run, ranks, attempt, meters.take)
    except BadInput as error:
        write_durably(note, str(error).encode())
        raise
    ray.train.report({"attempt": attempt})


def _own_device() -> torch.device:
    """The GPU that Ray gave this worker, now torch's current one; the CPU where it gave none."""
    device = get_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


def _prepare(run: RunConfig) -> None:
    """Make results a function of the run file: threads and algorithms are fixed."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(run.engine.threads)
    torch.use_deterministic_algorithms(mode=True)


def _train_env(spec: TrainSpec) -> dict[str, str]:
    """Settings of Ray Train, which takes them from the driver's environment."""
    return {
        "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": str(spec.health_check_seconds),
        "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": str(spec.group_start_seconds),
        "RAY_TRAIN_ENABLE_STATE_TRACKING": "1",
    }


def _cause(error: Exception, folder: Path) -> RunFailed:
    """The first failed rank's own error, where there is one, in one line."""
    failures: dict[int, Exception] = getattr(error, "worker_failures", {})
    cause = next((failures[rank] for rank in sorted(failures)), error)
    line = str(cause).strip().splitlines()[-1:] or [""]
    where = f"rank {min(failures)}: " if failures else ""
    return RunFailed(f"{where}{type(cause).__name__}: {line[0]}", folder)
