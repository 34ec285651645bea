"""The worked example of docs/adding-a-backbone.md is a file and a name, and trains."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import tomli_w

ROOT = Path(__file__).parents[1]
TRAIN = """
import sys
from pathlib import Path
import torch
from ppt_dist.model.head.head import DomainLabels
from ppt_dist.model.ppt import build_model
from ppt_dist.run import load_run
from ppt_dist.scene.batch import SceneBatch
from ppt_dist.scene.labels import LabelSet
from ppt_dist.stream.rank import Rank
from ppt_dist.stream.stream import LotBatch
from ppt_dist.train.engine import build_engine
from ppt_dist.train.loss import build_criterion
from ppt_dist.train.ranks import Ranks
from ppt_dist.train.sources import parts_of

names = ("wall", "floor", "bed")
ranks = Ranks(Rank(0, 1))

def batch(voxels):
    grid, feat = torch.arange(3 * voxels).view(-1, 3).int(), torch.randn(voxels, 7)
    label = (feat[:, 0] > 0).long() + (feat[:, 1] > 0).long()
    return SceneBatch("scannet", ("a",), grid, feat, label, torch.tensor([voxels]))

torch.manual_seed(0)
one = batch(200)
for path in sys.argv[1:]:
    run = load_run(Path(path))
    domains = {d: DomainLabels(LabelSet(names=names, words=names)) for d in run.domains}
    model = build_model(parts_of(run), domains, ranks.sum, run.seed)
    criterion = build_criterion(run.loss, {d: torch.ones(3) for d in domains}, attracts=False)
    engine = build_engine(
        model, model.prompts, criterion, optim=run.optim, engine=run.engine, ranks=ranks
    )
    losses = []
    for lot in range(12):
        losses.append(engine.accumulate(LotBatch(lot, "scannet", (one, batch(0))), 1.0).loss)
        engine.update(0.01, frozenset({"scannet"}))
    print(type(model.backbone).__name__, losses[-1] < 0.7 * losses[0])
"""


def blocks() -> dict[str, str]:
    """The page's blocks by the path in their first line; the table of the run file as ``toml``."""
    text = (ROOT / "docs/adding-a-backbone.md").read_text()
    found = re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return {
        code.splitlines()[0].removeprefix("# ") if kind == "python" else kind: code
        for kind, code in found
    }


@pytest.mark.slow
def test_the_example_trains_with_every_adapter_by_one_file_and_one_name(tmp_path):
    shutil.copytree(
        ROOT / "ppt_dist", tmp_path / "ppt_dist", ignore=shutil.ignore_patterns("__pycache__")
    )
    pages = blocks()
    table = tomllib.loads((ROOT / "configs/demo.toml").read_text())
    table["model"] |= tomllib.loads(pages.pop("toml"))["model"]
    table["model"]["head"] = {"kind": "decoupled"}
    table["engine"] = {"stage": "plain"}
    assert sorted(path.rsplit("/", 1)[1] for path in pages) == ["__init__.py", "pointwise.py"]
    for path, code in pages.items():
        (tmp_path / path).write_text(code)
    runs = [tmp_path / f"{kind}.toml" for kind in ("pdnorm", "injection", "attention", "none")]
    for run in runs:
        table["model"]["adapter"] = {"kind": run.stem}
        run.write_text(tomli_w.dumps(table))

    answer = subprocess.run(
        [sys.executable, "-W", "error", "-c", TRAIN, *runs],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == ["Pointwise True"] * len(runs)
