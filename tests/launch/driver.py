"""A driver with toy work: Ray reads its settings when it is imported, so a process of its own."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import torch
import torch.distributed as dist

from ppt_dist.journal.journal import EVENTS
from ppt_dist.launch.failure import RunFailed
from ppt_dist.launch.spec import find_spec
from ppt_dist.launch.start import result_of
from ppt_dist.launch.workers import OnEvent, fit
from ppt_dist.run import RunConfig, load_run
from ppt_dist.section import BadInput
from ppt_dist.train.ranks import Ranks
from ppt_dist.train.session import run_training


def a_run(folder: Path, ranks: int) -> RunConfig:
    table = {
        "name": "toy",
        "steps": 3,
        "runs": str(folder),
        "domains": {"a": {"shards": str(folder), "weight": 1}},
        "lots": {"scenes": 4},
        "model": {"backbone": {}, "adapter": {}, "head": {"vectors": "none"}},
        "optim": {"rate": 0.1},
        "engine": {"ranks": ranks, "threads": 1},
    }
    return RunConfig.model_validate_json(json.dumps(table))


def killed_once(run: RunConfig, ranks: Ranks, attempt: int, _on_event: OnEvent) -> None:
    """In the first attempt rank 1 is killed; later ones note a sum over ranks, and their facts."""
    rank = ranks.rank
    (run.folder / f"{attempt}-{rank.index}-of-{rank.of}").touch()
    if attempt == 1 and rank.index == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    total = torch.tensor([rank.index + 1.0])
    dist.all_reduce(total)
    facts = [total.item(), torch.get_num_threads(), attempt]
    (run.folder / f"sum-{rank.index}").write_text(json.dumps(facts))


def trains(run: RunConfig, ranks: Ranks, attempt: int, on_event: OnEvent) -> None:
    """Train each run file beside the run's folder; rank 1 is killed in the one called killed."""
    for path in sorted(run.runs.glob("*.toml"), reverse=True):
        one = load_run(path)
        if one.name == "killed" and (attempt, ranks.rank.index) == (1, 1):
            events = one.folder / EVENTS / "rank-1-1.jsonl"
            threading.Thread(target=_die_after_step_2, args=(events,), daemon=True).start()
        if not result_of(one):
            run_training(one, ranks, attempt, on_event)
            ranks.wait()


def _die_after_step_2(events: Path) -> None:
    while not events.exists() or b'"step": 2' not in events.read_bytes():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)


def fails(_run: RunConfig, _ranks: Ranks, _attempt: int, _on_event: OnEvent) -> None:
    raise ArithmeticError("first line\nno such number")


def finds_bad_input(_run: RunConfig, _ranks: Ranks, _attempt: int, _on_event: OnEvent) -> None:
    raise BadInput("a key is wrong")


def main() -> None:
    """``driver.py FOLDER RANKS MAX_FAILURES WORK``."""
    folder, ranks, failures, work = sys.argv[1:]
    spec = find_spec("local")
    train = spec.train.model_copy(update={"max_failures": int(failures)})
    try:
        fit(
            a_run(Path(folder), int(ranks)),
            spec.model_copy(update={"train": train}),
            globals()[work],
        )
    except (RunFailed, BadInput) as error:
        sys.stdout.write(f"{type(error).__name__}|{error}\n")


if __name__ == "__main__":
    main()
