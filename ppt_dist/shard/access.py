"""`Access`: how a packed domain is read: how patiently, by ranges or whole, and what is kept."""

from typing import Literal, NamedTuple

from ppt_dist.journal.retry import Retries, Tell
from ppt_dist.section import BadInput
from ppt_dist.shard.cache import CacheConfig
from ppt_dist.shard.sequential import Whole
from ppt_dist.shard.source import Direct, Kept, RecordsOf, Shelf, Source
from ppt_dist.shard.store import PATIENT, Bucket, Folder

Reading = Literal["ranges", "whole"]


class Access(NamedTuple):
    """No byte of a record depends on it. Folders of this machine are read as they are."""

    retries: Retries = PATIENT
    cache: CacheConfig | None = None
    """Where records of places that are not local are kept."""
    reading: Reading = "ranges"
    """``whole`` is for stores without byte ranges; it needs a cache."""


PLAIN = Access()
"""By ranges, without a cache."""


def open_source(split: RecordsOf, store: Folder | Bucket, access: Access, tell: Tell) -> Source:
    """The source of a split's records.

    Raises:
        BadInput: tars are to be read whole, and there is no cache to keep their records in.
    """
    if isinstance(store, Folder):
        return Direct(split, store)
    if access.cache is None:
        return _uncached(split, store, access)
    shelf = Shelf(split, access.cache.open(), tell)
    if access.reading == "whole":
        return Whole(split, shelf, store, access.cache.folder)
    return Kept(split, shelf, Direct(split, store))


def _uncached(split: RecordsOf, store: Bucket, access: Access) -> Source:
    if access.reading == "whole":
        raise BadInput(
            'engine.reading is "whole", but there is no engine.cache: the records that a pass '
            f"over a tar of {split.place} brings must be kept; give engine.cache a folder and mib, "
            'or set engine.reading to "ranges" where the store has them'
        )
    return Direct(split, store)
