"""`PDNorm` and `Norms`, which makes them: the norms of every adapter, by their flags.

PPT section 4.2 (arXiv 2308.09718): ``norm(x) (1 + scale(prompt)) + shift(prompt)``.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ppt_dist.model.adapter.modulation import Modulation
from ppt_dist.model.adapter.normalise import SumOfRanks, normalise
from ppt_dist.model.adapter.statistics import RunningStatistics
from ppt_dist.model.bank import EVERY_DOMAIN, Bank
from ppt_dist.model.prompt import Prompt

EPS = 1e-3
"""Added to the variance in every norm of SpUNet-v1m3."""

MOMENTUM = 0.01
"""Share of the newest batch in the running statistics of SpUNet-v1m3."""


class Flags(NamedTuple):
    """What a norm has."""

    decouple: bool
    """Statistics (and affine) of each domain apart."""
    adaptive: bool
    """Scale and shift computed from the prompt."""
    affine: bool
    """A learned weight and bias."""
    zero_init: bool
    """The prompt's scale and shift start at zero."""


SHARED = Flags(decouple=False, adaptive=False, affine=True, zero_init=True)
"""An ordinary batch norm over all domains."""

OF_DOMAIN = Flags(decouple=True, adaptive=False, affine=True, zero_init=True)
"""An ordinary batch norm for each domain."""


class Norms(NamedTuple):
    """Makes the norms of one model."""

    domains: tuple[str, ...]
    prompt_length: int
    sum_of_ranks: SumOfRanks
    eps: float
    momentum: float

    def make(self, channels: int, flags: Flags) -> "PDNorm":
        """A norm over ``channels``."""
        return PDNorm(channels, self, flags)


class PDNorm(nn.Module):
    """Batch norm over the voxels of all ranks, with rows and prompt of the batch's domain."""

    def __init__(self, channels: int, norms: Norms, flags: Flags) -> None:
        super().__init__()
        self.rows = norms.domains if flags.decouple else (EVERY_DOMAIN,)
        self.eps = norms.eps
        self.sum_of_ranks = norms.sum_of_ranks
        self.running = RunningStatistics(self.rows, channels, norms.momentum)
        ones, zeros = torch.ones(channels), torch.zeros(channels)
        self.weight = Bank(dict.fromkeys(self.rows, ones)) if flags.affine else None
        self.bias = Bank(dict.fromkeys(self.rows, zeros)) if flags.affine else None
        self.modulation = (
            Modulation(norms.prompt_length, channels, zero_init=flags.zero_init)
            if flags.adaptive
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
        out, mean, var, count = normalise(feat, scale, shift, self.eps, self.sum_of_ranks)
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
