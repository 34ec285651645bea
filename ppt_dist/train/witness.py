"""`Witness`: what all ranks read, held against the plan: 8 bytes between them now and then."""

from collections.abc import Iterator, Mapping
from typing import Protocol

import torch

from ppt_dist.shard.records import Records
from ppt_dist.stream.plan import Lot, Plan
from ppt_dist.stream.read import Read, fingerprint
from ppt_dist.stream.stream import LotBatch
from ppt_dist.train.ranks import Ranks

_BITS = 64


class Steps(Protocol):
    """Gives a rank its part of every step."""

    plan: Plan

    def steps(self, start: int, stop: int) -> Iterator[tuple[LotBatch, ...]]:
        """The lots of each step from ``start`` to before ``stop``."""
        ...


class Witness:
    """A stream that is checked: sums of fingerprints over all ranks must be the plan's own.

    It finds loaders that give another scene than was asked, ranks with other shards, and scenes
    that no rank or two ranks took.
    """

    def __init__(
        self, stream: Steps, records: Mapping[str, Records], ranks: Ranks, every: int
    ) -> None:
        self.plan = stream.plan
        self._stream, self._ranks, self._every = stream, ranks, every
        self._records = records
        self._place = {
            domain: {name: i for i, name in enumerate(part.names)}
            for domain, part in records.items()
        }

    def steps(self, start: int, stop: int) -> Iterator[tuple[LotBatch, ...]]:
        """The stream's; every so many are compared before the last of them is handed out.

        Raises:
            RuntimeError: what was read is not what was planned.
        """
        seen, planned, since = 0, 0, start
        for step, lots in enumerate(self._stream.steps(start, stop), start):
            seen += sum(self._seen(lot.domain, read) for lot in lots for read in lot.reads)
            planned += sum(map(self._planned, self.plan.step(step)))
            if (step + 1) % self._every == 0 or step + 1 == stop:
                self._compare(seen, planned, since, step)
                seen, planned, since = 0, 0, step + 1
            yield lots

    def _seen(self, domain: str, read: Read) -> int:
        """Of the scene that was read; a stand-in counts as what it stands for."""
        if read.instead_of:
            return self._of(domain, self._place[domain][read.instead_of])
        return fingerprint(domain, read.name, read.crc32)

    def _planned(self, lot: Lot) -> int:
        return sum(self._of(lot.domain, slot.scene) for part in lot.micro for slot in part)

    def _of(self, domain: str, scene: int) -> int:
        records = self._records[domain]
        return fingerprint(domain, records.names[scene], records.crc32[scene])

    def _compare(self, seen: int, planned: int, since: int, step: int) -> None:
        total = int(self._ranks.sum(torch.tensor(_signed(seen), dtype=torch.int64)))
        if total != _signed(planned):
            raise RuntimeError(
                f"the scenes that were read in steps {since} to {step} are not those of the plan: "
                "a loader or a shard is wrong; ppt-dist audit names them"
            )


def _signed(total: int) -> int:
    """As int64 holds it, whose sums wrap alike on every rank."""
    total %= 1 << _BITS
    return total - (1 << _BITS) if total >> (_BITS - 1) else total
