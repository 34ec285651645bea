# pyright: reportMissingImports=false
"""The spconv backend, and the one door to spconv: an extra, imported when it is first used.

Only `Native` of its algorithms: one matrix product a tap over pairs of rows. It takes any number of
taps (the 5x5x5 stem has 125, and the faster implicit GEMM at most 32), and it alone runs on CPU
tensors too, where it is tested.
"""

import functools
import importlib.util
import warnings
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int32
from torch import Tensor

from ppt_dist.model.sparse.maps import Table
from ppt_dist.section import BadInput


def installed() -> bool:
    """Whether spconv can be imported, by any of the names under which it is distributed."""
    return importlib.util.find_spec("spconv") is not None


class Pairs(NamedTuple):
    """A map as spconv reads it: of each tap, the rows that come in and those that they add to."""

    rows: Int32[Tensor, "2 taps most"]
    """Inputs, then outputs, ascending in the outputs; behind a tap's last pair stands -1."""
    counts: Int32[Tensor, " taps"]
    """Pairs of each tap."""
    inputs: int
    outputs: int
    submanifold: bool
    """Outputs are the inputs: the middle tap is each voxel itself, and needs no gathering."""
    inverse: bool = False
    """Read from outputs to inputs."""

    @staticmethod
    def of(table: Table, *, submanifold: bool) -> "Pairs":
        """The same relation; `BadInput` where spconv is not installed."""
        _ops()
        there = table.forward.T.less(table.inputs)
        counts = there.sum(1)
        tap, out = torch.nonzero(there, as_tuple=True)
        first = counts.cumsum(0) - counts
        place = torch.arange(len(tap), device=tap.device) - first[tap]
        most = int(counts.max())
        rows = table.forward.new_full((2, len(counts), most), -1)
        rows[0, tap, place] = table.forward[out, tap]
        rows[1, tap, place] = out.int()
        return Pairs(rows, counts.int(), table.inputs, table.outputs, submanifold)

    def reversed(self) -> "Pairs":
        """The map of the inverse convolution: outputs become inputs."""
        return self._replace(inputs=self.outputs, outputs=self.inputs, inverse=not self.inverse)


def sparse_conv(
    feat: Float[Tensor, "inputs channels"],
    weight: Float[Tensor, "out k k k channels"],
    pairs: Pairs,
) -> Float[Tensor, "outputs out"]:
    """Sum over taps of the neighbour's features times the tap's weight; differentiable in both.

    bfloat16, of which spconv has no kernel, is computed in float32 and rounded behind each
    convolution; float16 too on the CPU, where spconv is seventy times slower in it.

    Raises:
        BadInput: the tensors lie on the CPU and torch has several threads, or they are float64 on
            a GPU.
    """
    if not feat.is_cuda and torch.get_num_threads() > 1:
        raise BadInput(
            f"spconv on the CPU with {torch.get_num_threads()} threads: its sums would be silently "
            'wrong. Set engine.threads = 1, or engine.sparse = "reference"'
        )
    kind = _computed_in(feat)
    return _Convolution.apply(feat.to(kind), weight.to(kind), pairs).to(feat.dtype)


def _computed_in(feat: Tensor) -> torch.dtype:
    if feat.is_cuda and feat.dtype == torch.float64:
        raise BadInput('spconv has no float64 on a GPU: set engine.sparse = "reference"')
    exact = (torch.float32, torch.float16 if feat.is_cuda else torch.float64)
    return feat.dtype if feat.dtype in exact else torch.float32


class _Convolution(torch.autograd.Function):
    """Forward and backward over the same pairs; without voxels spconv is not asked."""

    @staticmethod
    def forward(ctx: Any, feat: Tensor, weight: Tensor, pairs: Pairs) -> Tensor:
        weight = weight.contiguous()
        ctx.save_for_backward(feat, weight)
        ctx.pairs = pairs
        if not pairs.rows.shape[2]:
            return feat.new_zeros(pairs.outputs, len(weight))
        ops, native = _ops()
        return ops.indice_conv(
            feat, weight, pairs.rows, pairs.counts, pairs.outputs, *_sense(pairs), algo=native
        )

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        feat, weight = ctx.saved_tensors
        pairs: Pairs = ctx.pairs
        if not pairs.rows.shape[2]:
            return torch.zeros_like(feat), torch.zeros_like(weight), None
        ops, native = _ops()
        grad_feat, grad_weight = ops.indice_conv_backward(
            feat, weight, grads[0], pairs.rows, pairs.counts, *_sense(pairs), algo=native
        )
        return grad_feat, grad_weight.view_as(weight), None


def _sense(pairs: Pairs) -> tuple[bool, bool]:
    return pairs.inverse, pairs.submanifold


@functools.cache
def _ops() -> tuple[Any, Any]:
    """The operators of spconv and the name of the algorithm.

    The CPU wheel asks for a CUDA stream that it never uses; where there is no GPU it gets 0.
    """
    if not installed():
        raise BadInput("spconv is not installed: pip install 'ppt-dist[cuda]'")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 2.3.6 uses names that torch and Python deprecated
        from spconv.core import ConvAlgo
        from spconv.pytorch import ops
    if not torch.cuda.is_available():
        ops.get_current_stream = lambda: 0
    return ops, ConvAlgo.Native
