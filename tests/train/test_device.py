"""What can be said of devices without a GPU: names, and that scenes follow the model."""

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from ppt_dist.cli import app
from ppt_dist.run import OptimConfig
from ppt_dist.scene.batch import SceneBatch
from ppt_dist.section import BadInput
from ppt_dist.stream.rank import Rank
from ppt_dist.train.device import find_device, forward_on
from ppt_dist.train.engine.plain import PlainEngine
from ppt_dist.train.loss import Criterion
from ppt_dist.train.optim import Rates, build_optimizer, by_domain
from ppt_dist.train.ranks import Ranks

META = torch.device("meta")


class OneLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, batch):
        assert batch.grid.device == batch.label.device == batch.offset.device == batch.feat.device
        return self.layer(batch.feat)


def a_batch():
    return SceneBatch(
        domain="a",
        names=("x", "y"),
        grid=torch.zeros(5, 3, dtype=torch.int32),
        feat=torch.ones(5, 3),
        label=torch.zeros(5, dtype=torch.int64),
        offset=torch.tensor([2, 5]),
    )


def test_an_engine_takes_scenes_to_the_device_of_its_rank():
    model = OneLayer().to(META)
    groups = by_domain(model, nn.Module(), Rates())
    optimizer = build_optimizer(groups, OptimConfig(rate=0.1))
    ranks = Ranks(Rank(0, 1), device=META)

    logits = PlainEngine(model, optimizer, Criterion(()), clip=None, ranks=ranks).forward(a_batch())

    assert logits.device == META


def test_a_restored_model_takes_scenes_to_its_device():
    assert forward_on(META, OneLayer())(a_batch()).device == META


def test_cpu_is_a_device_everywhere():
    assert find_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "meta", "", "cuda:first"])
def test_a_name_of_no_device_is_answered_with_the_known_ones(name):
    with pytest.raises(BadInput, match="known: cpu, cuda"):
        find_device(name)


def test_a_gpu_that_is_not_there_is_bad_input_that_says_how_many_are():
    with pytest.raises(BadInput, match=r"sees \d+ GPUs"):
        find_device("cuda:99")


@pytest.mark.parametrize("command", [["evaluate", "run"], ["predict", "run", "a", "--domain", "b"]])
def test_a_gpu_for_the_tasks_of_a_cluster_is_refused_which_take_cpus(command):
    result = CliRunner().invoke(app, [*command, "--device", "cuda", "--ray", "auto"])

    assert isinstance(result.exception, BadInput)
    assert "--device cuda with --ray auto" in str(result.exception)


@pytest.mark.gpu
def test_voxels_know_their_scene_on_a_gpu():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    assert a_batch().to(torch.device("cuda")).scene_of_voxel().tolist() == [0, 0, 1, 1, 1]
