"""Where a domain's shards are made, what they were made of, and how they take their places."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from ppt_dist.journal.durable import sync, write_durably
from ppt_dist.section import Section, parse
from ppt_dist.shard.exclusions import EXCLUSIONS
from ppt_dist.shard.form import Storage, fields_of
from ppt_dist.shard.manifest import MANIFEST, Manifest, Split, read_manifest
from ppt_dist.shard.readers.reading import Raw

STAGING, INPUTS = ".packing", ".inputs.json"
_OWN = {MANIFEST, INPUTS, EXCLUSIONS}


class Inputs(Section):
    """What a packing followed from, kept beside the manifest: it is about this machine's files."""

    splits: dict[str, str]
    """Digest of all that each split's shards follow from."""
    broken: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it
    """Scenes that were left out, with the reason."""


def digest_of(
    raw: Raw, storage: Storage, present: Iterable[tuple[str, Path]], absent: tuple[str, ...]
) -> str:
    """Of a split's scans by name, size and time, the tables beside them, recipe and codec."""
    scans = [(name, os.path.relpath(place, raw.root)) for name, place in present]
    places = sorted({place for _, place in present})
    beside = {place.parent for place in places} | {raw.root}
    tables = [_flat(folder) for folder in sorted(beside)] + [_flat(raw.folder, "*.tsv")]
    fields = fields_of(raw.recipe.channels, storage.codec)
    told = {name: field.model_dump() for name, field in fields.items()}
    files = [_files(place) for place in places]
    parts = [raw.recipe.model_dump(mode="json"), told, tables, scans, files, absent]
    parts += [storage] if storage != Storage() else []
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _files(place: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of change of each file of a scan."""
    return _states(place, place.rglob("*") if place.is_dir() else [place])


def _flat(folder: Path, pattern: str = "*") -> list[tuple[str, int, int]]:
    """The same for the files directly in a folder."""
    return _states(folder, folder.glob(pattern))


def _states(folder: Path, paths: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Without what packing itself puts there, since shards may lie among the scans."""
    raw = (p for p in sorted(paths) if not _is_packed(p.relative_to(folder)) and p.is_file())
    return [(str(p.relative_to(folder)), p.stat().st_size, p.stat().st_mtime_ns) for p in raw]


def _is_packed(path: Path) -> bool:
    return path.name in _OWN or path.suffix in {".tar", ".idx"} or STAGING in path.parts


def read_inputs(folder: Path) -> Inputs | None:
    """What the manifest in ``folder`` was made of, or None where there is no manifest."""
    path = folder / INPUTS
    if not path.is_file() or not (folder / MANIFEST).is_file():
        return None
    return parse(Inputs, json.loads(path.read_bytes()), path)


def open_staging(folder: Path, inputs: Inputs) -> Path:
    """Where shards are made: emptied unless it was filled from the same inputs."""
    staging = folder / STAGING
    known = staging / INPUTS
    text = inputs.model_dump_json().encode()
    if not known.is_file() or known.read_bytes() != text:
        shutil.rmtree(staging, ignore_errors=True)
        write_durably(known, text)
    for torn in staging.glob(".*.writing"):
        torn.unlink()
    return staging


def other_splits(folder: Path, manifest: Manifest) -> dict[str, Split]:
    """Splits that were packed before by the same recipe, and are not in ``manifest``."""
    if not (folder / MANIFEST).is_file():
        return {}
    before = read_manifest(folder)
    same = before.recipe_sha256 == manifest.recipe_sha256 and before.fields == manifest.fields
    return {n: s for n, s in before.splits.items() if n not in manifest.splits} if same else {}


def publish(folder: Path, manifest: Manifest, inputs: Inputs) -> None:
    """Put the shards in their places; the manifest goes first and comes last."""
    staging = folder / STAGING
    named = {shard.name for split in manifest.splits.values() for shard in split.shards}
    (folder / MANIFEST).unlink(missing_ok=True)
    fresh = {path.name for path in staging.glob("*.tar")}
    for old in (*folder.glob("*.tar"), *folder.glob("*.idx")):
        if old.with_suffix(".tar").name in fresh or old.with_suffix(".tar").name not in named:
            old.unlink()
    for new in (*sorted(staging.glob("*.tar")), *sorted(staging.glob("*.idx"))):
        os.link(new, folder / new.name)
    for torn in folder.glob(".*.writing"):
        torn.unlink()
    if not any(split.excluded for split in manifest.splits.values()):
        (folder / EXCLUSIONS).unlink(missing_ok=True)
    sync(folder)
    write_durably(folder / INPUTS, inputs.model_dump_json().encode())
    write_durably(folder / MANIFEST, manifest.to_json().encode())
    shutil.rmtree(staging)


def joined(before: Inputs | None, inputs: Inputs, kept: Mapping[str, Split]) -> Inputs:
    """``inputs`` with what is known of the splits that stay as they were."""
    if before is None:
        return inputs
    splits = {name: digest for name, digest in before.splits.items() if name in kept}
    names = {name for split in kept.values() for name in split.broken}
    broken = {name: reason for name, reason in before.broken.items() if name in names}
    return Inputs(splits=splits | inputs.splits, broken=broken | inputs.broken)
