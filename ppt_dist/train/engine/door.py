"""The door to deepspeed: imported knowing its device, and without what it would compile."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any

import torch

on_cpu = not torch.cuda.is_available()
if on_cpu:
    os.environ.setdefault("DS_ACCELERATOR", "cpu")

import deepspeed  # noqa: E402 - it reads the variable above when it is imported
import deepspeed.comm.comm  # noqa: E402
import deepspeed.ops  # noqa: E402

if on_cpu:  # else the first engine compiles a kernel for a minute that training never calls
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False

initialize = deepspeed.initialize
GatheredParameters = deepspeed.zero.GatheredParameters
from deepspeed.utils import (  # noqa: E402
    safe_get_full_fp32_param,
    safe_get_full_optimizer_state,
    safe_set_full_fp32_param,
    safe_set_full_optimizer_state,
    safe_set_local_fp32_param,
    safe_set_local_optimizer_state,
)

__all__ = [
    "GatheredParameters",
    "initialize",
    "safe_get_full_fp32_param",
    "safe_get_full_optimizer_state",
    "safe_set_full_fp32_param",
    "safe_set_full_optimizer_state",
    "safe_set_local_fp32_param",
    "safe_set_local_optimizer_state",
    "time_collectives",
]

_COLLECTIVES = (
    "all_reduce",
    "reduce",
    "reduce_scatter_tensor",
    "all_gather",
    "all_gather_into_tensor",
    "broadcast",
)


def time_collectives(timed: Callable[[], AbstractContextManager[None]]) -> None:
    """Let each of DeepSpeed's own collectives run inside ``timed()``, from now on.

    DeepSpeed's backend is one object a process; its log of collectives waits for the device twice.
    """
    backend: Any = deepspeed.comm.comm.cdb
    for name in _COLLECTIVES:
        setattr(backend, name, _inside(timed, getattr(type(backend), name).__get__(backend)))


def _inside(
    timed: Callable[[], AbstractContextManager[None]], collective: Callable[..., object]
) -> Callable[..., object]:
    @wraps(collective)
    def call(*args: object, **kwargs: object) -> object:
        with timed():
            return collective(*args, **kwargs)

    return call
