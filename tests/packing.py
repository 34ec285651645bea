"""Packing in a test."""

from pathlib import Path

from ppt_dist.shard.pack import PackOptions, PackReport, pack
from ppt_dist.shard.recipe import find_recipe


def pack_domain(domain: str, raw: Path, out: Path, **options) -> PackReport:
    """Pack a shipped domain's raw scans into a folder below ``out``."""
    recipe, folder = find_recipe(domain)
    return pack(recipe, folder, raw, out, PackOptions(**options), lambda *_: None)
