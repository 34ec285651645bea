"""A sample of what ``python -m tests.fuzz`` runs, and a proof that it would see another scene."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ppt_dist.section import BadInput
from ppt_dist.shard.info import summary
from ppt_dist.shard.manifest import read_manifest
from tests.fuzz import KINDS, ROOT, kind_of
from tests.fuzzing.base import Files, make_base, read_files
from tests.fuzzing.damage import forge_tar
from tests.fuzzing.verdict import Wrong, judge, look


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


def lay(folder: Path, files: Files) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.slow
def test_every_fuzzed_domain_is_read_as_it_was_or_refused_by_its_files_name():
    command = [sys.executable, "-m", "tests.fuzz", "--inputs", "300", "--seed", "5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "300 inputs" in done.stdout


def test_every_kind_of_input_is_among_the_first_thousand_and_changes_bytes(base):
    files = read_files(base)
    drawn = {kind.name: (kind, rng) for kind, rng in (kind_of(1, n) for n in range(1000))}

    assert drawn.keys() == {kind.name for kind in KINDS}
    changed = [name for name, (kind, rng) in drawn.items() if kind.make(rng, files) != files]
    assert len(changed) >= len(KINDS) - 3  # some now and then write what was there


def test_scenes_that_changed_behind_true_sums_would_be_found(base, tmp_path):
    files, before = read_files(base), look(base)
    rng, found = np.random.default_rng(1), []

    for n in range(100):
        folder = lay(tmp_path / str(n), forge_tar(rng, files))
        try:
            judge(look(folder), before, folder, forged=False, touched=True)
        except Wrong as wrong:
            found.append(str(wrong))

    assert any("is another than it was" in wrong for wrong in found)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"dtype": "<f4"', '"dtype": "<q9"', "dtype"),
        ('"dtype": "<f4"', '"dtype": "|O"', "dtype"),
        ('"width": 3', '"width": 9223372036854775807', "width"),
        ('"width": 3', '"width": 0', "width"),
        ('"name": "train-000000.tar"', '"name": "../train-000000.tar"', "shards.0.name"),
        ('"name": "train-000000.tar"', '"name": "a\\u0000.tar"', "shards.0.name"),
        ('"name": "train-000000.tar"', f'"name": "{"a" * 300}.tar"', "shards.0.name"),
        ('"points_by_class": [', '"points_by_class": [1,', "counts points of 21 classes"),
        ('"grid": 0.02', '"grid": 0.0', "grid"),
        ('"grid": 0.02', '"grid": NaN', "grid"),
        ('"size": ', '"size": -', "size"),
        ('"scenes": 5', '"scenes": ' + "9" * 5000, "not JSON"),
        ('"format": 1', '"format": ' + "[" * 100_000, "not JSON"),
    ],
    ids=[
        *("no dtype", "objects", "too wide", "no width", "outside", "zero", "long", "classes"),
        *("no edge", "nan", "less", "digits", "depth"),
    ],
)
def test_a_manifest_that_fuzzing_once_broke_reading_with_is_refused(
    base, tmp_path, old, new, reason
):
    files = read_files(base)
    text = files["manifest.json"].decode()
    assert old in text
    folder = lay(tmp_path / "a", {"manifest.json": text.replace(old, new, 1).encode()})

    for read in (read_manifest, summary):
        with pytest.raises(BadInput, match=reason) as caught:
            read(folder)
        assert "manifest.json" in str(caught.value)
