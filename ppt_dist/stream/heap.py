"""Keeps memory that is freed in a process which will soon take the same again.

By default the C library gives large pieces back to the system. A scene's arrays would then be pages
that the system must clear and hand out one by one, thousands for each scene.
"""

import ctypes
import os

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Options of `mallopt`, as glibc's malloc.h numbers them."""
KEPT = 256 << 20
"""Bytes at the end of the heap that may lie unused."""
LARGEST = 32 << 20
"""Bytes of a piece that comes from the heap; glibc allows no more."""


def keep_freed_memory() -> None:
    """For the rest of this process, where its C library is glibc; elsewhere nothing changes."""
    if "CS_GNU_LIBC_VERSION" in os.confstr_names:
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_TRIM_THRESHOLD, KEPT)
        mallopt(_MMAP_THRESHOLD, LARGEST)
