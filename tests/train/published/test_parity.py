import json
import shutil

import numpy as np
import pytest
import torch

from ppt_dist.section import BadInput
from ppt_dist.train.published import convert, layout
from ppt_dist.train.published.parity import Difference, parity

LANGUAGE, DECOUPLED = "spunet_v1m3__ppt_v1m1", "spunet_v1m3__ppt_v1m2"


def failures(found):
    return {
        (condition, kind)
        for condition, row in found.items()
        for kind, d in row.items()
        if not d.passed
    }


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "conditions"),
    [
        (LANGUAGE, ["S3DIS", "Structured3D", "ScanNet"]),
        (DECOUPLED, ["nuScenes", "Waymo", "SemanticKITTI"]),
    ],
)
def test_our_model_gives_the_official_results_for_every_condition(shared, name, conditions):
    found = parity(shared / f"parity/{name}.npz")

    assert list(found) == conditions
    assert failures(found) == set()
    kinds = {"logits32", "logits64", "loss", "loss_parts", "statistics"}
    assert [set(row) - kinds for row in found.values()] == [set(), {"gradients"}, set()]


def changed(shared, tmp_path, name, change):
    """The stored case with its arrays or its configuration changed."""
    path = tmp_path / f"{name}.npz"
    with np.load(shared / f"parity/{name}.npz") as file:
        arrays = dict(file)
    table = json.loads((shared / f"parity/{name}.json").read_text())
    change(arrays, table["config"])
    np.savez(path, **arrays)
    path.with_suffix(".json").write_text(json.dumps(table))
    return path


def swap_norm_conditions(_arrays, config):
    config["backbone"]["conditions"] = config["backbone"]["conditions"][::-1]


def swap_conditions(_arrays, config):
    order = [1, 0, 2]
    config["conditions"] = [config["conditions"][i] for i in order]
    config["valid_index"] = [config["valid_index"][i] for i in order]


def swap_shift_and_scale(arrays, _config):
    for key in list(arrays):
        if key.startswith("sd/") and ".modulation.1." in key:
            arrays[key] = np.concatenate(np.split(arrays[key], 2)[::-1])


def transpose_points(arrays, _config):
    for key in list(arrays):
        if key.startswith("sd/") and "proj_conv" in key:
            out, width = arrays[key].shape[0], arrays[key].shape[-1]
            turned = arrays[key].reshape(width, out).T
            arrays[key] = np.ascontiguousarray(turned).reshape(arrays[key].shape)


def nudge_a_statistic(arrays, _config):
    arrays["train/ScanNet/after/backbone.up.2.bn.bns.1.running_mean"][0] += 1e-3


def nudge_a_gradient(arrays, _config):
    arrays["train/Structured3D/grad/backbone.up.2.conv.weight"].flat[5] += 1e-3


def drop_a_gradient(arrays, _config):
    del arrays["train/Structured3D/grad/proj_head.bias"]


def nudge_a_logit(arrays, _config):
    arrays["eval/S3DIS/logits64"][7, 2] += 1e-8


@pytest.mark.shared
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (swap_norm_conditions, ("S3DIS", "logits32")),
        (swap_conditions, ("S3DIS", "logits32")),
        (swap_shift_and_scale, ("ScanNet", "logits32")),
        (transpose_points, ("Structured3D", "loss")),
        (nudge_a_statistic, ("ScanNet", "statistics")),
        (nudge_a_gradient, ("Structured3D", "gradients")),
        (drop_a_gradient, ("Structured3D", "gradients")),
        (nudge_a_logit, ("S3DIS", "logits64")),
    ],
)
def test_a_wrong_detail_is_seen(shared, tmp_path, change, expected):
    found = parity(changed(shared, tmp_path, LANGUAGE, change))

    assert expected in failures(found)


@pytest.mark.shared
def test_the_tensor_that_differs_most_is_named(shared, tmp_path):
    found = parity(changed(shared, tmp_path, LANGUAGE, nudge_a_statistic))

    assert failures(found) == {("ScanNet", "statistics")}
    assert found["ScanNet"]["statistics"].where == "backbone.up.2.bn.bns.1.running_mean"


