"""The plan of a run as tables for a terminal."""

from typing import Any

from rich.console import Console
from rich.table import Table


def print_plan(table: dict[str, Any]) -> None:
    """Shares of the domains, and the scenes of a step."""
    title = f"{table['run']}: {table['steps']} steps, seed {table['seed']}"
    columns = ("domain", "weight", "of lots", "of scenes", "of points", "lots", "scenes", "epochs")
    shares = Table(*columns, title=title)
    for name, row in table["domains"].items():
        parts = (row["share"], row["share_of_scenes"], row["share_of_points"])
        cells = (row["weight"], *(f"{part:.1%}" for part in parts), row["lots"], row["scenes"])
        shares.add_row(name, *map(str, cells), f"{row['epochs']:.2f}")
    Console().print(shares)
    if table["goes_on_at"]:
        Console().print(
            f"A start goes on at step {table['goes_on_at']} of the run that has begun; before that "
            "the mixture is the one that it had."
        )
    index = table["step"]["index"]
    scenes = Table("lot", "domain", "micro", "rank", "cost", "scenes", title=f"step {index}")
    for lot in table["step"]["lots"]:
        for m, micro in enumerate(lot["micro"]):
            for part in micro:
                ids = ", ".join(f"{s['id']} (epoch {s['epoch']})" for s in part["scenes"])
                ids += "".join(f"; mixed: {' + '.join(pair)}" for pair in part["mixed"])
                cells = (lot["lot"], lot["domain"], m, part["rank"], f"{part['cost']:,}")
                scenes.add_row(*map(str, cells), ids or "none")
    Console().print(scenes)


def print_explained(table: dict[str, Any]) -> None:
    """What the order comes to over the whole run."""
    explained, console = table["explain"], Console()
    console.print(_eras(explained, table["lots"]["unit"]))
    console.print(_loads(explained))
    console.print(_shuffle(explained["shuffle"], table["lots"]["window"]))
    _print_bytes(console, explained)


def _eras(explained: dict[str, Any], unit: str) -> Table:
    columns = ("step", "domain", "lots of a period", f"asked, {unit}", "given", "off by")
    eras = Table(*columns, title="weights, by era of the run file")
    for era in explained["asked"]:
        for name, asked in era["asked"].items():
            cells = f"{asked:.3%}", f"{era['share'][name]:.3%}", f"{era['error'][name]:+.3%}"
            eras.add_row(str(era["step"]), name, str(era["period"][name]), *cells)
    if len(explained["eras"]) > len(explained["asked"]):
        begun = ", ".join(str(era["step"]) for era in explained["eras"])
        eras.caption = f"with limits of epochs, mixtures begin at steps {begun}"
    return eras


def _loads(explained: dict[str, Any]) -> Table:
    sample = explained["sample"]
    title = f"load of ranks, {sample['steps']} of {sample['of']} steps looked at"
    loads = Table("ranks", "domain", "mean / most loaded", "most voxels of a rank", title=title)
    for ranks, row in explained["efficiency"].items():
        for name, efficiency in row.items():
            most = explained["voxels"][ranks].get(name)
            loads.add_row(ranks, name, f"{efficiency:.3f}", "" if most is None else f"{most:,}")
    loads.caption = "where a rank's time is its cost, that part of all ranks' time is work"
    return loads


def _shuffle(shuffle: dict[str, Any], window: int) -> Table:
    columns = ("domain", "chi-square", "neighbours", f"alike, window {window}", "alike, window 1")
    table = Table(*columns, title="how random the order is")
    for name, row in shuffle.items():
        table.add_row(name, *("few scenes" if v is None else f"{v:.2f}" for v in row.values()))
    table.caption = (
        "chi-square by degree of freedom and neighbours: 1 is random. alike: part of the variance "
        "of cost that lies between lots, 0 is random; windows trade it for the load"
    )
    return table


def _print_bytes(console: Console, explained: dict[str, Any]) -> None:
    found = explained["bytes"]
    console.print(f"read for a step, by all ranks: {found['a_step'] / 1e6:,.1f} MB")
    if found["a_second"] is not None:
        console.print(
            f"at {explained['pace']:g} steps a second: {found['a_second'] / 1e6:,.1f} MB/s"
        )
    console.print(f"loaded ahead at one time: at most {found['in_flight'] / 1e6:,.1f} MB")
    console.print(f"all records: {found['all'] / 1e6:,.1f} MB; a cache so large reads each once")
