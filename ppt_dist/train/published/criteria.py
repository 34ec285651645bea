"""The losses of an official configuration, by our own criteria."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ppt_dist.section import BadInput
from ppt_dist.train.loss import CrossEntropy
from ppt_dist.train.published.config import Criterion


def losses(
    criteria: Sequence[Criterion],
    logits: Float[Tensor, "points classes"],
    label: Int64[Tensor, " points"],
) -> Float[Tensor, " criteria"]:
    """Each criterion's loss of one batch with its weight; their sum is what is learned from."""
    return torch.stack([_loss(c, logits, label) * c.loss_weight for c in criteria])


def _loss(criterion: Criterion, logits: Tensor, label: Tensor) -> Tensor:
    if criterion.type != "CrossEntropyLoss":
        raise BadInput(f"criterion {criterion.type} is not supported yet")
    ours = CrossEntropy({"": torch.ones(logits.shape[1])})
    return ours.total("", logits, label) / ours.mass("", label)
