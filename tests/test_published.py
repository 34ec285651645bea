"""The published run files: their numbers, and a step of each at toy width over made-up scans."""

import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from ppt_dist.launch.demo import CONFIGS
from ppt_dist.model.backbone.spunet import SpUNetConfig
from ppt_dist.model.head.language import LanguageConfig
from ppt_dist.model.ppt import build_model
from ppt_dist.run import RunConfig, load_run
from ppt_dist.scene.batch import SceneBatch
from ppt_dist.shard import readers
from ppt_dist.shard.manifest import read_manifest
from ppt_dist.shard.pack import PackOptions, pack
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.shard.records import Records
from ppt_dist.stream.fetch import Fetching
from ppt_dist.stream.plan import Plan
from ppt_dist.stream.rank import Rank
from ppt_dist.stream.stream import open_stream
from ppt_dist.text.encode import Encoder, encode_words
from ppt_dist.text.vectors import write_vectors
from ppt_dist.train.clock import Clock
from ppt_dist.train.engine import build_engine
from ppt_dist.train.optim import learning_rate, momentum
from ppt_dist.train.ranks import Ranks
from ppt_dist.train.scenes import open_scenes
from ppt_dist.train.sources import (
    course_of_run,
    criterion_of,
    labels_of,
    parts_of,
    shape_of,
    sources_of,
)
from tests.packing import pack_domain

INDOOR = [f"ppt_{data}_{way}" for data, way in product(
    ("sc_st_spunet", "s3_sc_st_spunet"), ("released", "paper")
)]  # fmt: skip
OUTDOOR = [f"ppt_{data}_{way}" for data, way in product(
    ("nu_sk_wa_spunet", "sk_nu_wa_spunet"), ("decoupled", "language")
)]  # fmt: skip
SWEEPS = ("nuscenes", "semantickitti", "waymo")


def load(name: str) -> RunConfig:
    return load_run(CONFIGS / f"{name}.toml")


def test_these_are_all_the_published_run_files():
    assert {path.stem for path in CONFIGS.glob("ppt_*.toml")} == {*INDOOR, *OUTDOOR}
    assert all(load(name).name == name for name in (*INDOOR, *OUTDOOR))


@pytest.mark.parametrize(
    ("main", "scenes", "ratio", "epochs", "steps", "names"),
    [
        (18_348, 24, (2, 1), 100, 114_600, INDOOR[:2]),
        (18_348, 24, (4, 2, 1), 100, 133_700, INDOOR[2:]),
        (28_130, 12, (1, 1, 1), 50, 351_600, OUTDOOR),
    ],
)
def test_steps_are_the_official_epochs_over_the_main_data_set(
    main, scenes, ratio, epochs, steps, names
):
    lots = main // scenes  # the official loader drops the last
    an_epoch = lots // ratio[0] * sum(ratio) + lots % ratio[0]
    assert epochs * an_epoch == steps
    for run in map(load, names):
        assert (run.steps, run.lots.scenes, run.lots.mix) == (steps, scenes, 0.8)
        assert tuple(sorted((u.weight for u in run.domains.values()), reverse=True)) == ratio


def test_paper_and_release_differ_in_the_norms_and_the_rate_of_prompts_alone():
    for released, paper in (INDOOR[:2], INDOOR[2:]):
        one, other = load(released).what(), load(paper).what()
        assert one["model"].pop("adapter") == other["model"]["adapter"] | {
            "affine": True, "zero_init": False
        }  # fmt: skip
        assert other["model"].pop("adapter")["zero_init"]
        assert one["optim"].pop("rates") == {"prompt": 1.0, "modulation": 1.0}
        assert other["optim"].pop("rates") == {"prompt": 0.1, "modulation": 0.1}
        assert one | {"name": ""} == other | {"name": ""}


def test_indoor_files_agree_on_all_but_data_and_length():
    one, other = load(INDOOR[0]).what(), load(INDOOR[2]).what()
    for key in ("augment", "lots", "model", "optim", "loss"):
        assert one[key] == other[key]
    shares = {n: (u.crop, u.crop_share, u.grid) for n, u in load(INDOOR[2]).domains.items()}
    assert shares == {
        "structured3d": (None, 0.8, 0.02),
        "scannet": (100_000, None, 0.02),
        "s3dis": (None, 0.6, 0.02),
    }


def test_outdoor_files_differ_in_boxes_and_heads_alone():
    runs = {name: load(name).what() for name in OUTDOOR}
    reach = {
        name: {domain: use["box"][3] for domain, use in run["domains"].items()}
        for name, run in runs.items()
    }
    for name, found in reach.items():
        far = "semantickitti" if "nu_sk_wa" in name else "waymo"
        assert found == dict.fromkeys(SWEEPS, 35.2) | {far: 75.2}
    rest = []
    for run in runs.values():
        run["model"].pop("head")
        rest.append([run[key] for key in ("augment", "lots", "model", "optim", "loss", "center")])
    assert all(one == rest[0] for one in rest)


