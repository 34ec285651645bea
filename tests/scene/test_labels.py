"""The union of label sets."""

from ppt_dist.scene.labels import union_of
from tests.model.domains import label_set

DOMAINS = {
    "scannet": label_set("wall", "floor", "bed"),
    "s3dis": label_set("ceiling", "floor", "beam", "wall"),
}


def test_a_shared_union_has_each_name_once_in_the_order_of_domains_and_labels():
    union = union_of(DOMAINS, share=True)
    assert union.names == ("wall", "floor", "bed", "ceiling", "beam")
    assert union.columns == {"scannet": (0, 1, 2), "s3dis": (3, 1, 4, 0)}


def test_a_union_without_sharing_has_every_class_of_every_domain_by_both_names():
    union = union_of(DOMAINS, share=False)
    assert union.names[2:5] == ("scannet/bed", "s3dis/ceiling", "s3dis/floor")
    assert union.columns == {"scannet": (0, 1, 2), "s3dis": (3, 4, 5, 6)}


def test_columns_lead_back_to_the_names_of_each_domain():
    union = union_of(DOMAINS, share=True)
    for domain, labels in DOMAINS.items():
        assert tuple(union.names[c] for c in union.columns[domain]) == labels.names
