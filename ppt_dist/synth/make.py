"""Procedural raw data sets: official scene ids, real formats, the same bytes for the same seed."""

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from ppt_dist.journal.durable import write_durably
from ppt_dist.section import BadInput
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.synth import s3dis, scannet, structured3d
from ppt_dist.synth.room import make_room
from ppt_dist.synth.scan import scan
from ppt_dist.synth.world import find_world

DOMAINS = ("scannet", "s3dis", "structured3d")
"""Those that can be made up."""
PROCEDURAL = "procedural.json"
"""Beside made-up scans: says that they are, and of which seed, so that no others are mixed in."""


def make_raw(
    out: Path,
    scenes: int,
    seed: int,
    domains: Sequence[str] = DOMAINS,
    workers: int = 1,
    on_scene: Callable[[str], object] = lambda _: None,
) -> dict[str, Path]:
    """Write ``scenes`` scans of each domain into ``out/<domain>``.

    Two thirds, at least one, have ids of the train split, the rest of the validation split. A scan
    depends on seed, domain and id alone: more scans, or more workers, change none.

    Raises:
        BadInput: fewer than two scenes, more than the splits have, a domain that cannot be made,
            or a folder that holds other files, such as real scans.
    """
    unknown = [domain for domain in domains if domain not in DOMAINS]
    if unknown or scenes < 2:
        raise BadInput(
            f"{scenes} scenes of {', '.join(domains)}: at least 2 scenes, of {', '.join(DOMAINS)}"
        )
    jobs = [(domain, name) for domain in domains for name in scene_ids(domain, scenes)]
    for domain in domains:
        _refuse_others(out / domain, seed)
    for domain in domains:
        write_durably(out / domain / PROCEDURAL, json.dumps({"seed": seed}).encode())
    if workers == 1:
        for domain, name in jobs:
            on_scene(_make_one(out, seed, domain, name))
    else:
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            for made in pool.map(partial(_make_one, out, seed), *zip(*jobs, strict=True)):
                on_scene(made)
    for domain in domains:
        _finish(out / domain, domain, scenes, seed)
    return {domain: out / domain for domain in domains}


def _refuse_others(root: Path, seed: int) -> None:
    """Refuse a folder with anything but scans that were made up with this seed."""
    mark = root / PROCEDURAL
    if mark.is_file():
        found = mark.read_bytes().decode("utf-8", "replace")
        if found != json.dumps({"seed": seed}):
            raise BadInput(f"{root} holds scans made with {found}, not seed {seed}: another --out")
    elif root.is_dir() and any(root.iterdir()):
        raise BadInput(f"{root} holds other files, perhaps real scans: give another --out")


def scene_ids(domain: str, scenes: int) -> list[str]:
    """Official ids: the first of the train split, then the first of the validation split."""
    recipe, folder = find_recipe(domain)
    val = max(1, scenes // 3)
    ids = []
    for split, wanted in (("train", scenes - val), ("val", val)):
        known = (folder / recipe.splits[split]).read_text("utf-8").split()
        if wanted > len(known):
            raise BadInput(f"{scenes} scenes of {domain}: its {split} split has {len(known)} ids")
        ids += known[:wanted]
    return ids


def _make_one(out: Path, seed: int, domain: str, scene_id: str) -> str:
    world = find_world(domain)
    room = make_room(world.furniture, _generator(seed, domain, scene_id, "room"))
    if domain == "structured3d":
        views = _generator(seed, domain, scene_id, "views")
        structured3d.write_room(out / domain, scene_id, room, world, views)
        return f"{domain} {scene_id}"
    patches = scan(room, world.gap, _generator(seed, domain, scene_id, "scan"))
    frame = _generator(seed, domain, scene_id, "frame")
    write = scannet.write_scan if domain == "scannet" else s3dis.write_room
    write(out / domain, scene_id, patches, world.labels, frame)
    return f"{domain} {scene_id}"


def _finish(root: Path, domain: str, scenes: int, seed: int) -> None:
    """Files that a data set has once."""
    if domain == "scannet":
        scannet.write_table(root)
    if domain == "s3dis":
        ids = scene_ids(domain, scenes)
        angles = {i: s3dis.angle_of(_generator(seed, domain, i, "frame")) for i in ids}
        s3dis.write_angles(root, angles)


def _generator(seed: int, *parts: str) -> np.random.Generator:
    digest = hashlib.blake2b(repr((seed, *parts)).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))
