"""`Place`: where packed data lie: a folder of this machine, or a URL of an object store."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import PlainSerializer, PlainValidator

from ppt_dist.section import BadInput

SCHEMES = ("s3", "s3a", "gs", "az", "abfs", "abfss", "http", "https")


@dataclass(frozen=True)
class Url:
    """A folder of an object store."""

    text: str
    """Without a slash at its end."""

    def __truediv__(self, name: str) -> "Url":
        return Url(f"{self.text}/{name}")

    def __str__(self) -> str:
        return self.text

    @property
    def name(self) -> str:
        """The last part."""
        return self.text.rpartition("/")[2]

    @property
    def parent(self) -> "Url":
        """Without the last part."""
        return Url(self.text.rpartition("/")[0])


Place = Path | Url


def place_of(text: str) -> Place:
    """The place that a user names; ``file://`` is a folder.

    Raises:
        BadInput: an unknown kind of URL, or one with a user, query or fragment, which would end in
            files and messages.
    """
    scheme, mark, rest = text.partition("://")
    if not mark:
        return Path(text)
    if scheme == "file":
        return Path(rest)
    if scheme not in SCHEMES:
        raise BadInput(f"{text}: no known kind of place; give a folder or {', '.join(SCHEMES)}")
    parts = urlsplit(text)
    if parts.username is not None or parts.query or parts.fragment:
        raise BadInput(
            f"{scheme}://...: a place has no user, '?' or '#' in it: credentials belong into the "
            "environment, such as AWS_ACCESS_KEY_ID"
        )
    if not parts.netloc:
        raise BadInput(f"{text}: names no bucket or host")
    return Url(text.rstrip("/"))


def _parsed(given: object) -> Place:
    """A place in a run file or in code."""
    if isinstance(given, (Path, Url)):
        return given
    if not isinstance(given, str):
        raise BadInput("a place is a folder's path or a URL")
    return place_of(given)


PlaceKey = Annotated[Path | Url, PlainValidator(_parsed), PlainSerializer(str)]
"""A place as the key of a section."""
