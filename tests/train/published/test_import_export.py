import json
import os
import pickle
import tomllib

import pytest
import tomli_w
import torch

from ppt_dist.model.ppt import build_model
from ppt_dist.run import load_run
from ppt_dist.section import BadInput
from ppt_dist.shard.manifest import read_manifest
from ppt_dist.stream.rank import Rank
from ppt_dist.train.checkpoint import CheckpointStore
from ppt_dist.train.folder import claim
from ppt_dist.train.published.choose import Said
from ppt_dist.train.published.exporting import export_weights, weights_of
from ppt_dist.train.published.importing import import_weights
from ppt_dist.train.ranks import Ranks
from ppt_dist.train.restore import alone, restore_model
from ppt_dist.train.saver import facts_of
from ppt_dist.train.session import run_training
from ppt_dist.train.sources import labels_of, parts_of
from ppt_dist.train.state import EngineState
from tests.train.published.official import decoupled_state, language_state, write_official_run

SAID = Said(conditions=("ScanNet", "S3DIS"), norm_conditions=("S3DIS", "ScanNet"))
S3DIS_RELEASED = [0, 1, 4, 5, 6, 7, 8, 10, 19, 29, 30, 31, 32]
S3DIS_RIGHT = [19, 1, 0, 30, 31, 8, 7, 6, 4, 5, 10, 29, 32]


def save(folder, state, **more):
    path = folder / "official.pth"
    torch.save({"state_dict": state, **more}, path)
    return path


def weights(run):
    found = CheckpointStore(run.folder, 3).newest()
    assert found is not None
    return found, weights_of(found)


def test_each_tensor_of_a_file_comes_to_its_place_by_name(tmp_path, run):
    state = language_state()

    import_weights(save(tmp_path, state), run, SAID, "keep")

    found, ours = weights(run)
    assert found.name == "step-00000000"
    expected = {
        "prompts.scannet": state["embedding_table.weight"][0],
        "prompts.s3dis": state["embedding_table.weight"][1],
        "backbone.stem.weight": state["backbone.conv_input.conv.weight"],
        "backbone.stem_norm.weight.scannet": state["backbone.conv_input.bn.bns.1.weight"],
        "backbone.stem_norm.running.var.s3dis": state["backbone.conv_input.bn.bns.0.running_var"],
        "backbone.encoder.1.blocks.1.second.weight": state["backbone.enc.1.block1.conv2.weight"],
        "backbone.decoder.1.norm.bias.s3dis": state["backbone.up.1.bn.bns.0.bias"],
        "backbone.decoder.0.conv.weight": state["backbone.up.0.conv.weight"],
        "head.project.bias": state["proj_head.bias"],
        "head.logit_scale": state["logit_scale"],
        "head.words.s3dis": state["class_embedding"][S3DIS_RELEASED],
    }
    for name, value in expected.items():
        assert torch.equal(ours[name], value), name
    project = state["backbone.dec.0.block0.proj_conv.weight"]
    assert torch.equal(
        ours["backbone.decoder.0.blocks.0.project.weight"], project.view(10, 6).T
    )  # in and out of a 1x1x1 kernel, as its memory is read


def test_moments_of_imported_weights_are_zero(tmp_path, run):
    import_weights(save(tmp_path, language_state()), run, SAID, "keep")

    state = weights(run)[0].state
    moments = [v for k, v in state.tensors.items() if k.startswith("exp_avg")]
    assert moments
    assert not any(moment.any() for moment in moments)
    assert set(state.counts.values()) == {0}


@pytest.mark.parametrize("prefix", ["", "module."])
def test_import_and_export_give_the_file_back_to_the_bit(tmp_path, run, prefix):
    state = {prefix + key: value for key, value in language_state().items()}
    half = f"{prefix}proj_head.bias"
    state[half] = state[half].half()

    import_weights(save(tmp_path, state, epoch=3), run, SAID, "keep")
    export_weights(run.folder, weights(run)[0], tmp_path / "back.pth")

    back = torch.load(tmp_path / "back.pth", weights_only=True)["state_dict"]
    assert list(back) == list(state)
    for key, value in state.items():
        assert back[key].dtype == value.dtype
        assert torch.equal(back[key], value), key


