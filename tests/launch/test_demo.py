"""The demo's own run file, and the figure of its table."""

import pytest

from ppt_dist.launch.demo import CONFIGS, stuff_of, things, write_run_file
from ppt_dist.launch.start import Override
from ppt_dist.model.head.language import LanguageConfig
from ppt_dist.run import load_run
from ppt_dist.section import BadInput

PUBLISHED = {"structured3d": 4, "scannet": 2, "s3dis": 1}


def test_the_demos_run_file_keeps_all_data_and_results_inside_its_folder(tmp_path):
    run = load_run(write_run_file(CONFIGS / "demo.toml", tmp_path))
    assert {name: use.shards for name, use in run.domains.items()} == {
        "scannet": tmp_path / "shards/scannet",
        "s3dis": tmp_path / "shards/s3dis",
        "structured3d": tmp_path / "shards/structured3d",
    }
    assert {name: use.weight for name, use in run.domains.items()} == PUBLISHED
    assert run.folder == tmp_path / "runs/demo"
    assert isinstance(run.model.head, LanguageConfig)
    assert run.model.head.vectors.is_file()
    assert (run.engine.ranks, run.engine.stage) == (2, 1)
    assert (run.optim.rates.prompt, run.optim.rates.modulation) == (0.1, 0.1)


def test_the_building_itself_is_stuff_in_every_shipped_domain_of_the_demo():
    assert stuff_of("scannet") == {"floor", "wall"}
    assert stuff_of("s3dis") == stuff_of("structured3d") == {"floor", "wall", "ceiling"}


def test_things_are_the_present_classes_that_are_not_stuff():
    iou = {"floor": 1.0, "wall": 1.0, "chair": 0.5, "table": 0.1, "sofa": 0.0}
    stuff = frozenset({"floor", "wall"})
    assert things({"iou": iou, "present": ["floor", "wall", "chair", "table"]}, stuff) == 0.3


def test_overrides_change_the_engine_alone_and_an_unknown_stage_is_refused():
    run = load_run(CONFIGS / "demo.toml")
    changed = Override(ranks=1, stage="plain").apply(run)
    assert (changed.engine.ranks, changed.engine.stage) == (1, "plain")
    assert changed.what() == run.what()
    with pytest.raises(BadInput, match=r"engine|stage"):
        Override(stage="4").apply(run)
