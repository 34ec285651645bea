"""`Witness`: what all ranks read, held against the plan: 8 bytes between them now and then."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Protocol, runtime_checkable

import torch

from ppt_dist.shard.records import Records
from ppt_dist.stream.permutation import mix
from ppt_dist.stream.plan import Lot, Plan, Slot, assign
from ppt_dist.stream.read import Read, fingerprint
from ppt_dist.stream.stream import LotBatch
from ppt_dist.train.ranks import Ranks

_BITS = 64


@runtime_checkable
class Steps(Protocol):
    """Gives a rank its part of every step."""

    plan: Plan

    def steps(self, start: int, stop: int) -> Iterator[tuple[LotBatch, ...]]:
        """The lots of each step from ``start`` to before ``stop``."""
        ...


class Witness:
    """A stream that is checked: sums of fingerprints over all ranks must be the plan's own.

    It finds loaders that give another scene than was asked, also in the same lot, ranks with other
    shards, and scenes that no rank or two ranks took.
    """

    def __init__(
        self, stream: Steps, records: Mapping[str, Records], ranks: Ranks, every: int
    ) -> None:
        self.plan = stream.plan
        self._stream, self._ranks, self._every = stream, ranks, every
        self._records = records

    def steps(self, start: int, stop: int) -> Iterator[tuple[LotBatch, ...]]:
        """The stream's; every so many are compared before the last of them is handed out.

        Raises:
            RuntimeError: what was read is not what was planned.
        """
        seen, planned, since = 0, 0, start
        for step, lots in enumerate(self._stream.steps(start, stop), start):
            for lot, own in zip(self.plan.step(step), lots, strict=True):
                seen += self._seen(lot, own.reads)
                slots = chain.from_iterable(lot.micro)
                planned += sum(_bound(slot, self._of(lot.domain, slot.scene)) for slot in slots)
            if (step + 1) % self._every == 0 or step + 1 == stop:
                self._compare(seen, planned, since, step)
                seen, planned, since = 0, 0, step + 1
            yield lots

    def _seen(self, lot: Lot, reads: tuple[Read, ...]) -> int:
        """Of what this rank read for its slots; a stand-in counts as what it stands for."""
        rank = self._ranks.rank
        micro = assign(lot, self.plan.costs[lot.domain], rank.of)
        slots = list(chain.from_iterable(part[rank.index] for part in micro))
        pairs = zip(slots, reads, strict=False)  # one too few cannot have the plan's sum
        return sum(_bound(slot, self._read(lot.domain, slot, read)) for slot, read in pairs)

    def _read(self, domain: str, slot: Slot, read: Read) -> int:
        if read.instead_of == self._records[domain].names[slot.scene]:
            return self._of(domain, slot.scene)
        return fingerprint(domain, read.name, read.crc32)

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


def _bound(slot: Slot, print_: int) -> int:
    """A fingerprint in its slot: two scenes in each other's place change the sum."""
    return mix(print_ ^ mix(slot.scene) ^ slot.epoch)


def _signed(total: int) -> int:
    """As int64 holds it, whose sums wrap alike on every rank."""
    total %= 1 << _BITS
    return total - (1 << _BITS) if total >> (_BITS - 1) else total
