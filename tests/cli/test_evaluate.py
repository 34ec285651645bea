import pytest
import tomli_w
from typer.testing import CliRunner

from ppt_dist.cli import app
from ppt_dist.section import BadInput
from ppt_dist.train.checkpoint import CheckpointFacts, CheckpointStore
from ppt_dist.train.state import EngineState

RUN = {
    "name": "tiny",
    "steps": 1,
    "domains": {"a": {"shards": "/absent/a", "weight": 1}},
    "lots": {"scenes": 1},
    "model": {
        "backbone": {"kind": "spunet"},
        "adapter": {"kind": "pdnorm"},
        "head": {"kind": "language", "vectors": "/absent/vectors"},
    },
    "optim": {"rate": 0.1},
}


@pytest.fixture
def run(tmp_path):
    """The folder of a run with checkpoints of steps 1 and 2, without packed data."""
    (tmp_path / "run.toml").write_text(tomli_w.dumps(RUN))
    facts = CheckpointFacts(order=1, ledger="", what={}, manifests={}, attempt=1)
    store = CheckpointStore(tmp_path, keep=2)
    for step in (1, 2):
        store.save(step, EngineState({}, {}), facts)
    return tmp_path


def refused(*arguments):
    """What the command says of bad input."""
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    assert isinstance(result.exception, BadInput), result.output
    return str(result.exception)


def test_a_folder_of_something_else_is_refused(tmp_path):
    assert "is not a run's folder" in refused(tmp_path)


def test_an_unknown_checkpoint_is_answered_with_the_known_ones(run):
    answer = refused(run, "--checkpoint", "step-00000003")

    assert "known: step-00000001, step-00000002" in answer


def test_a_damaged_checkpoint_given_by_name_is_refused_with_the_file(run):
    path = run / "checkpoints" / "step-00000002" / "state.json"
    path.write_text("{}")

    assert str(path) in refused(run, "--checkpoint", "step-00000002")


def test_a_run_that_saved_nothing_says_so(run):
    for path in run.glob("checkpoints/*/COMMIT.json"):
        path.unlink()

    assert "has no checkpoint that can be read" in refused(run)


def test_a_refused_evaluation_writes_nothing(run):
    before = sorted(run.rglob("*"))

    refused(run)

    assert sorted(run.rglob("*")) == before
