"""`Read`: a scene as the bytes told that reached the model, not as the plan named it."""

from typing import NamedTuple

from ppt_dist.stream.permutation import key


class Read(NamedTuple):
    """One scene of a batch."""

    name: str
    """As its record calls it."""
    crc32: int
    """Of the record's bytes."""
    instead_of: str = ""
    """The planned scene, where that is quarantined."""


class Damaged(NamedTuple):
    """A scene that was planned, or was to stand in, and whose record cannot be used."""

    name: str
    reason: str


def fingerprint(domain: str, name: str, crc32: int) -> int:
    """64 bits of a scene's name and bytes; events and ranks compare them."""
    return key("read", domain, name, crc32)
