"""Packed scenes are held against the raw scans, with the errors that the manifest tells."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ppt_dist.shard.against import as_raw
from ppt_dist.shard.look import FULL
from ppt_dist.shard.manifest import read_manifest
from ppt_dist.shard.pack import codecs_of
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.shard.spread import here
from ppt_dist.shard.validate import validate
from tests.packing import pack_domain


@pytest.fixture(scope="module")
def compact(raw, tmp_path_factory) -> Path:
    """S3DIS, all of it compact."""
    folder = tmp_path_factory.mktemp("compact")
    pack_domain("s3dis", raw, folder, codecs=codecs_of(("compact", "val=compact")))
    return folder / "s3dis"


def found(folder: Path, raw: Path) -> list[tuple[str, str, str]]:
    law = as_raw(read_manifest(folder), *find_recipe("s3dis"), raw)
    depth = FULL._replace(laws=(*FULL.laws, law))
    return [(f.shard, f.key, f.reason) for f in validate(folder, lambda *_: None, here, depth)]


def test_scenes_as_packed_are_their_raw_scans(raw, packed, compact):
    assert found(packed / "s3dis", raw) == []
    assert found(compact, raw) == []


def test_raw_scans_that_changed_or_went_are_named(raw, packed, compact, tmp_path):
    shutil.copytree(raw / "s3dis", tmp_path / "s3dis")
    moved = next((tmp_path / "s3dis").glob("Area_1/*/Annotations/wall_1.txt"))
    moved.write_text(moved.read_text().replace("1.", "2."))
    longer = next((tmp_path / "s3dis").glob("Area_5/*/Annotations/wall_1.txt"))
    longer.write_bytes(longer.read_bytes() + b"1.0 1.0 1.0 9 9 9\n")
    keys = [f"{p.parent.name}-{p.name}" for p in (moved.parent.parent, longer.parent.parent)]

    plain, small = found(packed / "s3dis", tmp_path), found(compact, tmp_path)

    assert {key for _, key, _ in plain} == {key for _, key, _ in small} == {*keys}
    assert "coord is not that of its raw scan" in {reason for _, _, reason in plain}
    assert any(reason.startswith("coord is") and "off its" in reason for _, _, reason in small)
    assert any("and its raw scan" in reason for _, _, reason in small)
    shutil.rmtree(tmp_path / "s3dis/Area_1")
    gone = [reason for _, _, reason in found(compact, tmp_path)]
    assert gone.count("there is no raw scan of it") == 2


@pytest.mark.slow
def test_the_command_packs_compactly_validates_and_excludes(raw, tmp_path):
    def command(*words):
        program = Path(sys.executable).with_name("ppt-dist")
        return subprocess.run([program, *words], capture_output=True, text=True, timeout=300)

    pack = ("pack", "s3dis", "--raw", raw, "--out", tmp_path, "--codec", "compact")
    assert command(*pack, "--codec", "val=compact").returncode == 0
    whole = command("validate", tmp_path, "--full", "--raw", raw)
    assert (whole.returncode, whole.stdout.count("whole")) == (0, 1)
    tar = tmp_path / "s3dis/train-000000.tar"
    content = bytearray(tar.read_bytes())
    content[700] ^= 1
    tar.write_bytes(content)

    first = command("validate", tmp_path, "--full", "--write-exclusions", "--json")
    second = command("validate", tmp_path, "--full")

    assert first.returncode == 0
    assert [fault["shard"] for fault in next(iter(json.loads(first.stdout).values()))] == [tar.name]
    assert (second.returncode, second.stdout.count("whole")) == (0, 1)
