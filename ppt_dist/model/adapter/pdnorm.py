"""PDNorm: a batch norm whose statistics belong to the domain and whose affine follows the prompt.

PPT section 4.2 (arXiv 2308.09718): ``norm(x) (1 + scale(prompt)) + shift(prompt)``.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from pydantic import PositiveFloat
from torch import Tensor, nn

from ppt_dist.model.bank import Bank
from ppt_dist.model.prompt import Prompt
from ppt_dist.section import Section

SumOfRanks = Callable[[Tensor], Tensor]
"""Differentiable sum of a tensor over all ranks; the identity where there is one."""


class PDNormConfig(Section):
    """Flags of PDNorm. The defaults are the paper's; released indoor weights have ``affine`` on and ``zero_init`` off."""

    kind: Literal["pdnorm"] = "pdnorm"
    decouple: bool = True
    """Statistics (and affine) of each domain apart; off: shared by all domains."""
    adaptive: bool = True
    """Scale and shift computed from the prompt."""
    affine: bool = False
    """A learned weight and bias in each norm, per domain where decoupled."""
    zero_init: bool = True
    """The prompt's scale and shift start at zero."""
    eps: PositiveFloat = 1e-3
    momentum: PositiveFloat = 0.01
    """Share of the newest batch in the running statistics."""
