"""Cross-attention: at the start of each stage the voxels attend to the prompt.

An alternative of the appendix of PPT (arXiv 2308.09718), after DETR (arXiv 2005.12872), of which no
code was published and which we know from a summary: voxels are the queries, the prompt gives keys
and values, there is a skip connection, at the start of each stage of encoder and decoder. Inferred
are the layer that starts at zero (the output projection), the tokens, the heads, that the start of
a stage is before its change of resolution, that there is no norm of its own, and that the
backbone's norms stay ordinary.
"""

import math
from typing import Literal, NamedTuple

from jaxtyping import Float
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from ppt_dist.model.adapter.adapter import EVERYWHERE, Place, Where
from ppt_dist.model.adapter.norm import EPS, MOMENTUM, OF_DOMAIN, SHARED, Flags, Norms, PDNorm
from ppt_dist.model.adapter.normalise import SumOfRanks
from ppt_dist.model.prompt import Prompt, PromptReader
from ppt_dist.section import BadInput, Section


class AttentionConfig(Section):
    """Voxels attend to the prompt in every stage."""

    kind: Literal["attention"] = "attention"
    where: Where = EVERYWHERE
    """The stem is no stage: there, only ``norm`` matters."""
    norm: Literal["shared", "domain"] = "shared"
    """``shared``: those of ``none``, so that the prompt alone tells the domain; the appendix
    compares ways in which it may. ``domain``: statistics and affine of each domain apart."""
    zero_init: bool = True
    """The output projection starts at zero, and the net as if nobody attended."""
    tokens: PositiveInt = 4
    """Parts of equal length that the prompt is cut into, each a key and a value. With one token
    the softmax is over one key, always 1: every voxel gets the same vector, whatever it asks."""
    heads: PositiveInt = 1
    """Must divide the width of every stage."""
    eps: PositiveFloat = EPS
    momentum: PositiveFloat = MOMENTUM
    """Share of the newest batch in the running statistics."""

    def build(
        self, domains: tuple[str, ...], prompt_length: int, sum_of_ranks: SumOfRanks
    ) -> "AttentionAdapter":
        """The adapter of a model over ``domains`` with prompts of ``prompt_length``.

        Raises:
            BadInput: the prompt cannot be cut into so many tokens.
        """
        if prompt_length % self.tokens:
            raise BadInput(
                f"model.adapter.tokens is {self.tokens}, which does not divide the prompt's "
                f"length, model.prompt.length {prompt_length}: change one of them"
            )
        norms = Norms(domains, prompt_length, sum_of_ranks, self.eps, self.momentum)
        return AttentionAdapter(norms, self)


class AttentionAdapter(NamedTuple):
    """Adds cross-attention to the stages at ``where``."""

    norms: Norms
    config: AttentionConfig

    def norm(self, channels: int, place: Place) -> PDNorm:
        """A norm without a prompt."""
        own: Flags = OF_DOMAIN if self.config.norm == "domain" else SHARED
        return self.norms.make(channels, own if place in self.config.where else SHARED)

    def stage(self, channels: int, place: Place) -> "CrossAttention | None":
        """The attention of one stage; `BadInput` where its width has no room for the heads."""
        if place not in self.config.where:
            return None
        if channels % self.config.heads:
            raise BadInput(
                f"model.adapter.heads is {self.config.heads}, which does not divide the "
                f"{channels} channels that come into a stage of the {place}"
            )
        return CrossAttention(self.norms.prompt_length, channels, self.config)

    def block(self, channels: int, place: Place) -> None:
        """Nothing."""


class CrossAttention(PromptReader):
    """``x + output(softmax(query(x) key(tokens)^T / sqrt(width)) value(tokens))``, in heads.

    Keys have no bias: one adds the same to all scores of a voxel, which softmax takes away again.
    """

    def __init__(self, length: int, channels: int, config: AttentionConfig) -> None:
        super().__init__()
        self.tokens, self.heads = config.tokens, config.heads
        width = length // config.tokens
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(width, channels, bias=False)
        self.value = nn.Linear(width, channels)
        self.output = nn.Linear(channels, channels)
        for layer in (self.query, self.key, self.value, self.output):
            nn.init.trunc_normal_(layer.weight, std=0.02)
        for layer in (self.query, self.value, self.output):
            nn.init.zeros_(layer.bias)
        if config.zero_init:
            nn.init.zeros_(self.output.weight)

    def forward(
        self, feat: Float[Tensor, "voxels channels"], prompt: Prompt
    ) -> Float[Tensor, "voxels channels"]:
        """Features, each with what it took from the prompt."""
        tokens = prompt.vector.view(self.tokens, -1)
        query, key, value = (
            self._by_head(x) for x in (self.query(feat), self.key(tokens), self.value(tokens))
        )
        scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[2])
        taken = scores.softmax(2) @ value
        return feat + self.output(taken.transpose(0, 1).flatten(1))

    def _by_head(self, x: Float[Tensor, "rows channels"]) -> Float[Tensor, "heads rows width"]:
        return x.view(len(x), self.heads, x.shape[1] // self.heads).transpose(0, 1)
