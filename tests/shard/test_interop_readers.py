"""Others read what we packed: stock webdataset, Hugging Face datasets, torch and grain."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import Any, cast

import grain
import numpy as np
import pytest
import zstandard
from torch.utils.data import DataLoader
from webdataset.compat import WebDataset

from ppt_dist.scene.scene import Scene
from ppt_dist.shard.records import Records

ARRAYS = ("coord", "color", "normal", "segment", "instance")
DOMAINS = ("scannet", "s3dis")


def same(a: Scene, b: Scene) -> bool:
    pairs = [(getattr(a, name), getattr(b, name)) for name in ARRAYS]
    return a.name == b.name and all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in pairs)


def all_of(records: Records) -> list[Scene]:
    return [records[i] for i in range(len(records))]


def npy(content: bytes) -> np.ndarray:
    return np.load(io.BytesIO(content), allow_pickle=False)


def zst_then_npy(key: str, content: bytes) -> np.ndarray | None:
    """A handler for stock webdataset, in place of its own, some of which unpickle."""
    if key.endswith(".npy.zst"):
        return npy(zstandard.ZstdDecompressor().decompress(content))
    return npy(content) if key.endswith(".npy") else None


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("split", ["train", "val"])
def test_stock_webdataset_gives_every_array_of_every_scene(packed, domain, split):
    records = Records.open(packed / domain, split)
    tars = sorted(map(str, (packed / domain).glob(f"{split}-*.tar")))

    read = WebDataset(tars, shardshuffle=False).decode(zst_then_npy, post=[])
    samples: list[Any] = list(cast("Iterable[Any]", read))

    assert [sample["__key__"] for sample in samples] == list(records.names)
    for scene, sample in zip(all_of(records), samples, strict=True):
        assert json.loads(sample["meta.json"]) == {
            "format": 1,
            "name": scene.name,
            "points": len(scene),
        }
        for name in ARRAYS:
            array = sample.get(f"{name}.npy", sample.get(f"{name}.npy.zst"))
            ours = getattr(scene, name)
            assert array.dtype == ours.dtype
            assert np.array_equal(array, ours)


@pytest.mark.slow
def test_torchs_loader_reads_records_in_processes_of_its_own(packed):
    records = Records.open(packed / "scannet", "train")
    loader = DataLoader(
        records,  # pyright: ignore[reportArgumentType] - it has both methods that are called
        batch_size=1,
        num_workers=2,
        multiprocessing_context="spawn",
        collate_fn=list,
    )

    scenes = [scene for batch in loader for scene in batch]

    assert all(same(a, b) for a, b in zip(scenes, all_of(records), strict=True))


def test_records_are_a_random_access_source_of_grain(packed):
    records = Records.open(packed / "scannet", "train")
    assert isinstance(records, grain.sources.RandomAccessDataSource)
    of_name = {scene.name: scene for scene in all_of(records)}

    dataset = grain.MapDataset.source(records).shuffle(seed=3).repeat(3)
    scenes = list(dataset.to_iter_dataset(grain.ReadOptions(num_threads=2)))
    batch: Any = dataset.map(lambda scene: scene.coord[:10]).batch(3)[0]

    assert len(scenes) == 3 * len(records)
    assert {scene.name for scene in scenes} == set(records.names)
    assert all(same(scene, of_name[scene.name]) for scene in scenes)
    assert batch.shape == (3, 10, 3)


@pytest.mark.slow
def test_hugging_face_datasets_streams_the_tars_with_labels_inflated(packed, tmp_path):
    tar = packed / "scannet/train-000000.tar"
    program = (
        "import sys, numpy as np, datasets\n"
        "rows = datasets.load_dataset('webdataset', data_files=sys.argv[1],"
        " split='train', streaming=True)\n"
        "for n, row in enumerate(rows):\n"
        "    arrays = {k.split('.')[0]: np.array(v, rows.features[k].feature.dtype if 'zst' in k"
        " else rows.features[k].feature.feature.dtype) for k, v in row.items() if '.npy' in k}\n"
        "    np.savez(f'{sys.argv[2]}/{n}.npz', key=row['__key__'], **arrays)\n"
    )
    place = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", program, str(tar), str(tmp_path)]
    subprocess.run(command, check=True, timeout=300, env=os.environ | place)

    records = Records.open(packed / "scannet", "train")
    assert len(list(tmp_path.glob("*.npz"))) == len(records)
    for n, scene in enumerate(all_of(records)):
        row = np.load(tmp_path / f"{n}.npz", allow_pickle=False)
        assert str(row["key"]) == scene.name
        for name in ARRAYS:
            assert row[name].dtype == getattr(scene, name).dtype
            assert np.array_equal(row[name], getattr(scene, name))
