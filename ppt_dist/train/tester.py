"""The official tester, wherever there is a process for a scene; what is done stays done."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from ppt_dist.model.ppt import PPT
from ppt_dist.run import RunConfig
from ppt_dist.section import BadInput, nearest
from ppt_dist.shard.manifest import read_manifest
from ppt_dist.shard.records import Records
from ppt_dist.shard.spread import Spread
from ppt_dist.train.checkpoint import Checkpoint, CheckpointStore
from ppt_dist.train.evaluate import Evaluation, evaluation_of
from ppt_dist.train.folder import read_folder
from ppt_dist.train.predict import Tiling
from ppt_dist.train.protocol import Protocol, protocol_of
from ppt_dist.train.restore import check_data, restore_model
from ppt_dist.train.sources import voxelise_of
from ppt_dist.train.tally import count
from ppt_dist.train.tested import Asked, Scan, claim_tests, keep, kept
from ppt_dist.train.vote import Ballot, vote


class Piece(NamedTuple):
    """A scene to test; everything in it means the same to any process."""

    run: Path
    asked: Asked
    folder: Path
    """Of the answers."""
    scene: int


class Answered(NamedTuple):
    """What a piece came to."""

    matrix: Int64[Tensor, "classes classes"]
    row: Float64[Tensor, " 4"]
    """As of `ppt_dist.train.tally.Tally.by_scene`."""
    seconds: float
    fresh: bool
    """Whether it was not there yet."""


class Tested(NamedTuple):
    """What the checkpoint is worth on one domain, by its tester."""

    evaluation: Evaluation
    fresh: int
    """Scenes that were not there yet."""


def ask(
    run: Path, found: Checkpoint, domain: str, split: str, protocol: Protocol | None, tiling: Tiling
) -> Asked:
    """What is asked of a checkpoint about a domain; of its own protocol where none is given.

    Raises:
        BadInput: the run has no such domain, the domain no such split or protocol, or the packed
            data are not those that were trained on.
    """
    config = read_folder(run)
    if domain not in config.domains:
        raise BadInput(
            f"{config.name} has no domain {domain!r}: {nearest(domain, [*config.domains])}"
        )
    check_data(config, found, domain)
    manifest = read_manifest(config.domains[domain].shards)
    if split not in manifest.splits:
        raise BadInput(f"{domain} has no split {split!r}: {nearest(split, [*manifest.splits])}")
    chosen = protocol or protocol_of(domain)
    return Asked(
        checkpoint=found.name,
        digest=found.digest,
        run=hashlib.sha256(json.dumps(config.what(), sort_keys=True).encode()).hexdigest(),
        domain=domain,
        split=split,
        manifest=manifest.digest(),
        protocol=chosen.name,
        poses=chosen.poses,
        before=chosen.before.get(domain),
        most=tiling.most,
        margin=tiling.margin,
    )


def answer(
    run: Path, questions: Sequence[Asked], how: Spread, on_scenes: Callable[[int, int], object]
) -> list[Tested]:
    """Test each domain that is asked about.

    Args:
        run: the run's folder.
        questions: one a domain.
        how: who does the scenes; the result does not depend on it.
        on_scenes: told how many scenes are done, of how many.

    Raises:
        BadInput: a record cannot be read, or a folder holds the answers to another question.
    """
    _open.cache_clear()  # what a path means may have changed since
    _records.cache_clear()
    packed = [_records(run, asked.domain, asked.split) for asked in questions]
    pieces = [
        Piece(run, asked, claim_tests(run, asked), i)
        for asked, records in zip(questions, packed, strict=True)
        for i in range(len(records))
    ]
    answers: dict[Piece, Answered] = {}
    for piece, answered in how(answer_piece, pieces):
        answers[piece] = answered
        on_scenes(len(answers), len(pieces))
    return [
        _conclude(records, [answers[piece] for piece in pieces if piece.asked is asked])
        for asked, records in zip(questions, packed, strict=True)
    ]


def answer_piece(piece: Piece) -> Answered:
    """Test a scene, or find it tested; a process that does several opens the checkpoint once."""
    start = time.monotonic()
    asked = piece.asked
    records = _records(piece.run, asked.domain, asked.split)
    i = piece.scene
    scan = Scan(records.names[i], records.crc32[i], int(records.points[i]))
    scene = records[i]
    prediction = kept(piece.folder, asked, scan)
    fresh = prediction is None
    if prediction is None:
        config, model = _open(piece.run, asked.checkpoint, asked.digest)
        prediction = vote(model, scene, _ballot(config, asked, records))
        keep(piece.folder, asked, scan, prediction)
    label, found = (torch.from_numpy(a).long() for a in (scene.segment, prediction))
    return Answered(*count(records.manifest.labels, label, found), time.monotonic() - start, fresh)


def _ballot(config: RunConfig, asked: Asked, records: Records) -> Ballot:
    return Ballot(
        domain=asked.domain,
        classes=len(records.manifest.labels),
        voxelise=voxelise_of(config, asked.domain, records.manifest),
        poses=asked.poses,
        before=asked.before,
        tiling=Tiling(asked.most, asked.margin),
    )


def _conclude(records: Records, answers: Sequence[Answered]) -> Tested:
    classes = len(records.manifest.labels)
    matrix = torch.zeros(classes, classes, dtype=torch.int64)
    by_scene = torch.zeros(len(records), 4, dtype=torch.float64)
    for i, one in enumerate(answers):
        matrix += one.matrix
        by_scene[i] = one.row
    evaluation = evaluation_of(records.manifest.labels, records.names, matrix, by_scene)
    seconds = sum(one.seconds for one in answers)
    return Tested(evaluation._replace(seconds=seconds), sum(one.fresh for one in answers))


@lru_cache(maxsize=1)
def _open(run: Path, checkpoint: str, digest: str) -> tuple[RunConfig, PPT]:
    config = read_folder(run)
    found = CheckpointStore(run, keep=1).load(checkpoint)
    if found.digest != digest:
        raise BadInput(f"checkpoint {checkpoint} was replaced while it was tested: start again")
    torch.set_num_threads(config.engine.threads)
    return config, restore_model(config, found)


@lru_cache(maxsize=8)
def _records(run: Path, domain: str, split: str) -> Records:
    config = read_folder(run)
    return Records.open(config.domains[domain].shards, split, config.engine.access)
