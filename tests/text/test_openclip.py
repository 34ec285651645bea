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
from ppt_dist.text.openclip import openclip, openclip_from_hub
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


@pytest.mark.parametrize("from_file", [False, True])
def test_templates_by_option_or_by_file_are_averaged_and_recorded(tiny, tmp_path, from_file):
    model, tokenize, weights = tiny
    lines = ["[x]", "A point of [x]."]
    (tmp_path / "t.txt").write_text("\n".join([*lines, "", ""]))
    chosen = [word for line in lines for word in ("--template", line)]
    if from_file:
        chosen = ["--templates", str(tmp_path / "t.txt")]
    out = tmp_path / "out.safetensors"

    arguments = ["text", "--encoder", "tiny-test", "--weights", str(weights), "--out", str(out)]
    result = CliRunner().invoke(app, [*arguments, "--word", "sofa", *chosen])

    assert result.exit_code == 0, result.output
    with torch.no_grad():
        texts = tokenize(["sofa", "A point of sofa."])
        mean = torch.nn.functional.normalize(model.encode_text(texts)).mean(0, keepdim=True)
    found = read_vectors(out)
    assert np.abs(found.vectors - torch.nn.functional.normalize(mean).numpy()).max() < 1e-6
    assert found.template == "[x]\nA point of [x]."


@pytest.fixture
def hub(monkeypatch, tiny):
    """A hub that has the tiny model's weights as ``ours``."""
    assert tiny
    from open_clip import pretrained

    facts = {"hf_hub": "someone/tiny/", "quick_gelu": True}
    monkeypatch.setitem(pretrained._PRETRAINED, "tiny-test", {"ours": facts})
    return pretrained


def test_weights_of_the_hub_are_fetched_by_name_with_their_activation(hub, tiny, monkeypatch):
    model, tokenize, weights = tiny
    asked = []
    answer = lambda repo_id, **_: (asked.append(repo_id), str(weights))[1]  # noqa: E731
    monkeypatch.setattr(hub, "hf_hub_download", answer)

    encoder = openclip_from_hub("tiny-test", "ours")

    assert asked == ["someone/tiny"]
    assert encoder.version.split(", ")[1].startswith("weights ours sha256 ")
    with torch.no_grad():
        plain = model.encode_text(tokenize(["sofa"])).numpy()
    found = encoder.encode(["sofa"])
    assert not np.allclose(found, plain, atol=1e-6)
    assert np.allclose(found, plain, atol=0.1)


def test_a_hub_that_does_not_answer_is_named_with_the_way_around_it(hub, monkeypatch):
    def refuse(**_):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(hub, "hf_hub_download", refuse)

    with pytest.raises(BadInput, match=r"--pretrained ours: cannot be fetched.*--weights"):
        openclip_from_hub("tiny-test", "ours")


@pytest.mark.usefixtures("hub")
def test_a_name_that_the_hub_does_not_have_is_answered_with_the_nearest():
    with pytest.raises(BadInput, match=r"no weights 'our' of tiny-test: did you mean 'ours'"):
        openclip_from_hub("tiny-test", "our")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([], "needs --weights FILE, or --pretrained NAME"),
        (["--weights", "a", "--pretrained", "b"], "both name weights"),
        (["--encoder", "minilm", "--pretrained", "b"], "has its own weights"),
        (["--templates", "absent.txt"], "cannot be read"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_loaded(options, reason):
    result = CliRunner().invoke(app, ["text", "--word", "a", "--out", "o", *options])

    assert isinstance(result.exception, BadInput)
    assert reason in str(result.exception)


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
