"""ScanNet's label table: raw category names and ids to nyu40 ids, of releases 1 and 2."""

import csv
from pathlib import Path
from typing import NamedTuple

from ppt_dist.section import BadInput

_NAMES = ("raw_category", "category")
"""Column of the raw name in release 2, and in release 1."""


class LabelTable(NamedTuple):
    """Two ways to a nyu40 id."""

    of_name: dict[str, int]
    of_id: dict[int, int]


def find_table(root: Path, fallback: Path) -> LabelTable:
    """The first ``.tsv`` in the raw root whose header is such a table's; else ``fallback``."""
    for path in (*sorted(root.glob("*.tsv")), fallback):
        if path.is_file():
            table = _read(path)
            if table is not None:
                return table
    raise BadInput(f"no label table: put scannetv2-labels.combined.tsv into {root}")


def _read(path: Path) -> LabelTable | None:
    """The table, or None where the file has other columns."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read().replace("\r\n", "\n").replace("\r", "")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8: {error}") from None
    rows = [row for row in csv.reader(text.split("\n"), delimiter="\t") if row]
    header = rows[0] if rows else []
    names = [name for name in _NAMES if name in header]
    if not names or not {"id", "nyu40id"} <= set(header):
        return None
    raw, number, nyu = (header.index(c) for c in (names[0], "id", "nyu40id"))
    of_name, of_id = {}, {}
    for line, row in enumerate(rows[1:], 2):
        try:
            of_name[row[raw]] = of_id[int(row[number])] = int(row[nyu] or 0)
        except (ValueError, IndexError):
            raise BadInput(f"{path}, row {line}: no id and nyu40id in {row[:5]}") from None
    return LabelTable(of_name, of_id)
