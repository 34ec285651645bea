"""The door to deepspeed: imported knowing its device, and without what it would compile."""

import os

import torch

on_cpu = not torch.cuda.is_available()
if on_cpu:
    os.environ.setdefault("DS_ACCELERATOR", "cpu")

import deepspeed  # noqa: E402 - it reads the variable above when it is imported
import deepspeed.ops  # noqa: E402

if on_cpu:  # else the first engine compiles a kernel for a minute that training never calls
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False

initialize = deepspeed.initialize
from deepspeed.utils import (  # noqa: E402
    safe_get_full_fp32_param,
    safe_get_full_optimizer_state,
    safe_set_full_fp32_param,
    safe_set_full_optimizer_state,
    safe_set_local_fp32_param,
    safe_set_local_optimizer_state,
)

__all__ = [
    "initialize",
    "safe_get_full_fp32_param",
    "safe_get_full_optimizer_state",
    "safe_set_full_fp32_param",
    "safe_set_full_optimizer_state",
    "safe_set_local_fp32_param",
    "safe_set_local_optimizer_state",
]
