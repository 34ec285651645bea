"""The manifest's bytes: what names a packing must not change with a new version."""

from ppt_dist.scene.labels import LabelSet
from ppt_dist.shard.form import COMPACT
from ppt_dist.shard.manifest import Compact, Field, Manifest, Shard, Split
from ppt_dist.shard.rounding import Rounding

SHARD = Shard(
    name="train-000000.tar",
    size=10240,
    sha256="1" * 64,
    index_sha256="2" * 64,
    scenes=1,
    points=7,
)
SPLIT = Split(
    shards=(SHARD,), scenes=1, points=7, points_by_class=(3, 2), unlabelled=2, absent=("x",)
)


def manifest(split: Split) -> Manifest:
    return Manifest(
        domain="d",
        title="T",
        licence="none",
        recipe_sha256="0" * 64,
        grid=0.02,
        cost_grid=0.02,
        channels=("color",),
        labels=LabelSet(names=("a", "b"), words=("a", "b")),
        fields={"coord": Field(codec="plain", dtype="<f4", width=3, suffix="npy")},
        splits={"train": split},
    )


def test_the_digest_of_a_plain_domain_is_pinned():
    digest = "f98fd236ff691564aa12fbdf42bbecf38f638c9bdfc15504525ed0bb69a1a2d9"

    assert manifest(SPLIT).digest() == digest


def test_a_split_has_keys_of_its_own_only_where_they_apply():
    compact = Compact(fields=COMPACT, order="morton", rounding=Rounding(points=7))
    excluded = {"train-000000.tar": ("a",)}
    digests = {
        manifest(split).digest()
        for split in (
            SPLIT,
            SPLIT.model_copy(update={"compact": compact}),
            SPLIT.model_copy(update={"excluded": excluded}),
        )
    }

    assert len(digests) == 3
    assert "excluded" not in manifest(SPLIT.model_copy(update={"compact": compact})).to_json()
    assert manifest(SPLIT).fields_in("train") == manifest(SPLIT).fields
    small = manifest(SPLIT.model_copy(update={"compact": compact}))
    assert small.fields_in("train") == COMPACT
    assert Manifest.model_validate_json(small.to_json()) == small
