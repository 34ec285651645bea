"""Language-guided head: projected features against the vectors of the domain's own words.

PPT section 4.3 (arXiv 2308.09718). Cross-entropy over cosines divided by a temperature is InfoNCE
with the domain's words, the criterion that was chosen; the appendix names cosine and L2 too.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import PositiveFloat
from torch import Tensor, nn
from torch.nn import functional as F

from ppt_dist.model.head.head import DomainLabels
from ppt_dist.section import HOW, Section

Criterion = Literal["infonce", "cosine", "l2"]

_EPS = 1e-12
"""Shortest projection that counts as a direction, as in `torch.nn.functional.normalize`."""


class LanguageConfig(Section):
    """The head's vectors, and how features are compared with them."""

    kind: Literal["language"] = "language"
    vectors: Annotated[Path, HOW]
    """Word vectors made by ``ppt-dist text``."""
    criterion: Criterion = "infonce"
    """Logits are for ``infonce`` the cosine over the temperature, learned by cross-entropy; for
    ``cosine`` the cosine, for ``l2`` minus the squared distance of the projection to the word of
    length 1, both learned by drawing the point to its word, whatever the other words are."""
    temperature: PositiveFloat = 0.01
    """Of ``infonce``, frozen. 0.01 is CLIP's trained one, as in the official code; 0.07 is CLIP's
    initial one."""

    @property
    def attracts(self) -> bool:
        """Whether the point is drawn to its word and not pushed from others."""
        return self.criterion != "infonce"

    def build(self, in_channels: int, domains: Mapping[str, DomainLabels]) -> "LanguageHead":
        """The head over the word vectors of each domain; `ValueError` where one has none."""
        bare = [domain for domain, known in domains.items() if known.vectors is None]
        if bare:
            raise ValueError(f"the language head needs word vectors of {', '.join(bare)}")
        vectors = {d: known.vectors for d, known in domains.items() if known.vectors is not None}
        return LanguageHead(in_channels, vectors, self.criterion, self.temperature)


class LanguageHead(nn.Module):
    """Nearness of the projected feature to each word of the batch's domain."""

    logit_scale: Tensor

    def __init__(
        self,
        in_channels: int,
        vectors: Mapping[str, Float[Tensor, "classes width"]],
        criterion: Criterion,
        temperature: float,
    ) -> None:
        super().__init__()
        width = next(iter(vectors.values())).shape[1]
        self.project = nn.Linear(in_channels, width)
        nn.init.trunc_normal_(self.project.weight, std=0.02)
        nn.init.zeros_(self.project.bias)
        self.criterion = criterion
        if criterion == "infonce":
            self.register_buffer("logit_scale", torch.tensor(-math.log(temperature)))
        self.words = nn.Module()
        """The vectors as buffers by domain: they travel with the weights."""
        for domain, rows in vectors.items():
            self.words.register_buffer(domain, F.normalize(rows.float(), dim=1))

    def forward(
        self, feat: Float[Tensor, "voxels channels"], domain: str
    ) -> Float[Tensor, "voxels classes"]:
        """Logits of the domain's own classes.

        A projection of zeros points nowhere: its cosines are zero and so are their gradients
        (the official code gives NaN).
        """
        projected = self.project(feat)
        words = self.words.get_buffer(domain)
        product = projected @ words.T
        if self.criterion == "l2":
            squares = projected.square().sum(1, keepdim=True) + words.square().sum(1)
            return 2 * product - squares
        # Divided after the product: as many columns as classes instead of as vectors are wide.
        length = projected.norm(dim=1, keepdim=True)
        cosine = product * torch.where(length > _EPS, 1 / length.clamp(min=_EPS), 0.0)
        return cosine * self.logit_scale.exp() if self.criterion == "infonce" else cosine