def test_what_is_not_a_number_does_not_pass():
    assert not Difference(float("nan"), 1e-4).passed


def widen(_arrays, config):
    config["backbone"]["base_channels"] = 16


def forget_affine(_arrays, config):
    config["backbone"]["norm_affine"] = False


def misspell(_arrays, config):
    config["backbone"]["norm_afine"] = True


@pytest.mark.shared
@pytest.mark.parametrize(
    ("change", "text"),
    [
        (widen, "backbone.conv_input.conv.weight: float32 .8, 5, 5, 5, 6., wanted is float32 .16,"),
        (forget_affine, r"210 unexpected:\n  backbone.conv_input.bn.bns.0.weight"),
        (misspell, "unknown key 'backbone.norm_afine': did you mean 'norm_affine'"),
    ],
)
def test_a_configuration_of_other_weights_is_refused(shared, tmp_path, change, text):
    with pytest.raises(BadInput, match=text):
        parity(changed(shared, tmp_path, LANGUAGE, change))


def forget_logits(arrays, _config):
    del arrays["eval/S3DIS/logits64"]


def narrow_features(arrays, _config):
    arrays["in/feat"] = arrays["in/feat"][:, :3]


def cut_offset(arrays, _config):
    arrays["in/offset"] = arrays["in/offset"][:1]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("change", "text"),
    [
        (forget_logits, "results of S3DIS are stored without"),
        (narrow_features, r"in/feat has shape \(1800, 3\), not \(1800, 6\)"),
        (cut_offset, "in/offset does not rise to 1800"),
    ],
)
def test_a_torn_case_is_refused_and_not_compared_in_part(shared, tmp_path, change, text):
    path = changed(shared, tmp_path, LANGUAGE, change)

    with pytest.raises(BadInput, match=text):
        parity(path)


@pytest.mark.shared
def test_a_backbone_that_we_have_not_is_refused_by_name(shared):
    with pytest.raises(BadInput, match="backbone 'PT-v3m1' is not supported yet, only SpUNet-v1m3"):
        parity(shared / "parity/ptv3m1__ppt_v1m1.npz")


@pytest.mark.shared
def test_a_file_without_its_configuration_is_refused(shared, tmp_path):
    shutil.copy(shared / f"parity/{LANGUAGE}.npz", tmp_path / "alone.npz")

    with pytest.raises(BadInput, match=r"alone\.json: no such file"):
        parity(tmp_path / "alone.npz")


@pytest.mark.shared
def test_a_file_with_objects_is_refused(shared, tmp_path):
    def hide(arrays, _config):
        arrays["in/feat"] = np.array([{"a": 1}], dtype=object)

    with pytest.raises(BadInput, match=r"not a whole \.npz of arrays"):
        parity(changed(shared, tmp_path, LANGUAGE, hide))


@pytest.mark.shared
def test_two_points_in_one_voxel_are_refused(shared, tmp_path):
    def put_together(arrays, _config):
        arrays["in/grid_coord"][1] = arrays["in/grid_coord"][0]

    with pytest.raises(BadInput, match="1 voxels share a cell with another"):
        parity(changed(shared, tmp_path, LANGUAGE, put_together))


@pytest.mark.shared
def test_results_depend_on_the_place_of_a_grid_only_up_to_its_coarsest_cells(shared, tmp_path):
    def move(arrays, _config):
        arrays["in/grid_coord"] += np.array([16000, 64, 240000])  # multiples of two to the four

    assert failures(parity(changed(shared, tmp_path, DECOUPLED, move))) == set()


def test_a_point_kernel_is_read_as_its_memory_lies_and_comes_back():
    numbers = layout.Layout(conditions=("A",), norm_conditions=("A",), domains={"A": "a"})
    name, key = "backbone.final.weight", "backbone.final.weight"
    official = {key: torch.arange(6.0).reshape(3, 1, 1, 1, 2)}  # 3 out, 2 in

    ours = convert.adopt(official, [name], numbers)

    assert ours[name].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert torch.equal(convert.publish(ours, numbers, {})[key], official[key])
