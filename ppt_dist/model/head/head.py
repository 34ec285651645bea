"""`Head` and `DomainLabels`: what a head is, and what it is told of each domain."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from ppt_dist.scene.labels import LabelSet


class DomainLabels(NamedTuple):
    """Classes of a domain, and the vectors of their words where the head wants them."""

    labels: LabelSet
    vectors: Float[Tensor, "classes width"] | None = None
    """In label order."""


@runtime_checkable
class Head(Protocol):
    """A section of a run file that builds a head, which is called as ``head(feat, domain)``.

    It gives logits of ``[rows, classes]`` over the domain's own classes; the highest is the
    nearest.
    """

    @property
    def attracts(self) -> bool:
        """Whether it is learned by raising the logit of the right class alone.

        Otherwise by cross-entropy over all logits.
        """
        ...

    def build(self, in_channels: int, domains: Mapping[str, DomainLabels]) -> nn.Module:
        """The head over features of ``in_channels``."""
        ...
