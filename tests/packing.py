"""Packing in a test."""

from pathlib import Path

from ppt_dist.shard.pack import PackOptions, PackReport, pack
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.shard.spread import processes


def pack_domain(domain: str, raw: Path, out: Path, workers: int = 1, **options) -> PackReport:
    """Pack a shipped domain's raw scans into a folder below ``out``."""
    recipe, folder = find_recipe(domain)
    chosen = PackOptions(processes(workers), **options)
    return pack(recipe, folder, raw, out, chosen, lambda *_: None)
