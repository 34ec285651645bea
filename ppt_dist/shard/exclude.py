"""Leaving out the scenes in which ``validate`` found faults."""

from pathlib import Path

from ppt_dist.journal.durable import write_durably
from ppt_dist.section import BadInput
from ppt_dist.shard.against import NO_SCAN
from ppt_dist.shard.exclusions import (
    Exclusion,
    Exclusions,
    excluding,
    read_exclusions,
    write_exclusions,
)
from ppt_dist.shard.look import END, QUICK, Fault
from ppt_dist.shard.manifest import MANIFEST, Manifest, read_manifest
from ppt_dist.shard.spread import Spread, here
from ppt_dist.shard.validate import Looks, OnBytes, count, look


def exclude(
    folder: Path, faults: list[Fault], on_bytes: OnBytes, spread: Spread = here
) -> list[Fault]:
    """Leave the scenes out that have faults: write ``exclusions.json`` and the next manifest.

    The tars stay as they are. Counts of the next manifest are those of the scenes that stay, and
    its digest is another: runs of before do not continue on it.

    Args:
        folder: of a packed domain.
        faults: of it, from `validate`.
        on_bytes: told how many bytes of tars are done, of how many.
        spread: who counts.

    Returns:
        The faults that are not in a scene: to mend those, pack again.

    Raises:
        BadInput: no scene of a split would stay.
    """
    manifest = read_manifest(folder)
    chosen = _chosen(faults, manifest)
    if not chosen:
        return faults
    looks = look(folder, excluding(manifest, chosen), on_bytes, spread, QUICK)
    after = _recounted(looks)
    known = tuple(e for e in read_exclusions(folder) if _stands(e, manifest))
    write_exclusions(
        folder,
        Exclusions(
            domain=manifest.domain,
            judged=manifest.digest(),
            made=after.digest(),
            excluded=known + chosen,
        ),
    )
    write_durably(folder / MANIFEST, after.to_json().encode())
    gone = {(scene.shard, scene.key) for scene in chosen}
    return [fault for fault in faults if (fault.shard, fault.key) not in gone]


def _chosen(faults: list[Fault], manifest: Manifest) -> tuple[Exclusion, ...]:
    """The scenes with faults, each once."""
    split_of = {s.name: name for name, part in manifest.splits.items() for s in part.shards}
    reasons: dict[tuple[str, str], list[str]] = {}
    for fault in faults:
        if fault.reason == NO_SCAN:
            continue
        if fault.shard in split_of and fault.key and fault.key != END:
            reasons.setdefault((fault.shard, fault.key), []).append(fault.reason)
    return tuple(
        Exclusion(split=split_of[shard], shard=shard, key=key, reason="; ".join(why))
        for (shard, key), why in reasons.items()
    )


def _stands(scene: Exclusion, manifest: Manifest) -> bool:
    """Whether an exclusion of before is still the manifest's: packing again ends it."""
    split = manifest.splits.get(scene.split)
    return split is not None and scene.key in split.excluded.get(scene.shard, ())


def _recounted(looks: Looks) -> Manifest:
    """The manifest with the counts of its records."""
    splits = {}
    for name, split in looks.manifest.splits.items():
        tally = count(split, looks)
        if split.scenes and not tally.names:
            raise BadInput(f"no scene of split {name} is without a fault: pack the domain again")
        update = {
            "scenes": len(tally.names),
            "points": tally.points,
            "points_by_class": tuple(tally.by_class.tolist()),
            "unlabelled": tally.unlabelled,
        }
        splits[name] = split.model_copy(update=update)
    return looks.manifest.model_copy(update={"splits": splits})
