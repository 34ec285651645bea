"""Manifests of another making: JSON that is sound, and wrong."""

import json
from typing import Any

import numpy as np

from ppt_dist.shard.manifest import MANIFEST
from tests.fuzzing.base import Files

OTHERS = (
    *(None, True, 0, -1, 2**31, 2**63, 2**64, 10**400, 0.5, float("nan"), float("inf"), -0.0),
    *(1e-300, 1e300, 1e-9),
    *("", "x", "\0", "\ud800", "../../etc/passwd", "/etc/passwd", ".", "train-000000.idx"),
    *("a" * 100_000, "<f8", "|O", "<q9", "npy", [], {}, [[]], {"a": []}, [0] * 1000, ["x", "x"]),
)
TEXTS = (
    b"[" * 200_000,
    b'{"format":' * 100_000,
    b"",
    b"null",
    b"[]",
    b"1" * 5000,
    b"\xef\xbb\xbf{}",
    b"\x80\x04N.",
    b'{"format": 1}',
)


def replace(rng: np.random.Generator, files: Files) -> Files:
    """A value became another."""
    table = json.loads(files[MANIFEST])
    holder, key = place_in(rng, table)
    holder[key] = OTHERS[rng.integers(len(OTHERS))]
    return files | {MANIFEST: _text(table)}


def remove(rng: np.random.Generator, files: Files) -> Files:
    """A key or an item is not there."""
    table = json.loads(files[MANIFEST])
    holder, key = place_in(rng, table)
    del holder[key]
    return files | {MANIFEST: _text(table)}


def add(rng: np.random.Generator, files: Files) -> Files:
    """A key that nobody knows, or an item that stands twice."""
    table = json.loads(files[MANIFEST])
    holder, key = place_in(rng, table)
    if isinstance(holder, list):
        holder.insert(int(rng.integers(len(holder) + 1)), holder[key])
    else:
        holder[f"{key}x"] = holder[key]
    return files | {MANIFEST: _text(table)}


def exchange(rng: np.random.Generator, files: Files) -> Files:
    """Two values change their places."""
    table = json.loads(files[MANIFEST])
    (a, i), (b, j) = place_in(rng, table), place_in(rng, table)
    mine, other = json.loads(json.dumps(a[i])), json.loads(json.dumps(b[j]))
    a[i] = other
    b[j] = mine
    return files | {MANIFEST: _text(table)}


def nest(rng: np.random.Generator, files: Files) -> Files:
    """A value lies under a thousand others, or a text of its own makes the file."""
    if rng.random() < 0.5:
        return files | {MANIFEST: TEXTS[rng.integers(len(TEXTS))]}
    text = files[MANIFEST].decode()
    places = [n for n, sign in enumerate(text) if sign == ":"]
    at = places[rng.integers(len(places))] + 1
    depth = int(rng.choice([50, 900, 5000, 100_000]))
    return files | {MANIFEST: (text[:at] + "[" * depth + "]" * depth + "," + text[at:]).encode()}


def twice(rng: np.random.Generator, files: Files) -> Files:
    """A key stands twice in the text."""
    lines = files[MANIFEST].decode().splitlines(keepends=True)
    keyed = [n for n, line in enumerate(lines) if '": ' in line and line.rstrip().endswith(",")]
    n = keyed[rng.integers(len(keyed))]
    changed = lines[n].replace("0", "1").replace("a", "b")
    return files | {MANIFEST: "".join([*lines[: n + 1], changed, *lines[n + 1 :]]).encode()}


def place_in(rng: np.random.Generator, table: Any) -> tuple[Any, Any]:
    """A holder in the table with a key of it, at any depth."""
    holder, key = table, None
    while True:
        keys = [*holder] if isinstance(holder, dict) else [*range(len(holder))]
        key = keys[rng.integers(len(keys))]
        inside = holder[key]
        if not isinstance(inside, dict | list) or not inside or rng.random() < 0.15:
            return holder, key
        holder = inside


def _text(table: Any) -> bytes:
    return (json.dumps(table, sort_keys=True, indent=1) + "\n").encode()
