"""Measures what a long stream holds: memory and open files of the rank and its fetcher."""

import argparse
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from benchmarks.inputs import make_shards, read_manifests, write_run_file
from ppt_dist.journal.durable import write_durably
from ppt_dist.run import load_run
from ppt_dist.stream.fetch import Fetching
from ppt_dist.stream.rank import Rank
from ppt_dist.stream.stream import open_stream
from ppt_dist.train.sources import shape_of, sources_of

AHEAD_MIB = 16
SETTLED = 200
"""Lots after which what is kept on purpose is there: indices, kernels, buffers."""
EVERY = 100
"""Lots from one look to the next."""


def measure(lots: int) -> dict[str, object]:
    """The most of each figure over ``lots`` lots, and what it was after the first of them."""
    with TemporaryDirectory() as name:
        shards = make_shards(Path(name), 12)
        run = load_run(write_run_file(Path(name), shards, "memory", lots))
        sources = sources_of(run, read_manifests(run))
        fetching = Fetching(1, AHEAD_MIB << 20, print)
        stream = open_stream(sources, shape_of(run), run.seed, Rank(0, 1), fetching)
        seen: list[dict[str, float]] = []
        for n, _ in enumerate(stream.steps(0, lots), 1):
            if n % EVERY == 0 and n >= min(SETTLED, lots // 2):
                seen.append(_looks())
        stream.close()
    first, most = seen[0], {key: max(look[key] for look in seen) for key in seen[0]}
    return {"lots": lots, "ahead, MiB": AHEAD_MIB, "settled": first, "most": most}


def _looks() -> dict[str, float]:
    rank = psutil.Process()
    figures = {}
    for title, process in {"rank": rank, "fetcher": rank.children()[-1]}.items():
        figures[f"{title}, MiB"] = round(process.memory_info().rss / 2**20, 1)
        figures[f"{title}, open files"] = process.num_fds()
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=measure.__doc__)
    parser.add_argument("--json", type=Path, help="file that gets the figures")
    parser.add_argument("--quick", action="store_true", help="the smallest size, to see it run")
    chosen = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    found = measure(400 if chosen.quick else 10_000)
    text = json.dumps(found, indent=1)
    print(text)  # noqa: T201
    if chosen.json:
        write_durably(chosen.json, text.encode() + b"\n")
