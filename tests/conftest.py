"""Where the given data is, made-up scans for every test, and which skips CI accepts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from ppt_dist.synth.make import make_raw
from tests.packing import pack_domain
from tests.small_run import write_run_file

EXPECTED_SKIPS = Path(__file__).parent / "expected_skips.txt"
SHARED = "PPT_DIST_SHARED"

settings.register_profile("tests", deadline=None, derandomize=True)
settings.load_profile("tests")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with ``real/``, ``parity/`` and ``clip_text/``; the test skips without it."""
    folder = Path(os.environ.get(SHARED, "absent"))
    if not (folder / "real").is_dir():
        pytest.skip(f"{SHARED} names no folder with real/, parity/ and clip_text/")
    return folder


@pytest.fixture(scope="session")
def raw(tmp_path_factory) -> Path:
    """Three made-up scans of each domain: two to train, one to validate."""
    folder = tmp_path_factory.mktemp("raw")
    make_raw(folder, 3, seed=5)
    return folder


@pytest.fixture(scope="session")
def packed(raw, tmp_path_factory) -> Path:
    """Both domains, packed."""
    folder = tmp_path_factory.mktemp("packed")
    for domain in ("scannet", "s3dis"):
        pack_domain(domain, raw, folder)
    return folder


@pytest.fixture(scope="session")
def trained(packed, tmp_path_factory) -> Path:
    """Folder of a run over both domains, trained for six steps and evaluated."""
    folder = tmp_path_factory.mktemp("trained")
    run_file = write_run_file(folder, packed, "mine", 6, stage="plain", ranks=1)
    program = Path(sys.executable).with_name("ppt-dist")
    subprocess.run([program, "train", run_file, "--local"], check=True, timeout=300)
    return folder / "mine"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Under CI a skip that `EXPECTED_SKIPS` does not list is a failure."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        listed = {line.split(": ")[0] for line in EXPECTED_SKIPS.read_text().splitlines()}
        if item.nodeid not in listed:
            report.outcome = "failed"
            report.longrepr = f"unexpected skip: {report.longrepr}"
    return report
