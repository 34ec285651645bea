"""The unionized head: one layer over all classes, cut to the domain's before the loss."""

import pytest
import torch
from torch.nn import functional as F

from ppt_dist.model.head.head import DomainLabels
from ppt_dist.model.head.unionized import UnionizedConfig
from tests.model.domains import label_set
from tests.model.sparse.cases import gradient, normal

NAMES = {"scannet": ("wall", "floor", "bed"), "s3dis": ("ceiling", "floor", "beam", "wall")}
DOMAINS = {name: DomainLabels(label_set(*own)) for name, own in NAMES.items()}
COLUMNS = {
    True: {"scannet": [0, 1, 2], "s3dis": [3, 1, 4, 0]},
    False: {"scannet": [0, 1, 2], "s3dis": [3, 4, 5, 6]},
}
EACH = pytest.mark.parametrize("share", [True, False])


def make(share):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return UnionizedConfig(share=share).build(3, DOMAINS).double()


@EACH
def test_logits_are_the_domains_columns_of_one_layer_in_label_order(share):
    head, feat = make(share), normal(11, 3)
    assert head.linear.out_features == (5 if share else 7)
    for domain, columns in COLUMNS[share].items():
        torch.testing.assert_close(head(feat, domain), head.linear(feat)[:, columns])


@EACH
def test_classes_of_other_domains_are_in_no_softmax_and_get_no_gradient(share):
    head, feat = make(share), normal(11, 3)
    F.cross_entropy(head(feat, "s3dis"), torch.arange(11) % 4).backward()
    touched = gradient(head.linear.weight).any(1).nonzero().flatten().tolist()
    assert touched == sorted(COLUMNS[share]["s3dis"])


def test_a_class_that_two_domains_name_alike_learns_from_both_only_where_it_is_shared():
    feat = normal(11, 3)
    for share in (True, False):
        head = make(share)
        before = head(feat, "scannet")[:, 0].detach()
        with torch.no_grad():
            head.linear.weight[COLUMNS[share]["s3dis"][3]] += 1  # the wall of s3dis
        assert torch.equal(head(feat, "scannet")[:, 0], before) != share


@EACH
def test_no_voxel_gives_no_row_and_gradients_of_zeros(share):
    head = make(share)
    out = head(normal(0, 3), "s3dis")
    out.sum().backward()
    assert out.shape == (0, 4)
    assert all(p.grad is not None and not p.grad.any() for p in head.parameters())


def test_a_state_dict_holds_one_layer_and_nothing_else():
    assert list(make(share=True).state_dict()) == ["linear.weight", "linear.bias"]
