"""``.npy`` files of others, read without trusting them."""

import tokenize
from pathlib import Path

import numpy as np

from ppt_dist.section import BadInput

_NO_ARRAY = (ValueError, EOFError, MemoryError, SyntaxError, TypeError, tokenize.TokenError)
"""What numpy raises over a file that is no array; a pickle is a `ValueError`."""


def load_array(path: Path) -> np.ndarray:
    """The array in a file.

    Raises:
        BadInput: it is damaged, something stands behind it, or it holds objects; a pickle is not
            run.
    """
    try:
        with path.open("rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
            more = file.read(1)
    except _NO_ARRAY as error:
        raise BadInput(f"{path}: not an .npy file of numbers: {error}") from None
    if more:
        raise BadInput(f"{path}: bytes behind the array")
    return array
