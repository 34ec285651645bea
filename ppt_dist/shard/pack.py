"""Packing a domain: scans to shards, the same bytes whoever does the work, or nothing.

Shards are made in ``<domain>/.packing``; what is finished there is kept when packing is interrupted
and the raw files and the recipe are as they were. Then they take their places, the manifest last.
"""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ppt_dist.section import BadInput, nearest
from ppt_dist.shard.form import CODECS, Codec, Storage, fields_of
from ppt_dist.shard.found import Find, Found, by_list
from ppt_dist.shard.manifest import Compact, Manifest, Split, read_manifest
from ppt_dist.shard.readers.reading import Raw
from ppt_dist.shard.recipe import TRAINING, Recipe
from ppt_dist.shard.rounding import sum_of
from ppt_dist.shard.shelf import Job, Packed, forget_shard, pack_shard
from ppt_dist.shard.spread import Spread, here
from ppt_dist.shard.staging import (
    Inputs,
    digest_of,
    joined,
    open_staging,
    other_splits,
    publish,
    read_inputs,
)


class PackOptions(NamedTuple):
    """What packing is asked for."""

    spread: Spread = here
    """Who packs the shards."""
    splits: tuple[str, ...] | None = None
    """Those of the recipe where None; others that were packed before stay."""
    skip_broken: bool = False
    codecs: Mapping[str, Codec] = MappingProxyType({})
    """Of each split that is not plain."""
    find: Find = by_list
    """Who knows which scenes of a split there are."""

    def storage(self, split: str) -> Storage:
        """Of a split: points move only where no score is about them in their own order."""
        codec = self.codecs.get(split, "plain")
        return Storage(codec, "morton" if codec == "compact" and split == TRAINING else "source")


class PackReport(NamedTuple):
    """What packing did."""

    folder: Path
    manifest: Manifest
    notes: tuple[str, ...]
    """Defects that readers handled."""
    broken: dict[str, str]
    """Scenes that were left out, with the reason."""
    unchanged: bool
    """All had been done before."""


def pack(
    recipe: Recipe,
    recipe_folder: Path,
    raw: Path,
    out: Path,
    options: PackOptions,
    on_scenes: Callable[[int, int], object],
) -> PackReport:
    """Pack the scans below ``raw`` (or ``raw/<domain>``) into ``out/<domain>``.

    Args:
        recipe: of the domain.
        recipe_folder: holds the split lists.
        raw: folder of the raw scans.
        out: gets a folder for the domain.
        options: what is asked for.
        on_scenes: told how many scenes are done, of how many, after each shard.

    Raises:
        BadInput: no scan is there, or scans are broken and not to be skipped. No shard takes its
            place then; those that are whole stay in staging, for when the others are mended.
    """
    root = raw / recipe.name if (raw / recipe.name).is_dir() else raw
    source, folder = Raw(root, recipe, recipe_folder), out / recipe.name
    found = {split: options.find(source, split) for split in _splits(recipe, options)}
    _refuse_shared_ids(found)
    if not any(part.present for part in found.values()):
        raise BadInput(f"{root}: none of the scenes of {recipe.name}'s splits is there")
    storage = {split: options.storage(split) for split in found}
    inputs = Inputs(
        splits={
            s: digest_of(source, storage[s], part.present, part.absent) for s, part in found.items()
        }
    )
    before = read_inputs(folder)
    done = before is not None and inputs.splits.items() <= before.splits.items()
    if before is not None and done and (options.skip_broken or not before.broken):
        return PackReport(folder, read_manifest(folder), (), before.broken, unchanged=True)
    replaced = before is not None and not _same_recipe(folder, recipe)
    staging = open_staging(folder, inputs)
    jobs = {s: _jobs(s, found[s], staging, source, storage[s]) for s in found}
    packed = _work([job for part in jobs.values() for job in part], options.spread, on_scenes)
    broken = {name: why for part in packed.values() for name, why in part.broken.items()}
    if broken and not options.skip_broken:
        for job in (job for part in jobs.values() for job in part if packed[job.name].broken):
            forget_shard(job)
        listed = "\n".join(f"  {name}: {reason}" for name, reason in sorted(broken.items()))
        raise BadInput(
            f"{len(broken)} scans are broken and nothing was packed:\n{listed}\n"
            "mend them, or leave them out with --skip-broken, which goes on from here"
        )
    parts = {s: [packed[job.name] for job in jobs[s]] for s in jobs}
    fresh = _manifest(
        recipe, {s: _split(parts[s], found[s].absent, recipe, storage[s]) for s in parts}
    )
    kept = other_splits(folder, fresh)
    manifest = fresh.model_copy(update={"splits": kept | fresh.splits})
    publish(folder, manifest, joined(before, Inputs(splits=inputs.splits, broken=broken), kept))
    notes = tuple(note for part in found.values() for note in part.notes)
    notes += tuple(note for name in sorted(packed) for note in packed[name].notes)
    if replaced:
        notes += (f"{folder} held shards of another recipe; these took their places",)
    return PackReport(folder, manifest, notes, broken, unchanged=False)