def test_the_words_of_s3dis_are_told_and_kept_or_repaired(tmp_path, run):
    state = language_state()
    path = save(tmp_path, state)
    kept = import_weights(path, run, SAID, "keep")
    other = run.model_copy(update={"name": "other"})
    repaired = import_weights(path, other, SAID, "repair")

    table = state["class_embedding"]
    assert torch.equal(weights(run)[1]["head.words.s3dis"], table[S3DIS_RELEASED])
    assert torch.equal(weights(other)[1]["head.words.s3dis"], table[S3DIS_RIGHT])
    assert any("11 of 13 classes (ceiling against wall" in note for note in kept.notes)
    assert any("11 of 13 classes" in note for note in repaired.notes)
    export_weights(other.folder, weights(other)[0], tmp_path / "back.pth")
    back = torch.load(tmp_path / "back.pth", weights_only=True)["state_dict"]
    assert torch.equal(back["class_embedding"], table)
    assert json.loads((tmp_path / "back.json").read_text())["valid_index"][1] == S3DIS_RIGHT


def test_a_run_of_imported_weights_needs_no_file_of_vectors_and_no_such_width(tmp_path, packed):
    head = {"kind": "language", "vectors": "absent.safetensors", "temperature": 0.07}
    run = load_run(write_official_run(tmp_path, packed, head=head))
    state = language_state(width=24)

    import_weights(save(tmp_path, state), run, SAID, "keep")
    scored = restore_model(run, weights(run)[0])
    manifests = {name: read_manifest(use.shards) for name, use in run.domains.items()}
    trained = labels_of(run, manifests)

    assert float(scored.head.get_buffer("logit_scale")) == 2.5
    vectors = trained["s3dis"].vectors
    assert vectors is not None
    assert torch.equal(vectors, state["class_embedding"][S3DIS_RELEASED])


def test_the_same_file_again_changes_nothing_and_another_is_refused(tmp_path, run):
    path = save(tmp_path, language_state())
    import_weights(path, run, SAID, "keep")
    before = weights(run)[0].digest

    assert import_weights(path, run, SAID, "keep").unchanged
    assert weights(run)[0].digest == before
    with pytest.raises(BadInput, match="import into a run of another name"):
        import_weights(save(tmp_path, language_state(seed=4)), run, SAID, "keep")


def test_every_tensor_that_misfits_is_named_and_nothing_is_written(tmp_path, run):
    state = language_state()
    absent = [key for key in state if key.startswith("backbone.enc.1.block1.")]
    for key in absent:
        del state[key]
    state["decoder.extra"] = torch.ones(2)
    state["backbone.conv_input.conv.weight"] = torch.ones(4, 5, 5, 5, 9)
    state["logit_scale"] = torch.tensor(2.5, dtype=torch.float64)

    with pytest.raises(BadInput) as refused:
        import_weights(save(tmp_path, state), run, SAID, "keep")

    text = str(refused.value)
    counted = [key for key in absent if "num_batches" not in key]
    assert f"{len(counted)} missing" in text
    assert all(key in text for key in counted)
    assert "1 unexpected" in text
    assert "decoder.extra: float32 [2]" in text
    assert "float32 [4, 5, 5, 5, 9], wanted is float32 [4, 5, 5, 5, 6]" in text
    assert "logit_scale: float64 []" in text
    assert "official.pth" in text
    assert not run.folder.exists()


@pytest.mark.parametrize("key", ["embedding_table.weight", "class_embedding", "logit_scale"])
def test_a_table_that_is_missing_is_named_although_the_layout_is_told_by_it(tmp_path, run, key):
    state = language_state()
    del state[key]

    with pytest.raises(BadInput, match=f"1 missing:\n  {key}: float32"):
        import_weights(save(tmp_path, state), run, Said(), "keep")


@pytest.mark.parametrize("shape", [(), (5, 16), (2, 17)])
def test_a_table_of_another_shape_is_named(tmp_path, run, shape):
    state = language_state() | {"embedding_table.weight": torch.ones(shape)}

    with pytest.raises(
        BadInput, match=r"embedding_table.weight: float32 \[.*wanted is float32 \[2, 16"
    ):
        import_weights(save(tmp_path, state), run, Said(), "keep")


def test_a_condition_that_is_named_twice_is_refused(tmp_path, run):
    said = Said(conditions=("ScanNet", "S3DIS"), norm_conditions=("s3dis", "S3DIS"))

    with pytest.raises(BadInput, match="one stands twice"):
        import_weights(save(tmp_path, language_state()), run, said, "keep")


