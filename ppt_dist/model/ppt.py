"""`PPT`: prompt, backbone, head (Point Prompt Training, arXiv 2308.09718)."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ppt_dist.model.adapter import AdapterConfig
from ppt_dist.model.adapter.normalise import SumOfRanks
from ppt_dist.model.backbone import BackboneConfig
from ppt_dist.model.bank import Bank
from ppt_dist.model.head import HeadConfig
from ppt_dist.model.head.head import DomainLabels
from ppt_dist.model.prompt import Prompt, reads_prompt
from ppt_dist.scene.batch import SceneBatch
from ppt_dist.section import BadInput, nearest


class Parts(NamedTuple):
    """What a model is made of."""

    in_channels: int
    prompt_length: int
    backbone: BackboneConfig
    adapter: AdapterConfig
    head: HeadConfig


class PPT(nn.Module):
    """One backbone for every domain, told by a prompt which one it sees.

    Prompts that no module reads keep their place among the weights and are not trained.
    """

    def __init__(
        self, parts: Parts, domains: Mapping[str, DomainLabels], sum_of_ranks: SumOfRanks
    ) -> None:
        super().__init__()
        self.domains = tuple(domains)
        self.prompts = Bank({domain: torch.randn(parts.prompt_length) for domain in domains})
        adapter = parts.adapter.build(self.domains, parts.prompt_length, sum_of_ranks)
        self.backbone = parts.backbone.build(parts.in_channels, adapter)
        self.head = parts.head.build(self.backbone.out_channels, domains)
        self.prompts.requires_grad_(reads_prompt(self.backbone))

    def forward(self, batch: SceneBatch) -> Float[Tensor, "rows classes"]:
        """Logits over the classes of the batch's domain, a row for each that the backbone gives.

        Raises:
            BadInput: the model does not know the domain.
        """
        if batch.domain not in self.domains:
            raise BadInput(
                f"the model does not know domain {batch.domain!r}: "
                f"{nearest(batch.domain, list(self.domains))}"
            )
        prompt = Prompt(batch.domain, self.prompts(batch.domain))
        feat = self.backbone(batch.grid, batch.scene_of_voxel(), batch.feat, prompt)
        return self.head(feat, batch.domain)


def build_model(
    parts: Parts, domains: Mapping[str, DomainLabels], sum_of_ranks: SumOfRanks, seed: int
) -> PPT:
    """A fresh model: the same weights for the same seed, on every rank.

    Args:
        parts: what it is made of.
        domains: what the head is told of each; its keys are the domains.
        sum_of_ranks: sum of a tensor over all ranks, which norms need.
        seed: of the weights; the global generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PPT(parts, domains, sum_of_ranks)
