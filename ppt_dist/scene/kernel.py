"""`kernel`: a loop over points, compiled by numba; the one door to it.

A kernel is compiled when it is first called with arguments of new types, not when it is imported,
and kept on disk: in ``NUMBA_CACHE_DIR`` where that is set, else beside the module, else in the
user's cache folder. Several processes may write there at once. What is kept is trusted as ``.pyc``
files are. It is redone when the module's file, numba or the kind of CPU changes, so a kernel calls
no kernel of another file, whose change it would not see.

Sums are taken in the order that is written and on one thread, so that the same arguments give the
same bits on one kind of CPU.

Below ``@kernel`` stands ``@no_type_check``, since numba cannot compile through a checker's wrapper.
"""

import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from numba import njit

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def kernel(loop: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The function, compiled. Where nothing can be written, every process compiles for itself."""
    try:
        return njit(cache=True)(loop)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        warnings.warn(_NOT_KEPT, stacklevel=1)
        return njit(loop)


_NOT_KEPT = (
    "compiled kernels cannot be kept, since neither the package nor a cache folder of the user can "
    "be written: every process takes some seconds to compile them. Set NUMBA_CACHE_DIR to a folder "
    "that can be written"
)
