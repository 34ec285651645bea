import json
import os
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from ppt_dist.cli import app
from ppt_dist.section import BadInput
from ppt_dist.text.openclip import openclip
from ppt_dist.text.torchvision_shim import ensure_torchvision
from ppt_dist.text.vectors import read_vectors

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1},
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A tiny model that open_clip knows by name, and its random weights in a file."""
    ensure_torchvision()
    import open_clip

    folder = tmp_path_factory.mktemp("openclip")
    (folder / "tiny-test.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder / "tiny-test.json")
    torch.manual_seed(1)
    model = open_clip.create_model("tiny-test", pretrained=None, load_weights=False)
    weights = folder / "weights.safetensors"
    save_file(model.state_dict(), weights)
    return model.eval(), open_clip.get_tokenizer("tiny-test"), weights


def test_vectors_from_the_file_are_those_of_the_model_that_wrote_it(tiny, tmp_path):
    model, tokenize, weights = tiny
    out = tmp_path / "out.safetensors"

    arguments = ["text", "--encoder", "tiny-test", "--weights", str(weights), "--out", str(out)]
    result = CliRunner().invoke(app, [*arguments, "--word", "sofa", "--word", "bed", "--json"])

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["words"] == ["bed", "sofa"]
    with torch.no_grad():
        oracle = torch.nn.functional.normalize(model.encode_text(tokenize(["bed", "sofa"])))
    assert np.abs(read_vectors(out).vectors - oracle.numpy()).max() < 1e-6


@pytest.mark.usefixtures("tiny")
def test_a_pickle_in_place_of_the_weights_is_refused(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "unpickled"),)

    (tmp_path / "w.pt").write_bytes(pickle.dumps(Bomb()))

    with pytest.raises(BadInput, match="not a safetensors file"):
        openclip("tiny-test", tmp_path / "w.pt")
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.usefixtures("tiny")
def test_weights_of_another_model_are_named(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "w.safetensors")

    with pytest.raises(BadInput, match="not the weights of tiny-test"):
        openclip("tiny-test", tmp_path / "w.safetensors")


def test_an_unknown_encoder_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(BadInput, match="did you mean 'ViT-B-16'"):
        openclip("ViT-B16", tmp_path / "absent")
