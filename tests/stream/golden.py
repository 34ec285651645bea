"""Golden vectors of data order 1: `order_1.json` beside this file holds what `vectors` gives.

They never change under order 1. ``python -m tests.stream.golden`` writes the file for a new order.
"""

import json
from itertools import product
from pathlib import Path

import numpy as np

from ppt_dist.stream.era import Course, Era
from ppt_dist.stream.permutation import Permutation, key
from ppt_dist.stream.plan import LotShape, Plan

GOLDEN = Path(__file__).with_name("order_1.json")

COSTS = {
    "s3dis": np.array([7, 7, 9, 30, 4]),
    "scannet": np.arange(41) * 37 % 101 + 1,
    "structured3d": np.arange(97) * 53 % 211 + 1,
}
ERAS = (
    Era(0, {"structured3d": 4, "scannet": 2}, {}),
    Era(7, {"structured3d": 4, "scannet": 2, "s3dis": 1}, {"structured3d": 3, "scannet": 5}),
    Era(11, {"scannet": 1, "s3dis": 2}, {"scannet": 5, "s3dis": 2}),
    Era(15, {"structured3d": 1, "scannet": 1}, {}),
)
COURSE = Course(ERAS, limits={"s3dis": 15}, skipped=(9, 10, 33))
SHAPE = LotShape(scenes=4, micro=2, a_step=2, mix=0.5, window=8)
"""The window is a run file's default."""


def scenes():
    """1,000 rows of seed, domain, scenes of the domain, epoch, position and the scene there."""
    sizes = {"s3dis": 204, "scannet": 1201, "structured3d": 18348, "waymo": 158081, "b": 10**9}
    cases = product((0, 1), sizes.items(), (0, 1, 5, 1000), range(25))
    return [
        [seed, name, n, epoch, p := i * n // 25, Permutation(n, key(seed, name, epoch))(p)]
        for seed, (name, n), epoch, i in cases
    ]


def lots():
    """Index, domain and units of each lot of 24 steps; a unit is the epoch and scene of each."""
    plan = Plan(COSTS, COURSE, SHAPE, 7)
    return [[lot.index, lot.domain, lot.units] for step in range(24) for lot in plan.step(step)]


def vectors():
    """As JSON gives them back."""
    return json.loads(json.dumps({"scenes": scenes(), "lots": lots()}))


if __name__ == "__main__":
    rows = [
        f'"{name}": [\n' + ",\n".join(map(json.dumps, part)) + "\n]"
        for name, part in vectors().items()
    ]
    GOLDEN.write_text("{\n" + ",\n".join(rows) + "\n}\n")
