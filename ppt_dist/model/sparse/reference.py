"""The reference backend: sparse convolution in plain torch, the oracle of the others.

Each output gathers its taps into one row, and one matrix product does the rest. Backward reads the
map from the inputs: one gather of the output's gradient serves both gradients. Rows go in chunks,
so that memory stays bounded.
"""

from typing import Any

import torch
from jaxtyping import Float, Int32
from torch import Tensor

from ppt_dist.model.sparse.maps import Table

CHUNK = 1 << 18
"""Elements of a gathered chunk: 1 MB in float32, so that it stays in a core's cache."""


def sparse_conv(
    feat: Float[Tensor, "inputs channels"],
    weight: Float[Tensor, "out k k k channels"],
    table: Table,
) -> Float[Tensor, "outputs out"]:
    """Sum over taps of the neighbour's features times the tap's weight; differentiable in both."""
    return _SparseConv.apply(feat, weight, table)


class _SparseConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, feat: Tensor, weight: Tensor, table: Table) -> Tensor:
        ctx.save_for_backward(feat, weight)
        ctx.table = table
        by_tap = weight.flatten(1, 3).permute(1, 2, 0).flatten(0, 1)  # (taps channels) out
        return _gather_product(feat, table.forward, by_tap)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        feat, weight = ctx.saved_tensors
        grad_feat, summed = _gradients(grads[0].contiguous(), feat, weight, ctx.table)
        by_tap = summed.view(feat.shape[1], -1, len(weight)).permute(2, 1, 0)
        return grad_feat, by_tap.reshape(weight.shape), None


def _gradients(
    grad: Float[Tensor, "outputs out"],
    feat: Float[Tensor, "inputs channels"],
    weight: Float[Tensor, "out k k k channels"],
    table: Table,
) -> tuple[Float[Tensor, "inputs channels"], Float[Tensor, "channels columns"]]:
    """Gradients of features and weights (columns: taps, then out) from one gather of ``grad``."""
    by_tap = weight.flatten(1, 3).transpose(0, 1).flatten(0, 1)  # (taps out) channels
    padded, grad_feat = _padded(grad), torch.empty_like(feat)
    grad_weight = feat.new_zeros(feat.shape[1], len(by_tap))
    for rows in _chunks(table.backward, grad.shape[1]):
        gathered = padded.index_select(0, table.backward[rows].flatten()).view(-1, len(by_tap))
        torch.mm(gathered, by_tap, out=grad_feat[rows])
        grad_weight.addmm_(feat[rows].T, gathered)
    return grad_feat, grad_weight


def _gather_product(
    feat: Float[Tensor, "rows channels"],
    table: Int32[Tensor, "outputs taps"],
    by_tap: Float[Tensor, "columns out"],
) -> Float[Tensor, "outputs out"]:
    """Each output's gathered row times the stacked weights of all taps."""
    padded, out = _padded(feat), feat.new_empty(len(table), by_tap.shape[1])
    for rows in _chunks(table, feat.shape[1]):
        gathered = padded.index_select(0, table[rows].flatten())
        torch.mm(gathered.view(-1, by_tap.shape[0]), by_tap, out=out[rows])
    return out


def _padded(feat: Float[Tensor, "rows channels"]) -> Float[Tensor, "more channels"]:
    """The features with a row of zeros behind them, which is what `none` points to."""
    return torch.cat([feat, feat.new_zeros(1, feat.shape[1])])


def _chunks(table: Int32[Tensor, "outputs taps"], channels: int) -> list[slice]:
    size = max(CHUNK // (table.shape[1] * channels), 1)
    return [slice(start, start + size) for start in range(0, len(table), size)]
