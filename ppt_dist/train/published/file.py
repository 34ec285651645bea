"""Official checkpoint files: read without running what is in them, written whole or not at all."""

import hashlib
import os
import pickle
import re
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ppt_dist.journal.durable import aside_of, sync
from ppt_dist.section import BadInput

STATE = "state_dict"
"""Key of the weights in a checkpoint; a file may also be the weights alone."""

PREFIX = "module."
"""What every name starts with, where the model was wrapped for several processes."""

_DAMAGED = (OSError, RuntimeError, ValueError, LookupError, TypeError, EOFError, struct.error)
"""What `torch.load` raises over a file that is cut, or of another kind."""

_NUMPY = [
    (np.dtype, "numpy.dtype"),
    (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),  # pyright: ignore[reportAttributeAccessIssue]  # noqa: SLF001
    (np._core.multiarray.scalar, "numpy._core.multiarray.scalar"),  # pyright: ignore[reportAttributeAccessIssue]  # noqa: SLF001
    np.dtypes.Float64DType,
    np.dtypes.Float32DType,
    np.dtypes.Int64DType,
]
"""Numbers of numpy, which Pointcept's checkpoints hold as their best score; they run no code."""


class OfficialFile(NamedTuple):
    """The weights of an official checkpoint."""

    path: Path
    sha256: str
    tensors: dict[str, Tensor]
    """By official names without `PREFIX`, in the file's order."""
    prefixed: bool
    """Whether the names had `PREFIX`."""


def read_official(path: Path) -> OfficialFile:
    """The weights in ``path``, on the CPU.

    Raises:
        BadInput: the file is absent, damaged, holds more than data, or is no checkpoint.
    """
    table = _load(path)
    state = table.get(STATE, table) if isinstance(table, Mapping) else table
    if not isinstance(state, Mapping) or not state:
        raise BadInput(f"{path}: neither weights by name nor a checkpoint with {STATE!r}")
    others = [str(k) for k, v in state.items() if not (isinstance(k, str) and torch.is_tensor(v))]
    if others:
        raise BadInput(f"{path}: not weights by name: {', '.join(others)} are not tensors")
    prefixed = all(key.startswith(PREFIX) for key in state)
    tensors = {key.removeprefix(PREFIX) if prefixed else key: v for key, v in state.items()}
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return OfficialFile(path, digest, {k: v.detach() for k, v in tensors.items()}, prefixed)


def write_official(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write ``{"state_dict": tensors}`` as the official code reads it, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = aside_of(path)
    try:
        with aside.open("wb") as file:
            torch.save({STATE: dict(tensors)}, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    sync(path.parent)


def same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are equal to the bit, their types among it; NaN equals itself."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    return torch.equal(_bytes(a), _bytes(b))


def as_stored(value: Tensor, dtype: torch.dtype) -> Tensor:
    """The value as ``dtype`` where that loses nothing, else as it is."""
    narrow = value.to(dtype)
    return narrow if same(narrow.to(value.dtype), value) else value


def _bytes(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous().flatten().view(torch.uint8)


def _load(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals(_NUMPY), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other pickle protocols; they are refused anyway
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except pickle.UnpicklingError as error:
        code = re.search(r"GLOBAL ([\w.]+)", str(error))
        if code is None:
            raise BadInput(f"{path}: not a checkpoint of PyTorch") from None
        raise BadInput(
            f"{path}: refused: to read it, {code[1]} would have to be run, and a checkpoint may "
            "hold data alone: ask for a file of tensors"
        ) from None
    except _DAMAGED as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise BadInput(f"{path}: not a whole checkpoint of PyTorch ({reason[:120]})") from None
