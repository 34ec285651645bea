"""Prompt-driven normalisation: norms whose statistics belong to the domain and follow the prompt.

PPT section 4.2 (arXiv 2308.09718): the adapter that was chosen.
"""

from typing import Literal, NamedTuple

from pydantic import PositiveFloat

from ppt_dist.model.adapter.adapter import EVERYWHERE, Place, Where
from ppt_dist.model.adapter.norm import EPS, MOMENTUM, SHARED, Flags, Norms, PDNorm
from ppt_dist.model.adapter.normalise import SumOfRanks
from ppt_dist.section import Section


class PDNormConfig(Section):
    """Flags of PDNorm; the defaults are the paper's.

    Released indoor weights have ``affine`` on and ``zero_init`` off, outdoor ones also
    ``adaptive`` off.
    """

    kind: Literal["pdnorm"] = "pdnorm"
    where: Where = EVERYWHERE
    """Elsewhere the norms are ordinary ones over all domains."""
    decouple: bool = True
    """Statistics (and affine) of each domain apart; off: shared by all domains."""
    adaptive: bool = True
    """Scale and shift computed from the prompt."""
    affine: bool = False
    """A learned weight and bias in each norm, per domain where decoupled."""
    zero_init: bool = True
    """The prompt's scale and shift start at zero; without meaning where not adaptive."""
    eps: PositiveFloat = EPS
    momentum: PositiveFloat = MOMENTUM
    """Share of the newest batch in the running statistics."""

    def build(
        self, domains: tuple[str, ...], prompt_length: int, sum_of_ranks: SumOfRanks
    ) -> "PDNormAdapter":
        """The adapter of a model over ``domains`` with prompts of ``prompt_length``."""
        norms = Norms(domains, prompt_length, sum_of_ranks, self.eps, self.momentum)
        flags = Flags(self.decouple, self.adaptive, self.affine, self.zero_init)
        return PDNormAdapter(norms, flags, self.where)


class PDNormAdapter(NamedTuple):
    """Changes norms alone."""

    norms: Norms
    flags: Flags
    where: Where

    def norm(self, channels: int, place: Place) -> PDNorm:
        """A norm that follows the prompt, or an ordinary one."""
        return self.norms.make(channels, self.flags if place in self.where else SHARED)

    def stage(self, channels: int, place: Place) -> None:
        """Nothing."""

    def block(self, channels: int, place: Place) -> None:
        """Nothing."""
