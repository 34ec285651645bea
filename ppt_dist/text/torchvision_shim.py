"""Makes torchvision importable where its compiled operators do not load, as beside a CPU torch."""

import functools
import importlib
import sys

import torch


@functools.cache
def ensure_torchvision() -> tuple[torch.library.Library, ...]:
    """Import torchvision; call it before open_clip or sentence_transformers.

    Where the operators are missing, the two that torchvision registers a fake for are declared:
    enough for its Python part. The cache keeps the declarations alive.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    else:
        return ()
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    importlib.import_module("torchvision")
    return (library,)
