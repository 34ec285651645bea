"""`Groups`: rows of equal keys brought together, by a radix sort."""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Int32, Int64

from ppt_dist.scene.kernel import kernel

_DIGIT = 11
"""Bits of a key that one pass sorts by: 2,048 counters stay in the nearest cache."""
_MASK = (1 << _DIGIT) - 1


class Groups(NamedTuple):
    """Rows that share a key, in the order of the keys."""

    key: Int64[np.ndarray, " groups"]
    """Of each group, ascending."""
    order: Int64[np.ndarray, " rows"]
    """Rows by their keys, and of one key as they came."""
    start: Int64[np.ndarray, " groups"]
    """Where each group begins in ``order``."""

    def first_of_each(self) -> Int64[np.ndarray, " groups"]:
        """The first row of each group."""
        return self.order[self.start]

    def one_of_each(self, rng: np.random.Generator) -> Int64[np.ndarray, " groups"]:
        """A random row of each group; all of its rows are equally likely."""
        return _drawn(self.order, self.start, rng)

    def inverse(self) -> Int64[np.ndarray, " rows"]:
        """Group of each row."""
        return _inverse(self.order, self.start)


def group(key: Int64[np.ndarray, " rows"]) -> Groups:
    """Rows by their keys, which are not negative."""
    ascending, order = _sorted(key)
    return Groups(*_grouped(ascending, order))


@kernel
@no_type_check
def _sorted(
    key: Int64[np.ndarray, " rows"],
) -> tuple[Int64[np.ndarray, " rows"], Int32[np.ndarray, " rows"]]:
    """Keys in order and their rows; by one digit after the other, the last one first, each stable.

    32 bytes a row at most; fewer than 2^31 rows.
    """
    used = 0
    for k in key:
        used |= k
    order = np.arange(len(key)).astype(np.int32)
    keys, spare_keys, spare_order = key.copy(), np.empty_like(key), np.empty_like(order)
    counters = np.empty(1 << _DIGIT, np.int64)
    for shift in range(0, 63, _DIGIT):
        if used >> shift == 0:
            break
        counters[:] = 0
        for k in keys:
            counters[np.uint64((k >> shift) & _MASK)] += 1
        place = 0
        for digit in range(len(counters)):
            count = counters[digit]
            counters[digit] = place
            place += count
        for i in range(len(keys)):
            digit = np.uint64((keys[i] >> shift) & _MASK)
            to = np.uint64(counters[digit])
            spare_keys[to], spare_order[to] = keys[i], order[i]
            counters[digit] += 1
        keys, spare_keys, order, spare_order = spare_keys, keys, spare_order, order
    return keys, order


@kernel
@no_type_check
def _grouped(
    ascending: Int64[np.ndarray, " rows"], order: Int32[np.ndarray, " rows"]
) -> tuple[Int64[np.ndarray, " groups"], Int64[np.ndarray, " rows"], Int64[np.ndarray, " groups"]]:
    """Each key once, the order, and where each key begins in it."""
    key, start, groups = np.empty_like(ascending), np.empty(len(ascending), np.int64), 0
    for i in range(len(ascending)):
        if i == 0 or ascending[i] != ascending[i - 1]:
            key[groups], start[groups] = ascending[i], i
            groups += 1
    return key[:groups].copy(), order.astype(np.int64), start[:groups].copy()


@kernel
@no_type_check
def _drawn(
    order: Int64[np.ndarray, " rows"],
    start: Int64[np.ndarray, " groups"],
    rng: np.random.Generator,
) -> Int64[np.ndarray, " groups"]:
    chosen = np.empty(len(start), np.int64)
    for g in range(len(start)):
        end = start[g + 1] if g + 1 < len(start) else len(order)
        count = end - start[g]
        # A float below 1 times a whole number below 2^53 is below that number.
        place = int(rng.random() * count) if count > 1 else 0
        chosen[g] = order[start[g] + place]
    return chosen


@kernel
@no_type_check
def _inverse(
    order: Int64[np.ndarray, " rows"], start: Int64[np.ndarray, " groups"]
) -> Int64[np.ndarray, " rows"]:
    inverse = np.empty(len(order), np.int64)
    for g in range(len(start)):
        end = start[g + 1] if g + 1 < len(start) else len(order)
        for p in range(start[g], end):
            inverse[order[p]] = g
    return inverse
