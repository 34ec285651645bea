"""Standard ``.npy`` files, some inside zstd, written and read without trusting them."""

import io
import math
import threading

import numpy as np
import zstandard
from numpy.lib import format as npy

from ppt_dist.section import BadInput
from ppt_dist.shard.member import Content

_GROWTH = 21
"""Characters that numpy leaves in a header for the first axis to grow into."""
_ALIGNED = 64
_LARGEST_RATIO = 1 << 15
"""A block of four bytes can stand for 128 KiB, and no frame for more."""


class _Contexts(threading.local):
    """Of zstd: costly to make, and one must not be used by two threads at once."""

    def __init__(self) -> None:
        self.decompressor = zstandard.ZstdDecompressor()


_CONTEXTS = _Contexts()


def to_npy(array: np.ndarray) -> bytes:
    """The file of an array."""
    buffer = io.BytesIO()
    npy.write_array(buffer, array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def to_zstd(content: bytes, level: int) -> bytes:
    """One zstd frame that tells its size."""
    return zstandard.ZstdCompressor(level).compress(content)


def from_npy(content: Content, dtype: str, shape: tuple[int, ...], name: str) -> np.ndarray:
    """The array in a file, writable: in place where ``content`` is, otherwise a copy.

    Raises:
        BadInput: the file is not exactly an array of ``dtype`` and ``shape``; names ``name``.
    """
    array = _view(content, dtype, shape, name)
    return array if array.flags.writeable else array.copy()


def from_zstd(content: Content, dtype: str, shape: tuple[int, ...], name: str) -> np.ndarray:
    """The array of a file inside a zstd frame, writable; `BadInput` as `from_npy`."""
    size = len(npy_header(dtype, shape)) + _bytes(dtype, shape)
    try:
        told = zstandard.frame_content_size(content)
        if told != size or size > len(content) * _LARGEST_RATIO:
            raise BadInput(f"{name}: a frame of {told} bytes instead of {size}")
        inflated = np.empty(size, np.uint8).data
        got = _CONTEXTS.decompressor.stream_reader(content).readinto(inflated)
    except zstandard.ZstdError as error:
        raise BadInput(f"{name}: not zstd: {error}") from None
    if got != size:
        raise BadInput(f"{name}: its frame ends after {got} of {size} bytes")
    return _view(inflated, dtype, shape, name)


def npy_header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """The header that numpy writes for such an array: compared, so that none is ever evaluated.

    Source: format 1.0 of `numpy.lib.format`.
    """
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (_GROWTH - len(str(shape[0])))
    start = len(npy.MAGIC_PREFIX) + 4
    text += " " * (-(start + len(text) + 1) % _ALIGNED) + "\n"
    return npy.MAGIC_PREFIX + b"\1\0" + len(text).to_bytes(2, "little") + text.encode("ascii")


def _view(content: Content, dtype: str, shape: tuple[int, ...], name: str) -> np.ndarray:
    header, size = npy_header(dtype, shape), _bytes(dtype, shape)
    if bytes(content[: len(header)]) != header:
        raise BadInput(f"{name}: not an .npy array of {dtype} {shape}, as the manifest says")
    if len(content) != len(header) + size:
        raise BadInput(f"{name}: {len(content) - len(header)} bytes of data instead of {size}")
    return np.frombuffer(content, dtype, offset=len(header)).reshape(shape)


def _bytes(dtype: str, shape: tuple[int, ...]) -> int:
    return math.prod(shape) * np.dtype(dtype).itemsize
