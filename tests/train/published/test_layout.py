"""The released layouts, held against the recipes of the domains."""

import pytest

from ppt_dist.scene.labels import LabelSet
from ppt_dist.shard.recipe import find_recipe
from ppt_dist.train.published.layout import Layout, fold, known_layouts, match_domains
from ppt_dist.train.published.names import Orders, place_of
from ppt_dist.train.published.words import permuted_words, repaired


def indoor():
    return next(layout for layout in known_layouts() if "S3DIS" in layout.conditions)


def own(labels):
    return [fold(name) for name in labels.names], [fold(word) for word in labels.words]


@pytest.mark.parametrize("condition", ["Structured3D", "ScanNet", "S3DIS"])
def test_each_class_of_a_recipe_has_its_word_in_the_layout(condition):
    known = indoor()
    labels = find_recipe(condition.lower())[0].labels
    rows = known.label_order.get(condition, known.valid_index[condition])

    assert [fold(known.class_name[row]) for row in rows] in own(labels)


def test_the_released_list_of_s3dis_has_only_two_classes_at_their_word():
    known = indoor()
    names = [fold(name) for name in find_recipe("s3dis")[0].labels.names]
    words = [fold(known.class_name[row]) for row in known.valid_index["S3DIS"]]

    assert sorted(words) == sorted(names)
    assert [name for name, word in zip(names, words, strict=True) if name == word] == [
        "floor",
        "clutter",
    ]


def test_permuted_words_of_any_condition_are_told_by_the_names_of_its_classes():
    labels = LabelSet(names=("pipe", "valve", "tank"), words=("pipe", "valve", "tank"))
    layout = Layout(
        conditions=("Plant",),
        norm_conditions=("Plant",),
        domains={"Plant": "plant"},
        rows={"Plant": (0, 2, 3)},
        table=4,
        class_name=("tank", "floor", "Pipe", "valve"),
    )

    (found,) = permuted_words(layout, {"plant": labels})

    assert found.right == (2, 3, 0)
    assert "3 of 3 classes (pipe against tank, valve against pipe" in found.examples
    assert permuted_words(repaired(layout, [found]), {"plant": labels}) == []


def test_a_condition_is_the_domain_of_the_same_name_however_it_is_spelt():
    conditions = ("ScanNet++", "SemanticKITTI", "ScanNet")

    found = match_domains(conditions, ("scannet", "semantic_kitti", "scannetpp"))

    assert found == {
        "ScanNet++": "scannetpp",
        "SemanticKITTI": "semantic_kitti",
        "ScanNet": "scannet",
    }


@pytest.mark.parametrize(
    ("ours", "official"),
    [
        ("backbone.decoder.0.norm.running.mean.every_domain", "backbone.up.0.bn.bn.running_mean"),
        ("backbone.stem_norm.bias.every_domain", "backbone.conv_input.bn.bn.bias"),
        ("backbone.encoder.3.norm.weight.a", "backbone.down.3.bn.bns.1.weight"),
        ("backbone.stem_norm.modulation.linear.bias", "backbone.conv_input.bn.modulation.1.bias"),
        ("head.weight.a", "seg_heads.0.weight"),
        ("backbone.final.weight", "backbone.final.weight"),
        ("head.words.a", "class_embedding"),
    ],
)
def test_an_official_name_counts_domains_in_the_order_of_its_place(ours, official):
    place = place_of(ours, Orders(("a", "b"), ("b", "a")))

    assert place is not None
    assert place.key == official


@pytest.mark.parametrize(
    "ours",
    [
        "backbone.encoder.0.enter.linear.weight",
        "head.linear.weight",
        "head.weight.c",
        "prompts.c",
        "backbone.stem_norm.weight.c",
    ],
)
def test_what_the_official_classes_have_not_has_no_name_there(ours):
    assert place_of(ours, Orders(("a", "b"), ("b", "a"))) is None
