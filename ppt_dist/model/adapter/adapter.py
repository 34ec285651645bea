"""`Adapter`: what a backbone asks of the way that prompts reach it."""

from typing import Annotated, Literal, Protocol, runtime_checkable

from pydantic import Field
from torch import nn

Place = Literal["stem", "encoder", "decoder"]
"""A part of a backbone."""

Where = Annotated[tuple[Place, ...], Field(min_length=1)]
"""Parts of a backbone that an adapter changes; elsewhere it is as with ``none``."""

EVERYWHERE: Where = ("stem", "encoder", "decoder")


@runtime_checkable
class Adapter(Protocol):
    """Makes the modules of a backbone that know the domain. Each call makes one of its own."""

    def norm(self, channels: int, place: Place) -> nn.Module:
        """A norm over ``channels``, called as ``norm(feat, prompt)``."""
        ...

    def stage(self, channels: int, place: Place) -> nn.Module | None:
        """What enters a stage with its input, called as ``enter(feat, prompt)``; None: nothing."""
        ...

    def block(self, channels: int, place: Place) -> nn.Module | None:
        """What enters a block with its input, called as ``enter(feat, prompt)``; None: nothing."""
        ...
