"""The losses of an official configuration, by our own terms."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ppt_dist.scene.batch import SceneBatch
from ppt_dist.train.loss import CrossEntropy
from ppt_dist.train.lovasz import BatchLovasz
from ppt_dist.train.published.config import Criterion


def losses(
    criteria: Sequence[Criterion], batch: SceneBatch, logits: Float[Tensor, "points classes"]
) -> Float[Tensor, " criteria"]:
    """Each criterion's loss of one batch with its weight; their sum is what is learned from."""
    terms = [_term(criterion, batch.domain, logits) for criterion in criteria]
    means = [term.total(batch, logits) / term.mass(batch) for term in terms]
    weights = logits.new_tensor([criterion.loss_weight for criterion in criteria])
    return torch.stack(means) * weights


def _term(criterion: Criterion, domain: str, logits: Tensor) -> CrossEntropy | BatchLovasz:
    if criterion.type == "CrossEntropyLoss":
        return CrossEntropy({domain: torch.ones(logits.shape[1])})
    return BatchLovasz()
