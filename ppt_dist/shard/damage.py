"""`DamagedRecord`: a record that will not come right, however often it is read."""

from ppt_dist.section import BadInput


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
