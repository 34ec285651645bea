"""`Prompt`: what a forward pass knows of its domain: the name, and the vector learned for it."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class Prompt(NamedTuple):
    """The learned vector of the batch's domain (PPT, arXiv 2308.09718), drawn from N(0, 1)."""

    domain: str
    vector: Float[Tensor, " length"]
