"""Scenes that stand in for one that cannot be read: the same on every rank and at every restart."""

import math
from collections.abc import Iterator

from ppt_dist.stream.permutation import Permutation, key
from ppt_dist.stream.plan import Slot


def stand_ins(count: int, seed: int, domain: str, slot: Slot) -> Iterator[Slot]:
    """Every other scene of the domain once, in the order in which they are asked.

    From the slot's place in its epoch on in strides of about 0.618 of the domain, so that
    neighbours do not share a stand-in; a stride without a common divisor reaches all.

    Args:
        count: scenes of the domain.
        seed: of the run.
        domain: its name.
        slot: what was planned.
    """
    order = Permutation(count, key(seed, domain, slot.epoch))
    stride = max(count * 618 // 1000, 1)
    while math.gcd(stride, count) != 1:
        stride += 1
    place = order.inverse(slot.scene)
    for attempt in range(1, count):
        yield Slot(slot.epoch, order((place + attempt * stride) % count))
