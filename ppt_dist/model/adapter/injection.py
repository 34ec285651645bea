"""Direct injection: the prompt, projected to a block's width, is added to the block's input.

An alternative of the appendix of PPT (arXiv 2308.09718), of which no code was published and which
we know from a summary: the linear layer, the sum at the start of each block and the zero start of
that layer are told; that the layer has a bias and that norms stay ordinary is inferred.
"""

from typing import Literal, NamedTuple

from jaxtyping import Float
from pydantic import PositiveFloat
from torch import Tensor, nn

from ppt_dist.model.adapter.adapter import EVERYWHERE, Place, Where
from ppt_dist.model.adapter.norm import EPS, MOMENTUM, OF_DOMAIN, SHARED, Flags, Norms, PDNorm
from ppt_dist.model.adapter.normalise import SumOfRanks
from ppt_dist.model.prompt import Prompt, PromptReader
from ppt_dist.section import Section


class InjectionConfig(Section):
    """The prompt is added in every block."""

    kind: Literal["injection"] = "injection"
    where: Where = EVERYWHERE
    """The stem has no block: there, only ``norm`` matters."""
    norm: Literal["shared", "domain"] = "shared"
    """``shared``: those of ``none``, so that the prompt alone tells the domain; the appendix
    compares ways in which it may. ``domain``: statistics and affine of each domain apart."""
    zero_init: bool = True
    """The projection starts at zero, and the net as if no prompt were added."""
    eps: PositiveFloat = EPS
    momentum: PositiveFloat = MOMENTUM
    """Share of the newest batch in the running statistics."""

    def build(
        self, domains: tuple[str, ...], prompt_length: int, sum_of_ranks: SumOfRanks
    ) -> "InjectionAdapter":
        """The adapter of a model over ``domains`` with prompts of ``prompt_length``."""
        norms = Norms(domains, prompt_length, sum_of_ranks, self.eps, self.momentum)
        flags = OF_DOMAIN if self.norm == "domain" else SHARED
        return InjectionAdapter(norms, flags, self.where, self.zero_init)


class InjectionAdapter(NamedTuple):
    """Adds the prompt in the blocks at ``where``."""

    norms: Norms
    flags: Flags
    where: Where
    zero_init: bool

    def norm(self, channels: int, place: Place) -> PDNorm:
        """A norm without a prompt."""
        return self.norms.make(channels, self.flags if place in self.where else SHARED)

    def stage(self, channels: int, place: Place) -> None:
        """Nothing."""

    def block(self, channels: int, place: Place) -> "Injection | None":
        """The projection of one block."""
        if place not in self.where:
            return None
        return Injection(self.norms.prompt_length, channels, zero_init=self.zero_init)


class Injection(PromptReader):
    """``x + linear(prompt)`` for every voxel."""

    def __init__(self, length: int, channels: int, *, zero_init: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(length, channels)
        nn.init.zeros_(self.linear.bias)
        if zero_init:
            nn.init.zeros_(self.linear.weight)
        else:
            nn.init.trunc_normal_(self.linear.weight, std=0.02)

    def forward(
        self, feat: Float[Tensor, "voxels channels"], prompt: Prompt
    ) -> Float[Tensor, "voxels channels"]:
        """Features with the prompt in them."""
        return feat + self.linear(prompt.vector)
