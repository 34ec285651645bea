"""`Modulation`: the layer that turns a prompt into the shift and scale of a norm."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ppt_dist.model.prompt import PromptReader


class Modulation(PromptReader):
    """SiLU, then one linear layer to shift and scale, in this order (Pointcept SpUNet-v1m3)."""

    def __init__(self, length: int, channels: int, *, zero_init: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(length, 2 * channels)
        nn.init.zeros_(self.linear.bias)
        if zero_init:
            nn.init.zeros_(self.linear.weight)
        else:
            nn.init.trunc_normal_(self.linear.weight, std=0.02)

    def forward(
        self, prompt: Float[Tensor, " length"]
    ) -> tuple[Float[Tensor, " channels"], Float[Tensor, " channels"]]:
        """Shift and scale; a scale of zero leaves the norm as it is."""
        shift, scale = self.linear(torch.nn.functional.silu(prompt)).chunk(2)
        return shift, scale
