"""Packed procedural scans for the tests of shards."""

from pathlib import Path

import pytest

from ppt_dist.shard.pack import PackOptions, pack
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.synth.make import make_raw


def pack_domain(domain: str, raw: Path, out: Path, **options):
    recipe, folder = find_recipe(domain)
    return pack(recipe, folder, raw, out, PackOptions(**options), lambda *_: None)


@pytest.fixture(scope="session")
def raw(tmp_path_factory) -> Path:
    """Three made-up scans of each domain: two to train, one to validate."""
    folder = tmp_path_factory.mktemp("raw")
    make_raw(folder, 3, seed=5)
    return folder


@pytest.fixture(scope="session")
def packed(raw, tmp_path_factory) -> Path:
    """Both domains, packed."""
    folder = tmp_path_factory.mktemp("packed")
    for domain in ("scannet", "s3dis"):
        pack_domain(domain, raw, folder)
    return folder
