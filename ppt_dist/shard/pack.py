"""Packing a domain: scans to shards, the same bytes from any number of workers, whole or not at all.

Shards are made in ``<domain>/.packing``; what is finished there is kept when packing is interrupted and
the raw files and the recipe are as they were. Then they take their places and the manifest comes last.
"""

import hashlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from ppt_dist.journal.durable import sync, write_durably
from ppt_dist.section import BadInput, nearest
from ppt_dist.shard.codec import FIELDS
from ppt_dist.shard.manifest import MANIFEST, Manifest, Split, read_manifest
from ppt_dist.shard.readers import find_reader
from ppt_dist.shard.readers.reading import Raw
from ppt_dist.shard.recipe import Recipe
from ppt_dist.shard.shelf import Job, Packed, pack_shard

STAGING, INPUTS = ".packing", ".inputs.json"


class PackOptions(NamedTuple):
    """What packing is asked for."""

    workers: int = 1
    splits: tuple[str, ...] | None = None
    """Those of the recipe where None."""
    skip_broken: bool = False


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


class _Found(NamedTuple):
    """A split list held against the raw folder."""

    present: tuple[tuple[str, Path], ...]
    absent: tuple[str, ...]


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
        BadInput: no scan is there, or scans are broken and not to be skipped; nothing is written.
    """
    root = raw / recipe.name if (raw / recipe.name).is_dir() else raw
    found = {split: _find(recipe, recipe_folder, root, split) for split in _splits(recipe, options)}
    if not any(part.present for part in found.values()):
        raise BadInput(f"{root}: none of the scenes that {recipe.name}'s split lists name is there")
    folder = out / recipe.name
    inputs = _inputs(recipe, found)
    known = _already(folder, inputs)
    if known is not None:
        return PackReport(folder, known, (), _broken_of(known), unchanged=True)
    staging = _staging(folder, inputs)
    jobs = {
        split: _jobs(split, part, staging, Raw(root, recipe, recipe_folder))
        for split, part in found.items()
    }
    packed = _work([job for part in jobs.values() for job in part], options.workers, on_scenes)
    broken = {k: v for name in packed for k, v in packed[name].broken.items()}
    if broken and not options.skip_broken:
        shutil.rmtree(staging)
        _forget(folder)
        listed = "\n".join(f"  {name}: {reason}" for name, reason in sorted(broken.items()))
        raise BadInput(
            f"{len(broken)} scans are broken and nothing was packed:\n{listed}\n"
            "mend them, or leave them out with --skip-broken"
        )
    parts = {s: [packed[job.name] for job in jobs[s]] for s in jobs}
    manifest = _manifest(recipe, {s: _split(parts[s], found[s].absent, len(recipe.classes)) for s in parts})
    _publish(folder, staging, manifest, inputs)
    notes = tuple(note for name in sorted(packed) for note in packed[name].notes)
    return PackReport(folder, manifest, notes, broken, unchanged=False)


def _splits(recipe: Recipe, options: PackOptions) -> tuple[str, ...]:
    wanted = options.splits or tuple(recipe.splits)
    for split in wanted:
        if split not in recipe.splits:
            raise BadInput(f"no split {split!r}: {nearest(split, [*recipe.splits])}")
    return wanted


def _find(recipe: Recipe, recipe_folder: Path, root: Path, split: str) -> _Found:
    path = recipe_folder / recipe.splits[split]
    try:
        ids = path.read_text("utf-8").split()
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise BadInput(f"split {split!r}: {path} is not a list of scene ids: {error}") from None
    twice = sorted({name for name in ids if ids.count(name) > 1}) if len(set(ids)) < len(ids) else []
    if twice:
        raise BadInput(f"{path}: {twice[:5]} stand twice")
    reader = find_reader(recipe.reader)
    places = [(name, reader.locate(root, name)) for name in sorted(ids)]
    present = tuple((name, place) for name, place in places if place is not None)
    return _Found(present, tuple(name for name, place in places if place is None))


def _jobs(split: str, found: _Found, staging: Path, raw: Raw) -> list[Job]:
    scenes = sorted(found.present, key=lambda scene: _draw(raw.recipe.name, split, scene[0]))
    size = raw.recipe.scenes_per_shard
    return [
        Job(f"{split}-{n:06d}.tar", staging, tuple(scenes[start : start + size]), raw)
        for n, start in enumerate(range(0, len(scenes), size))
    ]


def _draw(domain: str, split: str, scene_id: str) -> bytes:
    """Sorts the scenes of a split into an order that readers without an index can train on."""
    return hashlib.blake2b(f"{domain}/{split}/{scene_id}".encode(), digest_size=8).digest()


def _work(
    jobs: list[Job], workers: int, on_scenes: Callable[[int, int], object]
) -> dict[str, Packed]:
    """Every job by its name; processes where more than one worker is asked for."""
    packed: dict[str, Packed] = {}
    done, total = 0, sum(len(job.scenes) for job in jobs)
    for job, result in _results(jobs, workers):
        packed[job.name] = result
        done += len(job.scenes)
        on_scenes(done, total)
    return packed


def _results(jobs: list[Job], workers: int) -> Iterator[tuple[Job, Packed]]:
    if workers == 1:
        yield from ((job, pack_shard(job)) for job in jobs)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        making = {pool.submit(pack_shard, job): job for job in jobs}
        for future in as_completed(making):
            yield making[future], future.result()


def _inputs(recipe: Recipe, found: dict[str, _Found]) -> dict[str, str]:
    """Digests of all that the shards follow from: the recipe, and each scan's files."""
    parts = {"recipe": recipe.model_dump_json()}
    for split, part in found.items():
        parts[split] = json.dumps([[name, _files(place)] for name, place in part.present])
        parts[f"{split} absent"] = json.dumps(part.absent)
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in parts.items()}


