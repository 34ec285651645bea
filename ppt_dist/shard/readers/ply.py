"""PLY files: typed tables of their elements, every length checked before it is believed.

Format: Turk, The PLY polygon file format, 1994; ascii and little-endian binary.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ppt_dist.section import BadInput

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1",
    "short": "<i2", "int16": "<i2", "ushort": "<u2", "uint16": "<u2",
    "int": "<i4", "int32": "<i4", "uint": "<u4", "uint32": "<u4",
    "float": "<f4", "float32": "<f4", "double": "<f8", "float64": "<f8",
}  # fmt: skip
_LONGEST_HEADER = 1 << 16
_CORNERS = ("vertex_indices", "vertex_index")


class _List(NamedTuple):
    length: str
    item: str


class _Element(NamedTuple):
    name: str
    rows: int
    properties: dict[str, "str | _List"]


class Ply(NamedTuple):
    """What a file holds."""

    vertex: dict[str, np.ndarray]
    """Columns of the vertices by name."""
    triangles: np.ndarray
    """``[faces, 3]``, int32; empty where the file has no faces."""


def read_ply(path: Path) -> Ply:
    """Vertices and triangles of a file.

    Raises:
        BadInput: it is not such a file, is cut off, or a face is not a triangle of its vertices.
    """
    try:
        content = path.read_bytes()
        elements, form, start = _header(content)
        tables = (
            _ascii(content[start:], elements)
            if form == "ascii"
            else _binary(content[start:], elements)
        )
        return _checked(tables)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None


def _header(content: bytes) -> tuple[list[_Element], str, int]:
    end = re.search(rb"end_header\r?\n", content[:_LONGEST_HEADER])
    if not content.startswith(b"ply") or end is None:
        raise BadInput("not a PLY file: no header")
    form, elements = "", []
    for line in content[: end.start()].decode("ascii", "replace").splitlines():
        match line.split():
            case ["format", form, _]:
                pass
            case ["element", name, rows] if rows.isdecimal():
                elements.append(_Element(name, int(rows), {}))
            case ["property", "list", count, item, name] if elements:
                elements[-1].properties[name] = _List(_type(count), _type(item))
            case ["property", kind, name] if elements:
                elements[-1].properties[name] = _type(kind)
            case _:
                pass
    if form not in {"ascii", "binary_little_endian"}:
        raise BadInput(f"format {form!r}; known are ascii and binary_little_endian")
    return elements, form, end.end()


def _type(name: str) -> str:
    if name not in _TYPES:
        raise BadInput(f"unknown type {name!r} in the header")
    return _TYPES[name]


def _row(element: _Element, length: int) -> np.dtype:
    """Layout of a row whose lists have ``length`` items."""
    fields = []
    for name, kind in element.properties.items():
        if isinstance(kind, _List):
            fields += [(f"{name} count", kind.length), (name, kind.item, (length,))]
        else:
            fields.append((name, kind))
    return np.dtype(fields)


def _binary(body: bytes, elements: list[_Element]) -> dict[str, np.ndarray]:
    tables, place = {}, 0
    for element in elements:
        row = _row(element, 3)
        need = row.itemsize * element.rows
        if place + need > len(body):
            raise BadInput(
                f"cut off: {element.rows} rows of {element.name} need {need} bytes, "
                f"{len(body) - place} are left"
            )
        tables[element.name] = np.frombuffer(body, row, element.rows, place)
        place += need
        _refuse_other_lengths(tables[element.name], element)
    if place != len(body):
        raise BadInput(f"{len(body) - place} bytes behind the last element")
    return tables


def _ascii(body: bytes, elements: list[_Element]) -> dict[str, np.ndarray]:
    lines = body.decode("ascii", "replace").splitlines()
    tables, place = {}, 0
    for element in elements:
        row = _row(element, 3)
        part = lines[place : place + element.rows]
        place += element.rows
        try:
            values = np.array([line.split() for line in part], dtype=np.float64)
        except ValueError:
            raise BadInput(f"a row of {element.name} is not made of equally many numbers") from None
        flat = _flat(row)
        if values.size != element.rows * len(flat.names or ()):
            raise BadInput(f"cut off: {element.rows} rows of {element.name} are not all there")
        values = values.reshape(element.rows, len(flat.names or ()))
        table = np.zeros(element.rows, flat)
        for i, name in enumerate(flat.names or ()):
            table[name] = values[:, i]
        tables[element.name] = table.view(row)
        _refuse_other_lengths(tables[element.name], element)
    return tables


def _flat(row: np.dtype) -> np.dtype:
    """The same bytes as single columns."""
    columns = []
    for name in row.names or ():
        kind = row[name]
        if kind.subdtype is None:
            columns.append((name, kind.str))
        else:
            columns += [(f"{name} {i}", kind.base.str) for i in range(3)]
    return np.dtype(columns)


def _refuse_other_lengths(table: np.ndarray, element: _Element) -> None:
    for name, kind in element.properties.items():
        if isinstance(kind, _List) and (table[f"{name} count"] != 3).any():
            raise BadInput(f"{element.name}: {name} is not a list of three everywhere")


def _checked(tables: dict[str, np.ndarray]) -> Ply:
    if "vertex" not in tables:
        raise BadInput("no element vertex")
    table = tables["vertex"]
    vertex = {name: table[name] for name in table.dtype.names or ()}
    triangles = np.zeros((0, 3), np.int32)
    if "face" in tables:
        face = tables["face"]
        names = [n for n in face.dtype.names or () if n in _CORNERS]
        if not names:
            raise BadInput(f"faces lack {' or '.join(_CORNERS)}")
        triangles = face[names[0]].astype(np.int32)
    if len(triangles) and not 0 <= triangles.min() <= triangles.max() < len(table):
        raise BadInput(f"a face names vertex {triangles.max()} of {len(table)}")
    return Ply(vertex, triangles)


def columns(ply: Ply, names: tuple[str, ...], dtype: type[np.generic], path: Path) -> np.ndarray:
    """Vertex properties side by side; `BadInput` where one is missing."""
    missing = [name for name in names if name not in ply.vertex]
    if missing:
        raise BadInput(f"{path}: vertices lack {missing}; they have {sorted(ply.vertex)}")
    return np.stack([ply.vertex[name].astype(dtype) for name in names], axis=1)
