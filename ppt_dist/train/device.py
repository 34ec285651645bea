"""Where a restored model computes: the CPU, or a GPU that a command was given by name."""

import torch
from torch import nn

from ppt_dist.section import BadInput
from ppt_dist.train.evaluate import Forward


def find_device(name: str) -> torch.device:
    """The device that is called ``cpu``, ``cuda``, or ``cuda:1`` for the second GPU.

    Raises:
        BadInput: it is called otherwise, or it is not there.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in {"cpu", "cuda"}:
        raise BadInput(f"no device {name!r}: known: cpu, cuda, cuda:N")
    seen = torch.cuda.device_count() if device.type == "cuda" else 1
    if (device.index or 0) >= seen:
        raise BadInput(
            f"no device {name!r}: torch {torch.__version__} sees {seen} GPUs; docs/gpu.md says how "
            "the build for CUDA is installed"
        )
    return device


def forward_on(device: torch.device, model: nn.Module) -> Forward:
    """The model, now on ``device``, as a function of batches that lie anywhere."""
    model.to(device)
    return lambda batch: model(batch.to(device))
