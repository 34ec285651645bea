"""How a run is started: in this process, on the cluster that is there, or on a private one."""

import os
import sys
from pathlib import Path
from typing import NamedTuple

import tomli_w

from ppt_dist.journal.durable import write_durably
from ppt_dist.launch.cluster import MARK, LocalCluster
from ppt_dist.launch.interrupt import StopOnInterrupt
from ppt_dist.launch.job import INTERRUPTED, Target, run_job
from ppt_dist.launch.spec import ClusterSpec
from ppt_dist.run import ROOT_VARIABLE, EngineConfig, RunConfig, load_run
from ppt_dist.section import BadInput, parse
from ppt_dist.train.checkpoint import name_of
from ppt_dist.train.evaluate import EVALUATION
from ppt_dist.train.folder import STOP, claim

CLUSTER = "cluster"
"""Folder below a run's folder with the logs of its private cluster."""
SPEC = "cluster.toml"
"""The private cluster as its job is told of it, in that folder."""


class Override(NamedTuple):
    """Keys of the run file that the command line may change: they say how, not what."""

    ranks: int | None = None
    stage: str | None = None

    def words(self) -> list[str]:
        """As options of the command line."""
        given = {f"--{name}": str(value) for name, value in self._asdict().items() if value}
        return [word for pair in given.items() for word in pair]

    def apply(self, run: RunConfig) -> RunConfig:
        """The run with its engine changed; `BadInput` where the stage is unknown."""
        engine = run.engine.model_dump(mode="json")
        engine |= {"ranks": self.ranks} if self.ranks else {}
        if self.stage:
            engine["stage"] = int(self.stage) if self.stage.isdigit() else self.stage
        changed = parse(EngineConfig, engine, "command line: --ranks, --stage")
        return run.model_copy(update={"engine": changed})


def start(run_file: Path, how: Override, spec: ClusterSpec, *, local: bool) -> int:
    """Train, and return the exit code; the folder is claimed before anything is started."""
    run = how.apply(load_run(run_file))
    private = not local and "RAY_ADDRESS" not in os.environ
    if private:
        _check_room(run, spec)
    claim(run)
    done = result_of(run)
    if done:
        _say(f"{run.name} is trained to its last step, {run.steps}; evaluated in {done}\n")
        return 0
    if private:
        return on_private_cluster(run_file, run, how, spec)
    if local or not spec.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # else DeepSpeed takes a GPU that it sees
    if MARK not in os.environ:  # a private cluster's owner has done it before this job began
        (run.folder / STOP).unlink(missing_ok=True)
    with StopOnInterrupt(run.folder / STOP):
        from ppt_dist.launch.workers import alone, fit  # they need seconds to import
        from ppt_dist.train.session import run_training

        if local:
            alone(run, run_training)
        else:
            fit(run, spec, run_training)
    return 0 if result_of(run) else INTERRUPTED


def _check_room(run: RunConfig, spec: ClusterSpec) -> None:
    """Refuse ranks that would wait for ever: each takes a GPU where there are any, else a CPU."""
    room, kind = (spec.gpus, "gpus") if spec.gpus else (spec.cpus, "cpus")
    if run.engine.ranks > room:
        raise BadInput(
            f"engine.ranks is {run.engine.ranks}, but cluster {spec.name} has {kind} = {room}: "
            "use fewer --ranks, or a larger --cluster"
        )


def result_of(run: RunConfig) -> Path | None:
    """The evaluation after the last step, which is the last thing that training writes."""
    path = run.folder / EVALUATION / f"{name_of(run.steps)}.json"
    return path if path.exists() else None


def on_private_cluster(run_file: Path, run: RunConfig, how: Override, spec: ClusterSpec) -> int:
    """Submit ``ppt-dist train`` as a job to a cluster that ends with it; returns its exit code."""
    (run.folder / STOP).unlink(missing_ok=True)  # left by a process that was killed
    stop = StopOnInterrupt(run.folder / STOP)
    with LocalCluster(spec, run.folder / CLUSTER) as cluster, stop:
        root = os.environ.get(ROOT_VARIABLE)
        env = {ROOT_VARIABLE: root} if root else {}
        told = cluster.folder / SPEC
        write_durably(told, tomli_w.dumps(spec.model_dump(mode="json")).encode())
        words = (str(run_file.resolve()), *how.words(), "--cluster", str(told))
        command = ["ppt-dist", "train", *words]
        return run_job(Target(cluster.api, cluster.token_file), command, env, _say)


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
