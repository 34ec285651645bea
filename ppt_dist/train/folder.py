"""The run's folder: whose it is. Claimed before anything is started, so that nothing is lost."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from ppt_dist.journal.durable import write_durably
from ppt_dist.run import RunConfig, check_lots
from ppt_dist.section import BadInput, parse
from ppt_dist.shard.access import Access
from ppt_dist.shard.manifest import Manifest, read_manifest
from ppt_dist.shard.place import Place
from ppt_dist.shard.records import Records
from ppt_dist.train.checkpoint import newest_step
from ppt_dist.train.ledger import Ledger, gather, note
from ppt_dist.train.sources import TRAIN, VALIDATION, plan_of

RUN_FILE, DATA_FILE = "run.toml", "data.json"
STOP = "stop"
"""An empty file that asks the run to end after its step, with a checkpoint."""


def claim(run: RunConfig) -> dict[str, Manifest]:
    """Make the run's folder, or find it to be this run's; returns the manifests of its domains.

    Keys of the run file that say *what* is trained, and the packed data, must be as they were.

    Raises:
        BadInput: the folder is another run's, a manifest is missing or does not match its tars, or
            lots cannot be cut or planned; nothing has been written then.
    """
    check_lots(run)
    access = run.engine.access
    manifests = {name: _manifest(name, use.shards, access) for name, use in run.domains.items()}
    records = {n: Records.open(use.shards, TRAIN, access) for n, use in run.domains.items()}
    digests = {name: manifest.digest() for name, manifest in manifests.items()}
    if (run.folder / RUN_FILE).exists():
        run = _continued(run, digests, records)
    elif run.folder.exists() and any(run.folder.glob("checkpoints/*")):
        raise BadInput(f"{run.folder} has checkpoints but no {RUN_FILE}: give the run another name")
    else:
        plan_of(run, records)
        write_durably(run.folder / DATA_FILE, _json(digests))
    resolved = run.model_dump(mode="json", exclude_none=True)
    write_durably(run.folder / RUN_FILE, tomli_w.dumps(resolved).encode())
    return manifests


def read_folder(folder: Path) -> RunConfig:
    """The run that ``folder`` belongs to; `BadInput` where it is not a run's folder."""
    path = folder / RUN_FILE
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise BadInput(
            f"{folder} is not a run's folder: it has no {RUN_FILE}; give the folder that training "
            "made, such as runs/NAME"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not a TOML file: {error}") from None
    return parse(RunConfig, table, path)


def check_claimed(run: RunConfig) -> None:
    """Refuse packed data other than the run was started on; `BadInput` names the domains."""
    known = _digests(run.folder / DATA_FILE)
    for name, use in run.domains.items():
        if known.get(name) != read_manifest(use.shards).digest():
            raise BadInput(
                f"domains.{name}: {use.shards} is not the packed data that {run.folder} was "
                "trained on: restore it"
            )


def _manifest(name: str, place: Place, access: Access) -> Manifest:
    manifest = read_manifest(place, access.retries)
    if manifest.domain != name:
        raise BadInput(
            f"domains.{name}: {place} holds domain {manifest.domain!r}; "
            f"call the table domains.{manifest.domain}, or name another place"
        )
    for split in (TRAIN, VALIDATION):
        Records.open(place, split, access)  # the tars are the manifest's
    return manifest


def as_begun(run: RunConfig) -> RunConfig:
    """The claimed run with the weights that it began with: the ledger has those of later eras.

    Raises:
        BadInput: the folder is a run's over other domains.
    """
    begun = read_folder(run.folder).domains
    if begun.keys() != run.domains.keys():
        raise BadInput(
            f"{run.folder} belongs to a run over {', '.join(sorted(begun))}, this one is over "
            f"{', '.join(sorted(run.domains))}: give it another name"
        )
    return _with_weights(run, {name: use.weight for name, use in begun.items()})


def as_continued(run: RunConfig) -> tuple[RunConfig, Ledger]:
    """The claimed run as it began, and its ledger as the next start would have it."""
    begun = as_begun(run)
    weights = {name: use.weight for name, use in begun.domains.items()}
    return begun, _with_mixture(gather(run.folder), run, weights, newest_step(run.folder))


def _continued(
    run: RunConfig, digests: Mapping[str, str], records: Mapping[str, Records]
) -> RunConfig:
    """The run as its folder is to have it; another mixture than its newest opens an era.

    Eras of the run file that have not begun may be others than they were.
    """
    before = read_folder(run.folder)
    done = newest_step(run.folder)
    weights = {name: use.weight for name, use in before.domains.items()}
    later = done > 0 and run.domains.keys() == weights.keys()
    kept = _with_weights(run, weights) if later else run
    differences = list(_differences(_begun(before, done), _begun(kept, done)))
    packed = _digests(run.folder / DATA_FILE)
    differences += [
        f"the packed data of {name} changed"
        for name in digests
        if packed.get(name) != digests[name]
    ]
    if differences:
        listed = "\n".join(f"  {line}" for line in differences)
        raise BadInput(
            f"{run.folder} belongs to another run:\n{listed}\n"
            "give this one another name, or restore what it was"
        )
    known = gather(run.folder)
    ledger = _with_mixture(known, run, weights, done)
    plan_of(kept, records, ledger.eras(), ledger.skipped())
    for entry in ledger.entries[len(known.entries) :]:
        note(run.folder, "start", entry)
    return kept


def _with_mixture(ledger: Ledger, run: RunConfig, begun: Mapping[str, float], done: int) -> Ledger:
    """With an era for the run file's mixture, where it is not the newest already."""
    eras = ledger.eras()
    newest = eras[-1].weights if eras else begun
    wanted = {name: use.weight for name, use in run.domains.items()}
    return ledger.with_era(done, wanted) if done and wanted != newest else ledger


def _begun(run: RunConfig, done: int) -> dict[str, Any]:
    """What the run says of the steps that are done, and of all that may never change."""
    eras = tuple(era for era in run.eras if era.step <= done)
    return run.model_copy(update={"eras": eras}).what()


def _with_weights(run: RunConfig, weights: Mapping[str, float]) -> RunConfig:
    domains = {
        name: use.model_copy(update={"weight": weights[name]}) for name, use in run.domains.items()
    }
    return run.model_copy(update={"domains": domains})


def _digests(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError) as error:
        raise BadInput(f"{path}: no digests of the packed data: {error}") from None


def _differences(before: Any, now: Any, path: str = "") -> list[str]:
    """One line for each key whose value differs."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = [*before, *(key for key in now if key not in before)]
        inner = (_differences(before.get(k), now.get(k), f"{path}.{k}".lstrip(".")) for k in keys)
        return [line for lines in inner for line in lines]
    return [] if before == now else [f"{path} was {before!r}, is {now!r}"]


def _json(value: Mapping[str, str]) -> bytes:
    return json.dumps(value, sort_keys=True, indent=1).encode() + b"\n"
