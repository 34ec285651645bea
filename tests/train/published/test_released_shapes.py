"""Models of full width against the key lists and shapes of the released configurations."""

import json
from pathlib import Path

import pytest
import torch

from ppt_dist.model.adapter import PDNormConfig
from ppt_dist.model.backbone import SpUNetConfig
from ppt_dist.model.head import DecoupledConfig, LanguageConfig
from ppt_dist.model.head.head import DomainLabels
from ppt_dist.model.ppt import Parts, build_model
from ppt_dist.scene.labels import LabelSet
from ppt_dist.train.published.convert import adopt, publish
from ppt_dist.train.published.layout import Layout, known_layouts
from ppt_dist.train.published.names import counters_of, in_official_order
from ppt_dist.train.restore import alone

CASES = {
    "indoor_spunet_scannet_s3dis_structured3d": ("indoor", 6, True, True),
    "outdoor_spunet_decoupled": ("outdoor", 4, False, False),
    "outdoor_spunet_language": ("outdoor", 4, False, True),
}
"""Layout, input channels, whether norms follow the prompt, whether the head compares with words."""

OUTDOOR, INDOOR = "Waymo", "S3DIS"


def known(name):
    condition = {"indoor": INDOOR, "outdoor": OUTDOOR}[name]
    return next(layout for layout in known_layouts() if condition in layout.conditions)


def model_and_layout(name):
    place, channels, adaptive, words = CASES[name]
    released = known(place)
    domains = {c: c.lower() for c in released.conditions}
    heads = {
        domain: DomainLabels(
            LabelSet(names=(names := tuple(map(str, released.valid_index[c]))), words=names),
            torch.ones(len(names), 512),
        )
        for c, domain in domains.items()
    }
    parts = Parts(
        channels,
        256,
        SpUNetConfig(),
        PDNormConfig(adaptive=adaptive, affine=True, zero_init=False),
        LanguageConfig(vectors=Path()) if words else DecoupledConfig(),
    )
    layout = Layout(
        conditions=released.conditions,
        norm_conditions=released.norm_conditions,
        domains=domains,
        rows=released.valid_index if words else {},
        table=len(released.class_name) if words else None,
    )
    with torch.device("meta"):
        return build_model(parts, heads, alone, 0), layout


@pytest.mark.shared
@pytest.mark.parametrize("name", CASES)
def test_names_types_and_shapes_are_those_of_the_released_configuration(shared, name):
    released = json.loads((shared / "parity/released_shapes.json").read_text())[name]
    model, layout = model_and_layout(name)

    official = publish(model.state_dict(), layout, {})
    official |= {key: torch.tensor(0) for key in counters_of(official)}

    ordered = in_official_order(official)
    assert ordered == list(released["keys"])
    found = {k: [str(v.dtype).removeprefix("torch."), list(v.shape)] for k, v in official.items()}
    assert found == released["keys"]


@pytest.mark.parametrize("name", CASES)
def test_every_tensor_comes_back_from_its_official_place(name):
    model, layout = model_and_layout(name)
    g = torch.Generator().manual_seed(1)
    ours = {n: torch.randn(v.shape, generator=g) for n, v in small(model.state_dict()).items()}
    for domain in layout.domains.values():
        if f"head.words.{domain}" in ours:  # conditions share rows, and so must their vectors
            rows = torch.tensor(layout.rows_of(domain), dtype=torch.float32)
            ours[f"head.words.{domain}"] = rows[:, None].expand(-1, 512).contiguous()

    back = adopt(publish(ours, layout, {}), ours, layout)

    assert all(torch.equal(back[name], value) for name, value in ours.items())


def small(state):
    """Tensors that are quick to draw, among them one of each kind."""
    return {name: value for name, value in state.items() if value.numel() < 100_000}
