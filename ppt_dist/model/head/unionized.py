"""Unionized head: one linear layer over the classes of all domains, cut to those of the batch's.

An alternative of the appendix of PPT (arXiv 2308.09718), of which no code was published: that the
logits are cut before the loss is told; whether same-named classes share a column is not known.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ppt_dist.model.head.head import DomainLabels
from ppt_dist.scene.labels import LabelUnion, union_of
from ppt_dist.section import Section


class UnionizedConfig(Section):
    """The union is derived from the domains' label sets."""

    kind: Literal["unionized"] = "unionized"
    share: bool = True
    """Classes of the same name in several domains have one column; off: each its own."""

    @property
    def attracts(self) -> bool:
        """It is learned by cross-entropy."""
        return False

    def build(self, in_channels: int, domains: Mapping[str, DomainLabels]) -> "UnionizedHead":
        """One layer over the union."""
        labels = {domain: known.labels for domain, known in domains.items()}
        return UnionizedHead(in_channels, union_of(labels, share=self.share))


class UnionizedHead(nn.Module):
    """The layer belongs to all domains: columns of absent ones decay as it does.

    Its weight and bias start as those of `torch.nn.Linear`.
    """

    def __init__(self, in_channels: int, union: LabelUnion) -> None:
        super().__init__()
        self.linear = nn.Linear(in_channels, len(union.names))
        self.columns = nn.Module()
        """Of each domain; they follow from the label sets and are not stored."""
        for domain, columns in union.columns.items():
            self.columns.register_buffer(domain, torch.tensor(columns), persistent=False)

    def forward(
        self, feat: Float[Tensor, "voxels channels"], domain: str
    ) -> Float[Tensor, "voxels classes"]:
        """Logits of the domain's own columns; the others compete in no softmax."""
        return self.linear(feat).index_select(1, self.columns.get_buffer(domain))
