"""Memory that a process frees and takes again."""

import os
import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
from ppt_dist.stream.heap import keep_freed_memory

keep_freed_memory()
for _ in range(5):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    pieces = [np.ones(size << 20, np.uint8) for size in (16, 1, 24, 2, 31, 8, 16, 3)]
    del pieces
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="needs glibc")
def test_only_what_is_taken_first_costs_pages():
    done = subprocess.run([sys.executable, "-c", FAULTS], check=True, capture_output=True)
    _, *again = [int(line) for line in done.stdout.split()]
    assert max(again) < 100  # a MiB has 256 pages
