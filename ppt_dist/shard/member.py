"""Members of a record in a tar, read without trusting them; webdataset would import torch."""

import tarfile

from ppt_dist.section import BadInput

BLOCK = 512
"""Bytes that headers take and contents are padded to."""


def members_of(content: bytes, key: str) -> dict[str, bytes]:
    """Members of the record in ``content``, by suffix.

    Raises:
        BadInput: it is not a tar, or holds something else than regular members of ``key``.
    """
    members: dict[str, bytes] = {}
    place = 0
    while place < len(content):
        name, size = _header(content[place : place + BLOCK])
        stem, _, suffix = name.partition(".")
        if stem != key or suffix in members:
            raise BadInput(f"unexpected member {name!r} in the record of {key}")
        part = content[place + BLOCK : place + BLOCK + size]
        if len(part) != size:
            raise BadInput(f"member {name!r} is cut off")
        members[suffix] = part
        place += BLOCK + -(-size // BLOCK) * BLOCK
    return members


def _header(block: bytes) -> tuple[str, int]:
    """Name and size of a regular member."""
    try:
        info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.HeaderError, ValueError, OverflowError) as error:
        raise BadInput(f"not a tar header: {error}") from None
    if info.type != tarfile.REGTYPE or info.size < 0:
        raise BadInput(f"member {info.name!r} is not a plain file")
    return info.name, info.size
