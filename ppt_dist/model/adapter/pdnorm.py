"""PDNorm: a batch norm whose statistics belong to the domain and whose affine follows the prompt.

PPT section 4.2 (arXiv 2308.09718): ``norm(x) (1 + scale(prompt)) + shift(prompt)``.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float
from pydantic import PositiveFloat
from torch import Tensor, nn

from ppt_dist.model.adapter.modulation import Modulation
from ppt_dist.model.adapter.statistics import RunningStatistics
from ppt_dist.model.bank import Bank
from ppt_dist.model.prompt import Prompt
from ppt_dist.section import Section

SumOfRanks = Callable[[Tensor], Tensor]
"""Sum of a tensor over all ranks; the identity where there is one."""

EVERY_DOMAIN = "every_domain"
"""Name of the only row where the norms are not decoupled."""


class PDNormConfig(Section):
    """Flags of PDNorm; the defaults are the paper's.

    Released indoor weights have ``affine`` on and ``zero_init`` off, outdoor ones also
    ``adaptive`` off.
    """

    kind: Literal["pdnorm"] = "pdnorm"
    decouple: bool = True
    """Statistics (and affine) of each domain apart; off: shared by all domains."""
    adaptive: bool = True
    """Scale and shift computed from the prompt."""
    affine: bool = False
    """A learned weight and bias in each norm, per domain where decoupled."""
    zero_init: bool = True
    """The prompt's scale and shift start at zero."""
    eps: PositiveFloat = 1e-3
    momentum: PositiveFloat = 0.01
    """Share of the newest batch in the running statistics."""

    def build(
        self, domains: tuple[str, ...], prompt_length: int, sum_of_ranks: SumOfRanks
    ) -> "PDNormAdapter":
        """The adapter of a model over ``domains`` with prompts of ``prompt_length``."""
        return PDNormAdapter(self, domains, prompt_length, sum_of_ranks)


class PDNormAdapter(NamedTuple):
    """Makes every norm of a backbone a `PDNorm`."""

    config: PDNormConfig
    domains: tuple[str, ...]
    prompt_length: int
    sum_of_ranks: SumOfRanks

    def norm(self, channels: int) -> "PDNorm":
        """A norm over ``channels``."""
        return PDNorm(channels, self)


class PDNorm(nn.Module):
    """Batch norm over the voxels of all ranks, with rows and prompt of the batch's domain."""

    def __init__(self, channels: int, adapter: PDNormAdapter) -> None:
        super().__init__()
        config = adapter.config
        self.rows = adapter.domains if config.decouple else (EVERY_DOMAIN,)
        self.eps = config.eps
        self.sum_of_ranks = adapter.sum_of_ranks
        self.running = RunningStatistics(self.rows, channels, config.momentum)
        ones, zeros = torch.ones(channels), torch.zeros(channels)
        self.weight = Bank(dict.fromkeys(self.rows, ones)) if config.affine else None
        self.bias = Bank(dict.fromkeys(self.rows, zeros)) if config.affine else None
        self.modulation = (
            Modulation(adapter.prompt_length, channels, zero_init=config.zero_init)
            if config.adaptive
            else None
        )

    def forward(
        self, feat: Float[Tensor, "voxels channels"], prompt: Prompt
    ) -> Float[Tensor, "voxels channels"]:
        """Normalised features; in training also moves the running statistics of the row."""
        row = prompt.domain if prompt.domain in self.rows else EVERY_DOMAIN
        scale, shift = self._affine(row, prompt, feat)
        if not self.training:
            mean, var = self.running.of(row)
            factor = scale * torch.rsqrt(var + self.eps)
            return torch.addcmul(shift - mean * factor, feat, factor)
        out, mean, var, count = _Normalise.apply(feat, scale, shift, self.eps, self.sum_of_ranks)
        self.running.update(row, mean, var, count)
        return out

    def _affine(
        self, row: str, prompt: Prompt, feat: Tensor
    ) -> tuple[Float[Tensor, " channels"], Float[Tensor, " channels"]]:
        """The norm's own affine and then the prompt's, folded into one scale and one shift."""
        channels = feat.shape[1]
        scale = feat.new_ones(channels) if self.weight is None else self.weight(row)
        shift = feat.new_zeros(channels) if self.bias is None else self.bias(row)
        if self.modulation is None:
            return scale, shift
        extra_shift, extra_scale = self.modulation(prompt.vector)
        return scale * (1 + extra_scale), shift * (1 + extra_scale) + extra_shift


class _Normalise(torch.autograd.Function):
    """``(x - mean) / sqrt(var + eps) * scale + shift`` with moments over the voxels of all ranks.

    Each rank sums around its own mean and the sums are merged in float64 (Chan et al. 1979),
    because sums of squares cancel. Backward needs two sums, which are also the gradients of scale
    and shift.
    """

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