def codecs_of(words: tuple[str, ...]) -> dict[str, Codec]:
    """Codec by split, from ``compact``, which is the training split's, or ``split=codec``."""
    codecs, known = {}, {str(name): name for name in CODECS}
    for word in words:
        split, _, codec = word.rpartition("=")
        if codec not in known:
            raise BadInput(f"no codec {codec!r}: {nearest(codec, [*known])}")
        codecs[split or TRAINING] = known[codec]
    return codecs


def _splits(recipe: Recipe, options: PackOptions) -> tuple[str, ...]:
    wanted = options.splits or tuple(recipe.splits)
    for split in (*wanted, *options.codecs):
        if split not in recipe.splits:
            raise BadInput(f"no split {split!r}: {nearest(split, [*recipe.splits])}")
    return wanted


def _refuse_shared_ids(found: dict[str, Found]) -> None:
    """Training on what is validated on would be the worst of mistakes."""
    owner: dict[str, str] = {}
    for split, part in found.items():
        for name, _ in part.present:
            if name in owner:
                raise BadInput(f"scene {name} is in the splits {owner[name]} and {split}")
            owner[name] = split


def _jobs(split: str, found: Found, staging: Path, raw: Raw, storage: Storage) -> list[Job]:
    scenes = sorted(found.present, key=lambda scene: _draw(raw.recipe.name, split, scene[0]))
    size = raw.recipe.scenes_per_shard
    return [
        Job(f"{split}-{n:06d}.tar", staging, tuple(scenes[start : start + size]), raw, storage)
        for n, start in enumerate(range(0, len(scenes), size))
    ]


def _draw(domain: str, split: str, scene_id: str) -> bytes:
    """Sorts the scenes of a split into an order that readers without an index can train on."""
    return hashlib.blake2b(f"{domain}/{split}/{scene_id}".encode(), digest_size=8).digest()


def _work(
    jobs: list[Job], spread: Spread, on_scenes: Callable[[int, int], object]
) -> dict[str, Packed]:
    """Every job by its name."""
    packed: dict[str, Packed] = {}
    done, total = 0, sum(len(job.scenes) for job in jobs)
    on_scenes(done, total)
    for job, result in spread(pack_shard, jobs):
        packed[job.name] = result
        done += len(job.scenes)
        on_scenes(done, total)
    return packed


def _same_recipe(folder: Path, recipe: Recipe) -> bool:
    return read_manifest(folder).recipe_sha256 == _digest(recipe)


def _digest(recipe: Recipe) -> str:
    return hashlib.sha256(recipe.model_dump_json().encode()).hexdigest()


def _split(parts: list[Packed], absent: tuple[str, ...], recipe: Recipe, storage: Storage) -> Split:
    nothing = (0,) * len(recipe.classes)
    by_class = zip(nothing, *(part.points_by_class for part in parts), strict=True)
    return Split(
        shards=tuple(part.shard for part in parts),
        scenes=sum(part.shard.scenes for part in parts),
        points=sum(part.shard.points for part in parts),
        points_by_class=tuple(map(sum, by_class)),
        unlabelled=sum(part.unlabelled for part in parts),
        absent=absent,
        broken=tuple(sorted(name for part in parts for name in part.broken)),
        compact=None if storage == Storage() else _compact(parts, recipe, storage),
    )


def _compact(parts: list[Packed], recipe: Recipe, storage: Storage) -> Compact:
    fields = fields_of(recipe.channels, storage.codec)
    rounding = sum_of(part.rounding for part in parts)
    return Compact(fields=fields, order=storage.order, rounding=rounding.shortened())


def _manifest(recipe: Recipe, splits: dict[str, Split]) -> Manifest:
    return Manifest(
        domain=recipe.name,
        title=recipe.title,
        licence=recipe.licence,
        recipe_sha256=_digest(recipe),
        grid=recipe.grid,
        cost_grid=recipe.cost_grid,
        channels=recipe.channels,
        labels=recipe.labels,
        fields=fields_of(recipe.channels),
        splits=splits,
    )
