"""Run files: what they may say, what may change at a restart, and where their paths start."""

import tomllib
from pathlib import Path

import pytest
import tomli_w

from ppt_dist.launch.demo import CONFIGS
from ppt_dist.launch.start import Override
from ppt_dist.run import ROOT_VARIABLE, load_run
from ppt_dist.scene.augment.geometry import Center, Clamp
from ppt_dist.section import BadInput


@pytest.fixture
def table():
    return tomllib.loads((CONFIGS / "demo.toml").read_text())


def load(table, folder):
    path = folder / "run.toml"
    path.write_text(tomli_w.dumps(table))
    return load_run(path)


def test_every_shipped_run_file_loads_and_is_under_sixty_lines():
    for path in CONFIGS.glob("*.toml"):
        load_run(path)
        assert len(path.read_text().splitlines()) < 60


@pytest.mark.parametrize("weight", [-1, "4", True])
def test_a_weight_that_is_no_number_from_0_on_is_refused_by_its_key(table, tmp_path, weight):
    table["domains"]["scannet"]["weight"] = weight
    with pytest.raises(BadInput, match=r"(?s)run\.toml:.*domains\.scannet\.weight: .*given"):
        load(table, tmp_path)


@pytest.mark.parametrize(
    ("path", "key", "hint"),
    [
        ((), "step", "steps"),
        (("domains", "s3dis"), "shard", "shards"),
        (("model", "backbone"), "stem_channel", "stem_channels"),
        (("model", "adapter"), "afine", "affine"),
        (("optim",), "decya", "decay"),
        (("optim", "rates"), "promt", "prompt"),
        (("engine",), "stge", "stage"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_one_wherever_it_stands(
    table, tmp_path, path, key, hint
):
    part = table
    for name in path:
        part = part[name]
    part[key] = 1
    with pytest.raises(BadInput, match=f"unknown key '.*{key}': did you mean '{hint}'"):
        load(table, tmp_path)


def test_an_unknown_augmentation_is_answered_with_the_known_ones(table, tmp_path):
    table["augment"].append({"kind": "elastc"})
    with pytest.raises(BadInput, match=r"'center'.*'chromatic_jitter'"):
        load(table, tmp_path)


def test_more_ranks_than_scenes_in_a_micro_lot_are_refused_with_the_largest_number(table, tmp_path):
    table["lots"] = {"scenes": 7, "micro": 2}
    table["engine"]["ranks"] = 4
    with pytest.raises(BadInput, match=r"smallest micro-lot has 3 scenes.*at most 3 ranks"):
        load(table, tmp_path)
    table["engine"]["ranks"] = 3
    load(table, tmp_path)


def test_what_is_trained_holds_all_but_paths_engine_and_cadences(table, tmp_path):
    what = load(table, tmp_path).what()
    assert {"seed", "steps", "domains", "lots", "augment", "model", "optim", "loss"} <= set(what)
    assert not {"runs", "engine", "checkpoint", "log_every"} & set(what)
    assert "shards" not in what["domains"]["scannet"]
    assert what["domains"]["scannet"]["weight"] == 2


def test_how_may_change_and_what_may_not(table, tmp_path):
    before = load(table, tmp_path).what()
    table["engine"] = {"stage": 3, "ranks": 1, "fetchers": 0, "threads": 2}
    table["checkpoint"]["every"] = 7
    table["domains"]["scannet"]["shards"] = "/elsewhere"
    assert load(table, tmp_path).what() == before
    table["seed"] = 5
    assert load(table, tmp_path).what() != before


def test_options_of_the_command_line_leave_the_rest_of_the_engine_as_it_is(table, tmp_path):
    table["engine"] = {"cache": {"folder": "kept", "mib": 1}, "retries": {"times": 2}, "ranks": 1}
    run = load(table, tmp_path)
    changed = Override(ranks=2).apply(run).engine
    assert changed == run.engine.model_copy(update={"ranks": 2})
    assert changed.cache is not None
    assert changed.cache.folder == tmp_path / "kept"


def test_paths_start_at_the_run_file_or_at_the_root_that_the_environment_names(
    table, tmp_path, monkeypatch
):
    table |= {"runs": "out"}
    table["domains"]["scannet"]["shards"] = "data/scannet"
    run = load(table, tmp_path)
    assert run.folder == tmp_path / "out/demo"
    assert run.domains["scannet"].shards == tmp_path / "data/scannet"
    monkeypatch.setenv(ROOT_VARIABLE, "/elsewhere")
    assert load(table, tmp_path).folder == Path("/elsewhere/out/demo")


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b"])
def test_a_name_that_is_no_folders_name_is_refused(table, tmp_path, name):
    with pytest.raises(BadInput, match="name: "):
        load(table | {"name": name}, tmp_path)


def test_lovasz_over_a_batch_is_refused_on_several_ranks_with_the_reason(table, tmp_path):
    table["loss"] = {"lovasz": 1.0, "lovasz_over": "batch"}
    table["engine"]["ranks"] = 2
    with pytest.raises(BadInput, match=r"lovasz_over.*engine\.ranks is 2.*no sum over ranks"):
        load(table, tmp_path)
    table["engine"]["ranks"] = 1
    load(table, tmp_path)


def test_a_loss_of_nothing_and_a_backbone_that_labels_no_voxel_are_refused(table, tmp_path):
    with pytest.raises(BadInput, match="nothing would be learned"):
        load(table | {"loss": {"cross_entropy": 0.0}}, tmp_path)
    table["model"]["backbone"]["encoder_only"] = True
    with pytest.raises(BadInput, match="one row a scene"):
        load(table, tmp_path)


@pytest.mark.parametrize(
    ("part", "given"),
    [
        ("adapter", {"kind": "injection", "where": ["encoder"], "zero_init": False}),
        ("adapter", {"kind": "attention", "tokens": 8, "heads": 2, "norm": "domain"}),
        ("adapter", {"kind": "none"}),
        ("head", {"kind": "decoupled"}),
        ("head", {"kind": "unionized", "share": False}),
        ("head", {"kind": "language", "vectors": "words", "criterion": "l2"}),
    ],
)
def test_every_adapter_and_head_is_had_by_its_name(table, tmp_path, part, given):
    table["model"][part] = given
    assert load(table, tmp_path).what()["model"][part]["kind"] == given["kind"]


@pytest.mark.parametrize(
    ("part", "given", "told"),
    [
        ("adapter", {"kind": "pdnrm"}, r"model\.adapter: .*'pdnorm', 'injection', 'attention'"),
        ("adapter", {"kind": "injection", "zero_int": True}, "did you mean 'zero_init'"),
        ("adapter", {"kind": "pdnorm", "where": ["head"]}, "where"),
        ("adapter", {"kind": "pdnorm", "where": []}, "where"),
        ("head", {"kind": "decoupled", "vectors": "words"}, "unknown key"),
        ("head", {"kind": "language"}, "missing key .*vectors"),
    ],
)
def test_a_part_that_does_not_exist_is_answered_with_those_that_do(
    table, tmp_path, part, given, told
):
    table["model"][part] = given
    with pytest.raises(BadInput, match=f"(?s){told}"):
        load(table, tmp_path)


def test_a_clamp_has_its_domains_box_and_is_refused_where_there_is_none(table, tmp_path):
    table["augment"] = [{"kind": "center"}, {"kind": "clamp"}]
    for name, use in table["domains"].items():
        use["box"] = [-3, -3, 0, 3, 3, 2 + len(name)]
    run = load(table, tmp_path)
    for name in run.domains:
        assert run.augment_of(name) == (Center(), Clamp(box=(-3, -3, 0, 3, 3, 2 + len(name))))
    del table["domains"]["s3dis"]["box"]
    with pytest.raises(BadInput, match=r"clamp without a box, and so has domains\.s3dis"):
        load(table, tmp_path)
