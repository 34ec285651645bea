"""`Adapter`: what a backbone asks of the way that prompts reach it."""

from typing import Protocol, runtime_checkable

from torch import nn


@runtime_checkable
class Adapter(Protocol):
    """Makes the modules of a backbone that know the prompt."""

    def norm(self, channels: int) -> nn.Module:
        """A norm over ``channels``, called as ``norm(feat, prompt)``."""
        ...
