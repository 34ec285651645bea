"""Measures nothing itself: procedural scans, their shards, and the demo's run over them."""

import os
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import tomli_w

from ppt_dist.launch.demo import CONFIGS
from ppt_dist.run import RunConfig
from ppt_dist.shard.manifest import Manifest, read_manifest
from ppt_dist.shard.pack import PackOptions, pack
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.shard.records import Records
from ppt_dist.stream.fetch import Fetching
from ppt_dist.stream.rank import Rank
from ppt_dist.stream.stream import LotBatch, open_stream
from ppt_dist.synth.make import DOMAINS, make_raw
from ppt_dist.train.sources import TRAIN, VALIDATION, shape_of, sources_of

SEED = 11
SPLITS = (TRAIN, VALIDATION)


def make_scans(folder: Path, scenes: int, domains: tuple[str, ...] = DOMAINS) -> Path:
    """``scenes`` scans of each domain, made on all cores; returns their folder."""
    raw = folder / "raw"
    workers = min(len(os.sched_getaffinity(0)), scenes * len(domains) // 4 or 1)
    make_raw(raw, scenes, SEED, domains, workers)
    return raw


def make_shards(folder: Path, scenes: int, domains: tuple[str, ...] = DOMAINS) -> Path:
    """``scenes`` packed scans of each domain; returns the folder of the domains."""
    raw, out = make_scans(folder, scenes, domains), folder / "shards"
    for domain in domains:
        recipe, beside = find_recipe(domain)
        pack(recipe, beside, raw, out, PackOptions(splits=SPLITS), lambda *_: None)
    return out


def write_run_file(folder: Path, shards: Path, name: str, steps: int, **engine: object) -> Path:
    """The demo's run over ``shards`` as ``folder/name.toml``: one rank that loads its own data."""
    table: dict[str, Any] = tomllib.loads((CONFIGS / "demo.toml").read_text("utf-8"))
    for domain, use in table["domains"].items():
        use["shards"] = str(shards / domain)
    table["model"]["head"]["vectors"] = str(CONFIGS / "text/minilm.safetensors")
    table |= {"name": name, "steps": steps, "runs": "runs", "log_every": steps}
    table |= {"engine": {"ranks": 1, "threads": 1, "fetchers": 0, **engine}}
    table |= {"checkpoint": {"every": steps}}
    path = folder / f"{name}.toml"
    path.write_text(tomli_w.dumps(table), "utf-8")
    return path


class Batches(NamedTuple):
    """The first steps of a run, in memory."""

    steps: list[tuple[LotBatch, ...]]
    voxels: int
    """In all batches together: what the model computes on."""
    points: int
    """Of the whole scans that the batches were taken from."""


def read_manifests(run: RunConfig) -> dict[str, Manifest]:
    """What is packed, by domain."""
    return {name: read_manifest(use.shards) for name, use in run.domains.items()}


def load_batches(run: RunConfig, steps: int) -> Batches:
    """Augmented and voxelised as in training."""
    sources = sources_of(run, read_manifests(run))
    stream = open_stream(sources, shape_of(run), run.seed, Rank(0, 1), Fetching(0, 1, print))
    lots = list(stream.steps(0, steps))
    stream.close()
    points: dict[str, dict[str, int]] = {}
    for name, use in run.domains.items():
        records = Records.open(use.shards, TRAIN)
        points[name] = dict(zip(records.names, records.points.tolist(), strict=True))
    batches = [batch for step in lots for lot in step for batch in lot.micro]
    return Batches(
        lots,
        sum(len(batch.label) for batch in batches),
        sum(points[batch.domain][name] for batch in batches for name in batch.names),
    )
