"""`Prompt`: what a forward pass knows of its domain: the name, and the vector learned for it."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn


class Prompt(NamedTuple):
    """The learned vector of the batch's domain (PPT, arXiv 2308.09718), drawn from N(0, 1)."""

    domain: str
    vector: Float[Tensor, " length"]


class PromptReader(nn.Module):
    """Abstract: a module that takes the prompt's vector in.

    Its parameters are trained at ``rates.modulation``. A model without any does not train its
    prompts, so an adapter that reads them must do it in modules of this class.
    """


def reads_prompt(model: nn.Module) -> bool:
    """Whether any part of ``model`` takes the prompt's vector in."""
    return any(isinstance(module, PromptReader) for module in model.modules())
