"""Evaluation of a checkpoint in parts, wherever there is a process for one."""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch

from ppt_dist.model.ppt import PPT
from ppt_dist.scene.batch import SceneBatch
from ppt_dist.shard.spread import Spread
from ppt_dist.train.checkpoint import CheckpointStore
from ppt_dist.train.evaluate import EvalScenes, Evaluation, conclude
from ppt_dist.train.folder import read_folder
from ppt_dist.train.restore import check_data, restore_model
from ppt_dist.train.scenes import open_scenes
from ppt_dist.train.sources import VALIDATION
from ppt_dist.train.tally import Tally, to_points

SCENES = 8
"""Of a part: few enough to keep every process busy, enough to be worth opening a checkpoint."""


class Part(NamedTuple):
    """Some validation scenes of a domain."""

    run: Path
    checkpoint: str
    domain: str
    first: int
    stop: int


class Scored(NamedTuple):
    """What a part came to."""

    tally: Tally
    seconds: float


def score_parts(
    run: Path, checkpoint: str, how: Spread, on_scenes: Callable[[int, int], object]
) -> dict[str, Evaluation]:
    """Score a checkpoint on every domain.

    Args:
        run: the run's folder.
        checkpoint: its name.
        how: who does the parts; the result does not depend on it.
        on_scenes: told how many scenes are done, of how many.

    Raises:
        BadInput: the checkpoint cannot be read, or was trained on other packed data.
    """
    _open.cache_clear()  # what a path means may have changed since
    _, scenes = _open(run, checkpoint)
    tallies = {name: Tally(part.labels, part.count) for name, part in scenes.items()}
    seconds = dict.fromkeys(scenes, 0.0)
    parts = [part for name in scenes for part in _cut(run, checkpoint, name, scenes[name].count)]
    done, total = 0, sum(part.count for part in scenes.values())
    for part, scored in how(score_part, parts):
        tallies[part.domain].merge(scored.tally)
        seconds[part.domain] += scored.seconds
        done += part.stop - part.first
        on_scenes(done, total)
    return {name: conclude(scenes[name], tallies[name], seconds[name]) for name in scenes}


def score_part(part: Part) -> Scored:
    """Score the scenes of a part; a process that does several opens the checkpoint once."""
    model, all_scenes = _open(part.run, part.checkpoint)
    scenes = all_scenes[part.domain]
    start = time.monotonic()
    tally = Tally(scenes.labels, scenes.count)
    with torch.inference_mode():
        for i in range(part.first, part.stop):
            scene = scenes.read(i)
            logits = model(SceneBatch.of(part.domain, [scene], scenes.channels))
            tally.add(i, *to_points(scene, logits))
    return Scored(tally, time.monotonic() - start)


def _cut(run: Path, checkpoint: str, domain: str, count: int) -> Iterator[Part]:
    for first in range(0, count, SCENES):
        yield Part(run, checkpoint, domain, first, min(first + SCENES, count))


@lru_cache(maxsize=1)
def _open(run: Path, checkpoint: str) -> tuple[PPT, Mapping[str, EvalScenes]]:
    config = read_folder(run)
    found = CheckpointStore(run, keep=1).load(checkpoint)
    check_data(config, found)
    torch.set_num_threads(config.engine.threads)
    scenes = open_scenes(config, VALIDATION, config.model.channels)
    return restore_model(config, found), scenes
