"""The official protocols, pinned."""

from math import pi

import numpy as np
import pytest

from ppt_dist.section import BadInput
from ppt_dist.train.protocol import SHIPPED, find_protocol, protocol_of


def poses(name):
    return [(pose.turn, pose.scale, pose.flip) for pose in find_protocol(name).poses]


def test_indoor_scenes_have_four_turns_at_three_scales_and_a_flip():
    assert poses("indoor") == [
        *((turn, 1.0, False) for turn in (0.0, 0.5, 1.0, 1.5)),
        *((turn, 0.95, False) for turn in (0.0, 0.5, 1.0, 1.5)),
        *((turn, 1.05, False) for turn in (0.0, 0.5, 1.0, 1.5)),
        (0.0, 1.0, True),
    ]
    assert len(poses("indoor")) == 13
    assert np.array([t for t, _, _ in poses("indoor")[:4]]) * pi == pytest.approx(
        [0, pi / 2, pi, 3 * pi / 2]
    )


def test_nuscenes_has_five_scales_each_with_and_without_a_flip():
    scales = (0.9, 0.95, 1.0, 1.05, 1.1)
    assert poses("nuscenes") == [(0.0, s, flip) for flip in (False, True) for s in scales]


def test_semantickitti_has_four_turns():
    assert poses("semantickitti") == [(turn, 1.0, False) for turn in (0.0, 0.5, 1.0, 1.5)]


def test_none_looks_once():
    assert poses("none") == [(0.0, 1.0, False)]


@pytest.mark.parametrize(
    ("domain", "name", "before"),
    [
        ("scannet", "indoor", None),
        ("structured3d", "indoor", None),
        ("s3dis", "indoor", 0.01),
        ("nuscenes", "nuscenes", 0.025),
        ("semantickitti", "semantickitti", 0.025),
    ],
)
def test_a_domain_has_its_official_protocol_and_edge_of_thinning(domain, name, before):
    protocol = protocol_of(domain)

    assert (protocol.name, protocol.before.get(domain)) == (name, before)


def test_a_file_is_called_as_its_protocol_and_a_domain_is_listed_once():
    known = [find_protocol(path.stem) for path in SHIPPED.glob("*.toml")]

    assert {p.name for p in known} == {path.stem for path in SHIPPED.glob("*.toml")}
    listed = [domain for protocol in known for domain in protocol.domains]
    assert len(listed) == len(set(listed))


def test_what_is_not_known_is_answered_with_what_is():
    with pytest.raises(BadInput, match="did you mean 'indoor'"):
        find_protocol("indor")
    with pytest.raises(BadInput, match=r"'office': name one of indoor \(scannet, s3dis"):
        protocol_of("office")


def test_an_own_protocol_is_read_from_its_file(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('name = "own"\nposes = [{ turn = 0.25 }]\n')
    assert find_protocol(str(path)).poses[0].turn == 0.25
    path.write_text('name = "own"\nposes = [{ trun = 0.25 }]\n')
    with pytest.raises(BadInput, match="did you mean 'turn'"):
        find_protocol(str(path))
