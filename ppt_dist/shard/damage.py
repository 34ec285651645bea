"""`DamagedRecord`: a record that will not come right, however often it is read."""

from isal import isal_zlib

from ppt_dist.section import BadInput
from ppt_dist.shard.member import Content


class DamagedRecord(BadInput):
    """One record is not as it was packed; its place, and all other records, may be whole.

    What only could not be reached raises `Unreachable` instead, and says nothing about a record.
    """

    def __init__(self, shard: str, key: str, reason: str, crc32: int | None) -> None:
        super().__init__(shard, key, reason, crc32)
        self.shard = shard
        """The tar's path or URL."""
        self.key = key
        self.reason = reason
        self.crc32 = crc32
        """Of the bytes that came; None where none did."""

    def __str__(self) -> str:
        return f"{self.shard}, record {self.key}: {self.reason}"


def damaged(shard: str, key: str, reason: object, content: Content | None) -> DamagedRecord:
    """The damage that ``content`` shows."""
    crc32 = None if content is None else isal_zlib.crc32(content)
    return DamagedRecord(shard, key, str(reason), crc32)