def test_a_condition_is_left_out_only_when_that_is_said_and_comes_back(tmp_path, run):
    state = language_state(norms=3)
    path = save(tmp_path, state)

    with pytest.raises(BadInput, match=r"no domain for Structured3D.*--without Structured3D"):
        import_weights(path, run, Said(), "keep")
    found = import_weights(path, run, Said(without=("structured3d",)), "keep")
    export_weights(run.folder, weights(run)[0], tmp_path / "back.pth")

    back = torch.load(tmp_path / "back.pth", weights_only=True)["state_dict"]
    assert list(back) == list(state)
    assert all(torch.equal(back[key], value) for key, value in state.items())
    assert "prompts and heads are of Structured3D, ScanNet, S3DIS" in found.notes[0]
    ours = weights(run)[1]
    assert torch.equal(ours["prompts.s3dis"], state["embedding_table.weight"][2])
    norm = state["backbone.conv_input.bn.bns.1.bias"]  # ScanNet, S3DIS, Structured3D
    assert torch.equal(ours["backbone.stem_norm.bias.s3dis"], norm)


def test_the_order_of_decoupled_norms_is_never_guessed(tmp_path, run):
    path = save(tmp_path, language_state())

    with pytest.raises(BadInput, match="name it with --norm-conditions"):
        import_weights(path, run, Said(conditions=("ScanNet", "S3DIS")), "keep")


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (Said(conditions=("S3DIS", "Structured3D", "ScanNet")), "name it with --norm-conditions"),
        (
            Said(norm_conditions=("S3DIS", "Structured3D", "ScanNet")),
            "--norm-conditions is given without --conditions",
        ),
    ],
)
def test_one_order_alone_is_not_completed_by_the_released_other(tmp_path, run, said, text):
    path = save(tmp_path, language_state(norms=3))

    with pytest.raises(BadInput, match=text):
        import_weights(path, run, said._replace(without=("Structured3D",)), "keep")

    assert not run.folder.exists()


def test_weights_that_are_not_finite_are_refused_by_name(tmp_path, run):
    state = language_state()
    state["proj_head.bias"][3] = float("nan")

    with pytest.raises(BadInput, match=r"not finite everywhere: proj_head\.bias"):
        import_weights(save(tmp_path, state), run, Said(), "keep")


def test_weights_without_words_are_refused_by_their_tensors_though_no_vectors_are_there(
    tmp_path, run
):
    head = run.model.head.model_copy(update={"vectors": tmp_path / "absent.safetensors"})
    bare = run.model_copy(update={"model": run.model.model_copy(update={"head": head})})
    state = {k: v for k, v in language_state().items() if not k.startswith("class_embedding")}

    with pytest.raises(BadInput, match="class_embedding"):
        import_weights(save(tmp_path, state), bare, Said(), "keep")


def test_a_file_of_no_known_layout_wants_a_configuration(tmp_path, run):
    path = save(tmp_path, language_state(table=40))

    with pytest.raises(BadInput, match=r"class_embedding \[40, 384\] are of no released layout"):
        import_weights(path, run, Said(), "keep")


class Command:
    def __reduce__(self):
        return os.system, ("touch run_by_unpickling",)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_file_that_holds_code_is_refused_and_the_code_not_run(tmp_path, run, how, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "official.pth"
    content = {"state_dict": {"a": Command()}}
    if how == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))

    with pytest.raises(BadInput, match=r"official\.pth"):
        import_weights(path, run, SAID, "keep")
    assert not (tmp_path / "run_by_unpickling").exists()


def test_a_torn_file_is_refused_by_name(tmp_path, run):
    path = save(tmp_path, language_state())
    path.write_bytes(path.read_bytes()[:5000])

    with pytest.raises(BadInput, match=r"official\.pth: not a whole checkpoint"):
        import_weights(path, run, SAID, "keep")


