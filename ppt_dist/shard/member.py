"""Members of a record in a tar, read without trusting them; webdataset would import torch."""

from ppt_dist.section import BadInput

Content = bytes | bytearray | memoryview
"""Bytes in memory. What is writable is handed on in place, what is not is copied once."""

BLOCK = 512
"""Bytes that headers take and contents are padded to."""
_MAGIC = b"ustar\x0000"
_REGULAR = ord("0")


def members_of(content: Content, key: str) -> dict[str, memoryview]:
    """Members of the record in ``content``, by suffix; they lie in ``content``, nothing is copied.

    Raises:
        BadInput: it is not a tar, or holds something else than regular members of ``key``.
    """
    members: dict[str, memoryview] = {}
    whole, place = memoryview(content), 0
    while place < len(whole):
        name, size = _header(bytes(whole[place : place + BLOCK]))
        stem, _, suffix = name.partition(".")
        if stem != key or suffix in members:
            raise BadInput(f"unexpected member {name!r} in the record of {key}")
        part = whole[place + BLOCK : place + BLOCK + size]
        if len(part) != size:
            raise BadInput(f"member {name!r} is cut off")
        members[suffix] = part
        place += BLOCK + -(-size // BLOCK) * BLOCK
    return members


def _header(block: bytes) -> tuple[str, int]:
    """Name and size of a regular member."""
    if len(block) != BLOCK:
        raise BadInput(f"not a tar header: {len(block)} bytes instead of {BLOCK}")
    told, summed = _octal(block[148:156]), sum(block[:148]) + 8 * ord(" ") + sum(block[156:])
    if told != summed or block[257:265] != _MAGIC:
        raise BadInput("not a tar header: not USTAR, or its checksum is wrong")
    name = block[:100].partition(b"\0")[0]
    prefix = block[345:500].partition(b"\0")[0]
    if not name.isascii() or prefix:
        raise BadInput(f"not a tar header of ours: named {prefix + name!r}")
    size = _octal(block[124:136])
    if block[156] != _REGULAR or size is None:
        raise BadInput(f"member {name.decode('ascii')!r} is not a plain file")
    return name.decode("ascii"), size


def _octal(field: bytes) -> int | None:
    """The number in a field of a header, or None where it is not written in octal digits."""
    digits = field.rstrip(b"\0 ")
    octal = digits.isdigit() and b"8" not in digits and b"9" not in digits
    return int(digits, 8) if octal else None
