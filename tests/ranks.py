"""Several training processes in a test: gloo on loopback, one launch for many cases."""

import os
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

from ppt_dist.stream.rank import Rank
from ppt_dist.train.ranks import Ranks


def run_ranks(function: Callable[..., Any], of: int, *args: Any) -> list[Any]:
    """``function(ranks, *args)`` on ``of`` processes; what each returned, in order of rank.

    ``function`` must be importable. The error of the first rank that fails is raised here.
    """
    with TemporaryDirectory() as folder:
        spawn(_one_rank, (function, of, Path(folder), args), nprocs=of)
        return [torch.load(Path(folder) / f"{i}.pt", weights_only=True) for i in range(of)]


def _one_rank(
    index: int, function: Callable[..., Any], of: int, folder: Path, args: tuple[Any, ...]
) -> None:
    os.environ.update(RANK=str(index), WORLD_SIZE=str(of), LOCAL_RANK=str(index))
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder / 'store'}",
        rank=index,
        world_size=of,
        timeout=timedelta(seconds=120),
    )
    try:
        result = function(Ranks(Rank(index, of)), *args)
    except BaseException:
        traceback.print_exc()
        raise
    torch.save(result, folder / f"{index}.pt")
    dist.destroy_process_group()
