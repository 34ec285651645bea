"""No adapter: naive joint training, in which nothing but the head knows the domain."""

from typing import Literal, NamedTuple

from pydantic import PositiveFloat

from ppt_dist.model.adapter.adapter import Place
from ppt_dist.model.adapter.norm import EPS, MOMENTUM, SHARED, Norms, PDNorm
from ppt_dist.model.adapter.normalise import SumOfRanks
from ppt_dist.section import Section


class NoneConfig(Section):
    """Ordinary batch norms over all domains, with one affine."""

    kind: Literal["none"] = "none"
    eps: PositiveFloat = EPS
    momentum: PositiveFloat = MOMENTUM
    """Share of the newest batch in the running statistics."""

    def build(
        self, domains: tuple[str, ...], prompt_length: int, sum_of_ranks: SumOfRanks
    ) -> "NoAdapter":
        """The adapter of a model over ``domains``."""
        return NoAdapter(Norms(domains, prompt_length, sum_of_ranks, self.eps, self.momentum))


class NoAdapter(NamedTuple):
    """Leaves the backbone as it is."""

    norms: Norms

    def norm(self, channels: int, place: Place) -> PDNorm:  # noqa: ARG002 - the same everywhere
        """An ordinary norm."""
        return self.norms.make(channels, SHARED)

    def stage(self, channels: int, place: Place) -> None:
        """Nothing."""

    def block(self, channels: int, place: Place) -> None:
        """Nothing."""
