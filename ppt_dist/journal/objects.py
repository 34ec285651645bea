"""The door to obstore: objects below a URL, each asked for once; who calls may repeat."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import obstore
from obstore import exceptions
from obstore.store import from_url

from ppt_dist.journal.retry import Transient
from ppt_dist.section import BadInput

if TYPE_CHECKING:
    from obstore.store import ObjectStore


class Refused(BadInput):
    """A place will not be read like this, whatever is asked for: no word on a single object."""


CHUNK = 1 << 20
"""Bytes that a streamed object comes in, at least, its end aside."""
_STATUS = re.compile(r"status code: (\d{3})")
_PAST_END = re.compile(r"status code: 416|Wanted range starting at")
_MAY_PASS = (408, 425, 429)


class Limits(NamedTuple):
    """How long one request may take, seconds."""

    silence: float
    """Without a byte."""
    whole: float


class Objects(NamedTuple):
    """The objects below a URL. Small, and no client travels with it to another process.

    Every method raises `FileNotFoundError` where there is no such object, `Transient` for what may
    pass, and `Refused` where access is refused or the store cannot do what is asked.
    """

    url: str
    limits: Limits

    def size(self, name: str) -> int:
        """Bytes of an object."""
        with self._explained(name):
            return obstore.head(self._client(), name)["size"]

    def read(self, name: str) -> bytes:
        """All bytes of an object."""
        with self._explained(name):
            return bytes(obstore.get(self._client(), name).bytes())

    def read_range(self, name: str, offset: int, span: int) -> bytearray:
        """Bytes of an object from ``offset``; fewer than ``span`` only where it ends before."""
        with self._explained(name):
            content = self._ranged(name, offset, span)
        if len(content) != span and self.size(name) >= offset + span:
            raise Transient(f"{self.url}/{name}: {len(content)} of {span} bytes came")
        return content

    def chunks(self, name: str) -> Iterator[bytes]:
        """An object from start to end."""
        with self._explained(name):
            for chunk in obstore.get(self._client(), name).stream(min_chunk_size=CHUNK):
                yield bytes(chunk)

    def _ranged(self, name: str, offset: int, span: int) -> bytearray:
        try:
            return bytearray(obstore.get_range(self._client(), name, start=offset, length=span))
        except exceptions.GenericError as error:
            if _PAST_END.search(_line(error)):
                return bytearray()
            raise

    def _client(self) -> "ObjectStore":
        if _first_process() != os.getpid():
            raise RuntimeError(
                f"{self.url} is read in a process that was forked from one that had a client: its "
                "threads are gone; start processes with spawn or forkserver"
            )
        return _open(self.url, self.limits)

    @contextmanager
    def _explained(self, name: str) -> Iterator[None]:
        """Raise what obstore raises in our terms."""
        where = f"{self.url}/{name}"
        try:
            yield
        except FileNotFoundError:
            raise FileNotFoundError(f"{where}: no such object") from None
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
            raise Refused(
                f"{where}: access is refused: give this process credentials by its environment "
                f"that may read there ({_line(error)})"
            ) from None
        except exceptions.NotSupportedError:
            raise Refused(
                f"{where}: this store ignores byte ranges: read it from start to end with "
                'engine.reading = "whole" and an engine.cache'
            ) from None
        except exceptions.BaseError as error:
            if _may_pass(error):
                raise Transient(f"{where}: {_line(error)}") from None
            raise Refused(f"{where}: {_line(error)}") from None


@cache
def _first_process() -> int:
    """The process that made the first client; a fork inherits the answer."""
    return os.getpid()


@cache
def _open(url: str, limits: Limits) -> "ObjectStore":
    """This process's client, which repeats nothing by itself."""
    try:
        return from_url(
            url,
            client_options={
                "allow_http": url.startswith("http://") or _plain_allowed(),
                "connect_timeout": timedelta(seconds=limits.silence),
                "read_timeout": timedelta(seconds=limits.silence),
                "timeout": timedelta(seconds=limits.whole),
            },
            retry_config={"max_retries": 0},
        )
    except (exceptions.BaseError, ValueError) as error:
        raise Refused(f"{url}: no client for it: {_line(error)}") from None


def _plain_allowed() -> bool:
    """Whether the environment allows endpoints without TLS."""
    given = (os.environ.get(f"{cloud}_ALLOW_HTTP", "") for cloud in ("AWS", "AZURE", "GOOGLE"))
    return any(word.lower() in {"1", "true", "yes"} for word in given)


def _status(error: Exception) -> int | None:
    """HTTP's status, which obstore tells in words only."""
    found = _STATUS.search(_line(error))
    return int(found.group(1)) if found else None


def _may_pass(error: Exception) -> bool:
    """Whether the same request may do better: no answer, a server's failure, too many requests."""
    status = _status(error)
    if status is None:
        return isinstance(error, exceptions.GenericError) and "builder error" not in str(error)
    return status >= 500 or status in _MAY_PASS


def _line(error: Exception) -> str:
    """What an error says, without the structure that obstore prints behind it."""
    return " ".join(str(error).partition("\n\nDebug source")[0].split())[:400]