def test_an_export_is_imported_again_by_the_configuration_beside_it(tmp_path, run):
    import_weights(save(tmp_path, language_state(table=40)), run, with_rows(tmp_path), "keep")
    export_weights(run.folder, weights(run)[0], tmp_path / "back.pth")
    again = run.model_copy(update={"name": "again"})

    import_weights(tmp_path / "back.pth", again, Said(config=tmp_path / "back.json"), "keep")

    before, after = weights(run)[1], weights(again)[1]
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def with_rows(folder):
    """A configuration with a class table of its own."""
    backbone = {"type": "SpUNet-v1m3", "in_channels": 6, "conditions": ["S3DIS", "ScanNet"]}
    config = {
        "type": "PPT-v1m1",
        "backbone": backbone,
        "conditions": ["ScanNet", "S3DIS"],
        "class_name": [f"class {i}" for i in range(40)],
        "valid_index": [list(range(20)), list(range(39, 26, -1))],
    }
    path = folder / "official.json"
    path.write_text(json.dumps({"config": config}))
    return Said(config=path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"adapter": {"kind": "injection"}},
            "has no place for\n  backbone.decoder.0.blocks.0.enter",
        ),
        ({"backbone": {"stem_kernel": 3}}, "the stem has kernel 3, and that of SpUNet-v1m3 is 5"),
        (
            {"head": {"kind": "unionized"}},
            "has no place for\n  head.linear.bias\n  head.linear.weight",
        ),
        ({"adapter": {"where": ["encoder"]}}, "are norms of two kinds, and SpUNet-v1m3 has one"),
    ],
)
def test_a_model_without_an_official_counterpart_is_not_exported(tmp_path, packed, change, text):
    path = write_official_run(tmp_path, packed)
    table = tomllib.loads(path.read_text())
    for key, value in change.items():
        table["model"][key] = table["model"][key] | value if key == "backbone" else value
    path.write_text(tomli_w.dumps(table))
    run = load_run(path)
    manifests = claim(run)
    model = build_model(parts_of(run), labels_of(run, manifests), alone, 0)
    tensors = {f"weight/{k}": v for k, v in model.state_dict().items()}
    CheckpointStore(run.folder, 3).save(1, EngineState(tensors, {}), facts_of(run, manifests, 1))

    with pytest.raises(BadInput, match=text):
        export_weights(run.folder, weights(run)[0], tmp_path / "out.pth")
    assert not (tmp_path / "out.pth").exists()


def test_decoupled_heads_are_found_by_their_condition(tmp_path, packed):
    run = load_run(write_official_run(tmp_path, packed, head={"kind": "decoupled"}))
    state = decoupled_state([13, 20])
    said = Said(conditions=("S3DIS", "scannet"), norm_conditions=("ScanNet", "s3dis"))

    import_weights(save(tmp_path, state), run, said, "keep")
    export_weights(run.folder, weights(run)[0], tmp_path / "back.pth")

    ours = weights(run)[1]
    assert torch.equal(ours["head.weight.s3dis"], state["seg_heads.0.weight"])
    assert torch.equal(ours["head.bias.scannet"], state["seg_heads.1.bias"])
    norm = state["backbone.conv_input.bn.bns.0.bias"]
    assert torch.equal(ours["backbone.stem_norm.bias.scannet"], norm)
    back = torch.load(tmp_path / "back.pth", weights_only=True)["state_dict"]
    assert list(back) == list(state)
    assert all(torch.equal(back[key], value) for key, value in state.items())
    assert json.loads((tmp_path / "back.json").read_text())["num_classes"] == [13, 20]


def test_weights_of_the_other_head_are_refused(tmp_path, run):
    path = save(tmp_path, decoupled_state([20, 13]))

    with pytest.raises(BadInput, match=r"(?s)missing:.*class_embedding.*unexpected:.*seg_heads\.0"):
        import_weights(path, run, SAID, "keep")


def test_a_domain_that_the_weights_do_not_know_is_named(tmp_path, run):
    path = save(tmp_path, language_state())
    said = Said(conditions=("ScanNet", "Structured3D"), norm_conditions=("Structured3D", "ScanNet"))

    with pytest.raises(BadInput, match="the weights know no s3dis; their conditions are ScanNet"):
        import_weights(path, run, said, "keep")


def test_a_run_whose_imported_weights_are_lost_does_not_start_from_random_ones(tmp_path, run):
    import_weights(save(tmp_path, language_state()), run, SAID, "keep")
    (run.folder / "checkpoints/step-00000000/COMMIT.json").unlink()

    with pytest.raises(BadInput, match="import them again"):
        run_training(run, Ranks(Rank(0, 1)), 1, lambda _event: None)