def _files(place: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of change of each file of a scan."""
    paths = [p for p in sorted(place.rglob("*")) if p.is_file()] if place.is_dir() else [place]
    return [(str(p.relative_to(place)), p.stat().st_size, p.stat().st_mtime_ns) for p in paths]


def _already(folder: Path, inputs: dict[str, str]) -> Manifest | None:
    """The manifest, where it was made of these very inputs."""
    path = folder / INPUTS
    if path.is_file() and json.loads(path.read_bytes()) == inputs and (folder / MANIFEST).is_file():
        return read_manifest(folder)
    return None


def _staging(folder: Path, inputs: dict[str, str]) -> Path:
    """Where shards are made: emptied unless it was filled from the same inputs."""
    staging = folder / STAGING
    known = staging / INPUTS
    if not known.is_file() or json.loads(known.read_bytes()) != inputs:
        shutil.rmtree(staging, ignore_errors=True)
        write_durably(known, json.dumps(inputs).encode())
    return staging


def _publish(folder: Path, staging: Path, manifest: Manifest, inputs: dict[str, str]) -> None:
    """Put the shards in place of older ones; the manifest goes first and comes last."""
    (folder / MANIFEST).unlink(missing_ok=True)
    for old in (*folder.glob("*.tar"), *folder.glob("*.idx")):
        old.unlink()
    for new in (*sorted(staging.glob("*.tar")), *sorted(staging.glob("*.idx"))):
        os.link(new, folder / new.name)
    sync(folder)
    write_durably(folder / INPUTS, json.dumps(inputs).encode())
    write_durably(folder / MANIFEST, manifest.to_json().encode())
    shutil.rmtree(staging)


def _forget(folder: Path) -> None:
    """Remove the domain's folder where nothing was in it."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _split(parts: list[Packed], absent: tuple[str, ...], classes: int) -> Split:
    nothing = (0,) * classes
    return Split(
        shards=tuple(part.shard for part in parts),
        scenes=sum(part.shard.scenes for part in parts),
        points=sum(part.shard.points for part in parts),
        points_by_class=tuple(map(sum, zip(nothing, *(p.points_by_class for p in parts), strict=True))),
        unlabelled=sum(part.unlabelled for part in parts),
        absent=absent,
        broken=tuple(sorted(name for part in parts for name in part.broken)),
    )


def _manifest(recipe: Recipe, splits: dict[str, Split]) -> Manifest:
    return Manifest(
        domain=recipe.name,
        title=recipe.title,
        licence=recipe.licence,
        recipe_sha256=hashlib.sha256(recipe.model_dump_json().encode()).hexdigest(),
        grid=recipe.grid,
        cost_grid=recipe.cost_grid,
        channels=recipe.channels,
        labels=recipe.labels,
        fields={name: field for name, field in FIELDS.items()},
        splits=splits,
    )


def _broken_of(manifest: Manifest) -> dict[str, str]:
    return {name: "left out before" for split in manifest.splits.values() for name in split.broken}
