"""Batch normalisation over the voxels of all ranks, as an autograd function."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

SumOfRanks = Callable[[Tensor], Tensor]
"""Sum of a tensor over all ranks; the identity where there is one."""


class Normalised(NamedTuple):
    """Features, and what was measured on the voxels of all ranks."""

    feat: Float[Tensor, "voxels channels"]
    mean: Float[Tensor, " channels"]
    var: Float[Tensor, " channels"]
    """The biased one."""
    voxels: Float[Tensor, ""]


def normalise(
    feat: Float[Tensor, "voxels channels"],
    scale: Float[Tensor, " channels"],
    shift: Float[Tensor, " channels"],
    eps: float,
    sum_of_ranks: SumOfRanks,
) -> Normalised:
    """``(x - mean) / sqrt(var + eps) * scale + shift`` with moments over the voxels of all ranks.

    Each rank sums around its own mean and the sums are merged in float64 (Chan et al. 1979),
    because sums of squares cancel. Backward needs two sums, which are also the gradients of scale
    and shift. The moments are not differentiable on their own.
    """
    return Normalised(*_Normalise.apply(feat, scale, shift, eps, sum_of_ranks))


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(  # the signature is autograd's
        ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, eps: float, sum_of_ranks: SumOfRanks
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        own_mean = x.mean(0) if len(x) else x.new_zeros(x.shape[1])
        own_square = (x - own_mean).square().sum(0)
        count, mean, square = len(x), own_mean.double(), own_square.double()
        parts = [mean * count, square + count * mean.square(), mean.new_tensor([count])]
        total = sum_of_ranks(torch.cat(parts))
        size = total[-1].clamp(min=1)
        mean, square = (total[:-1] / size).chunk(2)
        var = (square - mean.square()).clamp(min=0)
        inverse = torch.rsqrt(var + eps).to(x.dtype)
        unit = (x - mean.to(x.dtype)) * inverse
        ctx.save_for_backward(unit, scale, inverse)
        ctx.size, ctx.sum_of_ranks = size, sum_of_ranks
        moments = mean.to(x.dtype), var.to(x.dtype), total[-1].to(x.dtype)
        ctx.mark_non_differentiable(*moments)
        return torch.addcmul(shift, unit, scale), *moments

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        unit, scale, inverse = ctx.saved_tensors
        grad = grads[0]
        own = torch.cat([grad.sum(0), (grad * unit).sum(0)])
        mean_grad, mean_slope = (ctx.sum_of_ranks(own.double()) / ctx.size).to(own.dtype).chunk(2)
        along_x = (grad - mean_grad - unit * mean_slope) * (scale * inverse)
        grad_shift, grad_scale = own.chunk(2)
        return along_x, grad_scale, grad_shift, None, None
