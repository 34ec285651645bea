"""The cache and the plan together: knowing the future keeps more of what is needed."""

from functools import partial
from itertools import chain

import numpy as np
import pytest

from ppt_dist.shard.cache import UNKNOWN, Future, NodeCache, digest_of, file_name
from ppt_dist.stream.era import steady
from ppt_dist.stream.horizon import horizon_of
from ppt_dist.stream.plan import LotShape, Plan

SCENES, EPOCHS, DIGEST = 100, 5, "0123456789abcdef" * 4


def share_of_hits(folder, kept, knows):
    """Of the reads after the first epoch, with ``kept`` records of room."""
    plan = Plan({"a": np.ones(SCENES, np.int64)}, steady({"a": 1}), LotShape(4, 1, 1), 0)
    horizon, hits = horizon_of(plan), []
    cache = NodeCache(folder, kept * 10)
    for t in range(EPOCHS * SCENES // 4):
        coming = partial(horizon.next_use, now=t)
        future = Future("train", {digest_of(DIGEST): "a"}, coming) if knows else UNKNOWN
        for slot in chain(*plan.lot(t).micro):
            name = file_name(DIGEST, "train", slot.scene)
            hits.append(cache.get(name) is not None)
            cache.put(name, b"0123456789", future)
    return np.mean(hits[SCENES:])


@pytest.mark.parametrize("kept", [25, 50, 75])
def test_the_horizon_keeps_more_of_what_is_needed_than_age_does(tmp_path, kept):
    knows, blind = (share_of_hits(tmp_path / str(k), kept, k) for k in (True, False))
    assert knows > blind + 0.05
