"""Memory of parcels, used again: pages that both processes know need not be cleared or mapped anew.

A fetcher has slots, each an anonymous file that only grows. The rank maps a slot when it first
comes and gives it back, with its next order, once nothing in it is referred to any more.
"""

import mmap
import os
import weakref
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ppt_dist.stream.load import Loaded
from ppt_dist.stream.parcel import Bill, Parcel, anonymous_file, parcel_in, parcel_over


class Given(NamedTuple):
    """What a fetcher says of a parcel."""

    bill: Bill
    slot: int
    fresh: bool
    """Whether the slot is new: its descriptor follows."""


class Laying:
    """A fetcher's slots."""

    def __init__(self) -> None:
        self._files: list[int] = []
        self._free: list[int] = []

    def take_back(self, slots: Iterable[int]) -> None:
        """These may be written over."""
        self._free += slots

    def lay(self, loaded: Loaded) -> Given:
        """Lay scenes into a slot that nobody reads."""
        fresh = not self._free
        if fresh:
            self._files.append(anonymous_file())
            self._free.append(len(self._files) - 1)
        slot = self._free.pop()
        return Given(parcel_in(self._files[slot], loaded), slot, fresh)

    def descriptor(self, slot: int) -> int:
        """Of a slot's file."""
        return self._files[slot]


class Seeing:
    """The slots of one fetcher, as the rank sees them."""

    def __init__(self) -> None:
        self._files: dict[int, int] = {}
        self._maps: dict[int, mmap.mmap] = {}
        self._free: list[int] = []

    def add(self, slot: int, descriptor: int) -> None:
        """A slot that is new."""
        self._files[slot] = descriptor

    def parcel(self, given: Given) -> Parcel:
        """Views into its slot, which is free again when the last of them is gone."""
        mapped = self._maps.get(given.slot)
        if mapped is None or len(mapped) < given.bill.places[-1]:
            file = self._files[given.slot]
            mapped = self._maps[given.slot] = mmap.mmap(file, os.fstat(file).st_size)
        memory = np.frombuffer(mapped, np.uint8)  # views refer to it, and to nothing below it
        weakref.finalize(memory, self._free.append, given.slot).atexit = False
        return parcel_over(memory, given.bill)

    def given_back(self) -> tuple[int, ...]:
        """Slots that have become free since the last call."""
        return tuple(self._free.pop() for _ in range(len(self._free)))

    def close(self) -> None:
        """Close the files; memory that is still referred to stays."""
        for file in self._files.values():
            os.close(file)
        self._files.clear()
