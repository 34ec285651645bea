"""Places: folders and URLs as a run file names them."""

import pickle
from pathlib import Path

import pytest

from ppt_dist.section import BadInput, Section, parse
from ppt_dist.shard.place import PlaceKey, Url, place_of


class Holder(Section):
    place: PlaceKey


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("packed/scannet", Path("packed/scannet")),
        ("/packed", Path("/packed")),
        ("file:///packed/a", Path("/packed/a")),
        ("s3://bucket/packed/", Url("s3://bucket/packed")),
        ("http://127.0.0.1:8000", Url("http://127.0.0.1:8000")),
    ],
)
def test_a_text_is_a_folder_or_a_url_and_comes_back_from_a_section(text, place):
    assert place_of(text) == place
    holder = parse(Holder, {"place": text}, "test")
    assert holder.place == place
    assert parse(Holder, holder.model_dump(mode="json"), "test") == holder
    assert pickle.loads(pickle.dumps(place)) == place


def test_names_hang_below_a_url_as_below_a_folder():
    place = place_of("s3://bucket/packed") / "scannet"
    assert str(place / "manifest.json") == "s3://bucket/packed/scannet/manifest.json"
    assert (place.name, place.parent) == ("scannet", place_of("s3://bucket/packed"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ftp://host/a", "no known kind of place; give a folder or s3"),
        ("memory:///a", "no known kind of place"),
        ("s3:///a", "names no bucket"),
        ("https://me:secret@host/a", "credentials belong into the environment"),
        ("https://host/a?X-Amz-Signature=secret", "credentials belong into the environment"),
    ],
)
def test_a_place_that_cannot_be_read_is_refused_without_its_secret(text, reason):
    with pytest.raises(BadInput, match=reason) as caught:
        place_of(text)
    assert "secret" not in str(caught.value)
    with pytest.raises(BadInput, match=f"place: .*{reason}"):
        parse(Holder, {"place": text}, "test")


def test_what_is_no_text_is_no_place():
    with pytest.raises(BadInput, match="a folder's path or a URL"):
        parse(Holder, {"place": 3}, "test")
