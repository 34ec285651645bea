"""`EngineState`: all that training continues from, by name, without a trace of ranks or stage."""

from typing import NamedTuple

from torch import Tensor


class EngineState(NamedTuple):
    """Whole tensors on the CPU and the step counts of the optimiser's groups."""

    tensors: dict[str, Tensor]
    """``weight/<name>``, ``buffer/<name>`` and one ``<moment>/<name>`` for each moment."""
    counts: dict[str, int]
    """Steps taken by each parameter group."""
