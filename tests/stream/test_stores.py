"""A run whose shards lie in an object store: the same plan and the same batches as locally."""

import json
from itertools import chain

import pytest
import tomli_w
from typer.testing import CliRunner

from ppt_dist.cli import app
from ppt_dist.journal.retry import Unreachable
from ppt_dist.run import load_run
from ppt_dist.section import BadInput
from ppt_dist.shard.cache import CacheConfig
from ppt_dist.shard.manifest import read_manifest
from ppt_dist.shard.place import Url
from ppt_dist.stream.fetch import Fetching
from ppt_dist.stream.rank import Rank
from ppt_dist.stream.stream import open_stream
from ppt_dist.train.folder import claim, read_folder
from ppt_dist.train.sources import shape_of, sources_of
from tests import stores
from tests.cli.test_evaluate import RUN

NAMES = ("scannet", "s3dis")


@pytest.fixture(scope="module")
def s3(packed):
    with stores.s3_of(packed) as url:
        yield url


def load(folder, place, **engine):
    """A run over both domains below a place."""
    domains = {name: {"shards": f"{place}/{name}", "weight": 1, "crop": 200} for name in NAMES}
    table = RUN | {
        "steps": 4,
        "domains": domains,
        "lots": {"scenes": 3},
        "engine": {"fetchers": 0, "stage": "plain", **engine},
    }
    path = folder / "run.toml"
    path.write_text(tomli_w.dumps(table))
    return load_run(path)


def batches(run):
    """Bytes of every batch, and the faults that were told."""
    faults = []
    manifests = {name: read_manifest(use.shards) for name, use in run.domains.items()}
    ahead = run.engine.ahead_mib << 20
    fetching = Fetching(run.engine.fetchers, ahead, faults.append, access=run.engine.access)
    stream = open_stream(sources_of(run, manifests), shape_of(run), run.seed, Rank(0, 1), fetching)
    try:
        steps = list(stream.steps(0, run.steps))
    finally:
        stream.close()
    found = [
        (lot.index, lot.domain, batch.names, batch.feat.numpy().tobytes(), batch.grid.tolist())
        for lot in chain(*steps)
        for batch in lot.micro
    ]
    return found, faults


@pytest.fixture(scope="module")
def local(packed, tmp_path_factory):
    return batches(load(tmp_path_factory.mktemp("local"), packed))[0]


def test_a_run_over_s3_sees_what_it_sees_locally(tmp_path, s3, local):
    run = load(tmp_path, s3)
    assert run.domains["s3dis"].shards == Url(f"{s3}/s3dis")
    assert batches(run) == (local, [])


@pytest.mark.slow
def test_a_fetcher_reads_s3_through_the_cache_with_the_same_bytes(tmp_path, s3, local):
    run = load(tmp_path, s3, fetchers=1, cache={"folder": "cache", "mib": 64})
    assert run.engine.cache == CacheConfig(folder=tmp_path / "cache", mib=64)
    assert batches(run) == (local, [])
    kept = [path.name for path in (tmp_path / "cache").iterdir() if path.name[0] != "."]
    assert sorted(name.rpartition("-")[2] for name in kept) == ["0", "0", "1", "1"]


@pytest.mark.slow
def test_whole_tars_from_a_plain_web_server_give_the_same_lots(packed, tmp_path, local):
    asked = []
    with stores.served(stores.without_ranges(packed, asked)) as url:
        run = load(tmp_path, url, reading="whole", cache={"folder": "cache", "mib": 64})
        assert batches(run) == (local, [])
    assert sum("train" in path and path.endswith(".tar") for path in asked) == len(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("fetchers", [0, 1])
def test_what_a_store_fails_at_for_a_while_is_told_and_changes_no_byte(
    packed, tmp_path, local, fetchers
):
    faults = [stores.fails(503), stores.resets, stores.cuts_off]
    with stores.served(stores.faulty(packed, faults)) as url:
        run = load(tmp_path, url, fetchers=fetchers, retries={"first": 0.01})
        found, told = batches(run)
    assert found == local
    assert len(told) == 3
    assert all("retry " in sentence and ".tar" in sentence for sentence in told)


@pytest.mark.slow
def test_a_store_that_stays_away_ends_the_run_as_unreachable(packed, tmp_path):
    with (
        stores.served(stores.faulty(packed, [stores.fails(500)] * 999)) as url,
        pytest.raises(Unreachable, match="given up after 3 tries"),
    ):
        batches(load(tmp_path, url, fetchers=1, retries={"first": 0.01, "times": 2}))


def test_a_store_without_ranges_ends_the_run_and_quarantines_nothing(packed, tmp_path):
    with (
        stores.served(stores.without_ranges(packed, [])) as url,
        pytest.raises(BadInput, match=r'engine\.reading = "whole"'),
    ):
        batches(load(tmp_path, url))


def test_a_run_folder_remembers_the_place_and_the_plan_is_told_from_there(tmp_path, s3, packed):
    run = load(tmp_path, s3)
    claim(run)
    assert read_folder(run.folder).domains["scannet"].shards == Url(f"{s3}/scannet")
    (tmp_path / "near").mkdir()
    plans = []
    for folder, place in ((tmp_path, s3), (tmp_path / "near", packed)):
        load(folder, place)
        result = CliRunner().invoke(app, ["plan", str(folder / "run.toml"), "--json"])
        assert result.exit_code == 0, result.output
        plans.append(json.loads(result.output))
    assert plans[0] == plans[1]


def test_the_place_and_the_way_of_reading_may_change_at_a_restart(tmp_path, s3, packed):
    claim(load(tmp_path, packed))
    claim(load(tmp_path, s3, cache={"folder": "cache", "mib": 1}, retries={"times": 1}))


def test_info_counts_a_domain_in_a_store(s3, packed):
    near, far = (
        CliRunner().invoke(app, ["info", f"{place}/s3dis", "--json"]) for place in (packed, s3)
    )
    assert far.exit_code == 0, far.output
    assert far.output == near.output


def test_what_reads_every_byte_asks_for_a_folder(s3):
    result = CliRunner().invoke(app, ["validate", f"{s3}/s3dis"])
    assert result.exit_code == 2
    assert "copy it into a folder" in " ".join(result.output.split())
