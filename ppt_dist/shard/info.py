"""What a packed domain holds, from its manifest alone."""

from typing import Any

from ppt_dist.shard.manifest import Manifest, Split, read_manifest
from ppt_dist.shard.place import Place


def summary(place: Place) -> dict[str, Any]:
    """Scenes, points, and points by class name for each split of a packed domain."""
    manifest = read_manifest(place)
    return {
        "domain": manifest.domain,
        "title": manifest.title,
        "licence": manifest.licence,
        "digest": manifest.digest(),
        "grid": manifest.grid,
        "channels": list(manifest.channels),
        "splits": {name: _split(manifest, split) for name, split in manifest.splits.items()},
    }


def _split(manifest: Manifest, split: Split) -> dict[str, Any]:
    return {
        "scenes": split.scenes,
        "points": split.points,
        "points_by_class": dict(zip(manifest.labels.names, split.points_by_class, strict=True)),
        "unlabelled": split.unlabelled,
        "absent": len(split.absent),
        "broken": list(split.broken),
        "excluded": sum(map(len, split.excluded.values())),
        "codec": "plain" if split.compact is None else "compact",
        "bytes": sum(shard.size for shard in split.shards),
        "shards": len(split.shards),
    }