@pytest.fixture(scope="module")
def shards(raw, packed, tmp_path_factory) -> dict[str, Path]:
    """Every domain, packed: procedural rooms, and made-up sweeps through a reader of tests."""
    folder = tmp_path_factory.mktemp("published")
    pack_domain("structured3d", raw, folder)
    readers.__path__.append(str(Path(__file__).parent / "made_readers"))
    for domain in SWEEPS:
        recipe, _ = find_recipe(domain)
        (folder / "splits").mkdir(exist_ok=True)
        for split in ("train", "val", "test"):
            ids = "\n".join(f"{domain}-{split}-{i}" for i in range(4))
            (folder / "splits" / f"{split}.txt").write_text(ids)
        made = recipe.model_copy(update={"reader": "made"})
        pack(made, folder, folder / "splits", folder, PackOptions(), lambda *_: None)
    readers.__path__.pop()
    sys.modules.pop("ppt_dist.shard.readers.made")
    own = {name: folder / name for name in ("structured3d", *SWEEPS)}
    return own | {name: packed / name for name in ("scannet", "s3dis")}


@pytest.fixture(scope="module")
def words(tmp_path_factory) -> Path:
    """Vectors of the published words by an encoder with random weights: sums over their letters."""
    weights = np.random.default_rng(0).normal(size=(256, 16)).astype(np.float32)

    def encode(texts):
        return np.stack([weights[list(text.encode())].sum(axis=0) for text in texts])

    recipes = [find_recipe(d)[0] for d in ("structured3d", "scannet", "s3dis", *SWEEPS)]
    asked = {word for recipe in recipes for word in recipe.labels.words}
    vectors = encode_words(Encoder("random-weights", "0", encode), asked, "[x]")
    path = tmp_path_factory.mktemp("words") / "random.safetensors"
    write_vectors(path, vectors)
    return path


def toy(run: RunConfig, shards: dict[str, Path], words: Path) -> RunConfig:
    """The run with three scenes a lot, coarse voxels and few channels; all else stays."""
    domains = {
        name: use.model_copy(update={"shards": shards[name], "grid": (use.grid or 0.02) * 20})
        for name, use in run.domains.items()
    }
    backbone = SpUNetConfig(
        stem_channels=4,
        stem_kernel=3,
        encoder_channels=(4, 6),
        encoder_depths=(1, 1),
        decoder_channels=(6, 6),
        decoder_depths=(1, 1),
    )
    head = run.model.head
    if isinstance(head, LanguageConfig):
        head = head.model_copy(update={"vectors": words})
    model = run.model.model_copy(update={"backbone": backbone, "head": head})
    lots = run.lots.model_copy(update={"scenes": 3})
    engine = run.engine.model_copy(update={"stage": "plain", "ranks": 1, "fetchers": 0})
    changes = {"domains": domains, "model": model, "lots": lots, "engine": engine}
    return run.model_copy(update=changes)


@pytest.mark.parametrize("name", [*INDOOR, *OUTDOOR])
def test_each_domain_of_each_published_run_is_planned_trained_on_and_evaluated(name, shards, words):
    run = toy(load(name), shards, words)
    manifests = {domain: read_manifest(use.shards) for domain, use in run.domains.items()}
    ranks = Ranks(Rank(0, 1), Clock())
    model = build_model(parts_of(run), labels_of(run, manifests), ranks.sum, run.seed)
    criterion = criterion_of(run, manifests)
    engine = build_engine(
        model, model.prompts, criterion, optim=run.optim, engine=run.engine, ranks=ranks
    )
    before = {key: tensor.clone() for key, tensor in engine.state().tensors.items()}
    period = sum(course_of_run(run, manifests).eras[0].weights.values())
    fetching = Fetching(0, 1, print)
    stream = open_stream(sources_of(run, manifests), shape_of(run), run.seed, ranks.rank, fetching)
    seen = set()
    for step, (lot,) in enumerate(stream.steps(0, period)):
        assert lot.micro[0].feat.shape[1] == run.model.in_channels
        assert np.isfinite(engine.accumulate(lot, 1.0).loss)
        rate = learning_rate(step, run.steps, run.optim)
        engine.update(rate, frozenset({lot.domain}), momentum(step, run.steps, run.optim))
        seen.add(lot.domain)
    assert seen == set(run.domains)
    after = engine.state().tensors
    assert all(torch.isfinite(tensor).all() for tensor in after.values())
    assert not torch.equal(
        before["weight/backbone.stem.weight"], after["weight/backbone.stem.weight"]
    )
    for domain, scenes in open_scenes(run, "val", run.model.channels).items():
        logits = engine.forward(SceneBatch.of(domain, [scenes.read(0)], run.model.in_channels))
        assert logits.shape[1] == len(manifests[domain].labels)
        assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", [INDOOR[2], OUTDOOR[0]])
def test_published_runs_are_planned_at_full_size_and_mixed_as_asked(name, shards):
    run = load(name)
    costs = {d: Records.open(shards[d], "train").cost for d in run.domains}
    manifests = {d: read_manifest(shards[d]) for d in run.domains}
    plan = Plan(costs, course_of_run(run, manifests), shape_of(run), run.seed)
    lots = [plan.lot(t) for t in range(200)]
    assert all(sum(map(len, lot.micro)) == run.lots.scenes for lot in lots)
    mixed = sum(len(lot.units[0]) == run.lots.scenes // 2 for lot in lots)
    assert 160 - 23 < mixed < 160 + 23  # binomial: standard deviation 5.7
