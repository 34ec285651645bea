"""The report's page: tables and pictures as HTML, charts and scenes as data for its script."""

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from plotly.offline import get_plotlyjs

from ppt_dist.section import BadInput
from ppt_dist.view.picture import palette
from ppt_dist.view.report import figures
from ppt_dist.view.report.account import Account
from ppt_dist.view.report.figures import Figure
from ppt_dist.view.report.gallery import MODES, Colors, Exhibit, exhibit

_ASSETS = Path(__file__).parent / "assets"
_COLUMNS = {
    "mIoU (present)": "miou_present",
    "mIoU": "miou",
    "mAcc": "macc_present",
    "allAcc": "allacc",
}


class _Page(NamedTuple):
    """What is gathered while the body is written."""

    accounts: list[Account]
    domains: list[str]
    colors: Colors
    figures: dict[str, Figure]
    clouds: dict[str, dict[str, Any]]

    def chart(self, name: str, figure: Figure, label: str) -> str:
        """A place for a figure."""
        self.figures[name] = figure
        height = figure["layout"]["height"]
        style = f'style="height: {height}px"'
        return f'<div data-figure="{name}" role="img" aria-label="{escape(label)}" {style}></div>'

    def shade(self, domain: str) -> str:
        """The colour of a domain."""
        return figures.color(self.domains.index(domain))


def page(accounts: list[Account]) -> str:
    """The whole page, with all that it needs inside."""
    names = [account.name for account in accounts]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f"two of the runs are called {', '.join(twice)}: rename one's folder")
    domains = list(dict.fromkeys(name for account in accounts for name in account.domains))
    view = _Page(accounts, domains, _class_colors(accounts), {}, {})
    body = "\n".join(section(view) for section in _SECTIONS)
    data = json.dumps({"figures": view.figures, "clouds": view.clouds}, allow_nan=False)
    title = "Runs " + ", ".join(names) if len(names) > 1 else f"Run {names[0]}"
    lead = "".join(
        f"<p>{escape(a.name)}: evaluated at {escape(a.checkpoint)}</p>" for a in accounts
    )
    return Template((_ASSETS / "page.html").read_text("utf-8")).substitute(
        title=escape(title),
        style=(_ASSETS / "page.css").read_text("utf-8"),
        runs=len(accounts),
        lead=lead,
        body=body,
        footer="Written by ppt-dist report. Charts and scenes: plotly.js (MIT licence). "
        "The page loads nothing.",
        plotly=get_plotlyjs(),
        data=data.replace("<", "\\u003c"),
        script=(_ASSETS / "page.js").read_text("utf-8"),
    )


def _class_colors(accounts: Iterable[Account]) -> Colors:
    """One colour a class name, in every domain and run."""
    tables = [table for account in accounts for table in account.domains.values()]
    names = list(dict.fromkeys(name for table in tables for name in table["iou"]))
    return dict(zip(names, (tuple(row) for row in palette(names).tolist()), strict=True))


def _headline(view: _Page) -> str:
    groups = "".join(
        f'<th class="run" colspan="{len(_COLUMNS)}">{escape(a.name)}</th>' for a in view.accounts
    )
    heads = "".join(_cells("th", _COLUMNS) for _ in view.accounts)
    rows = "".join(_headline_row(view, domain) for domain in view.domains)
    return (
        '<section><h2>Quality</h2><div class="card scroll"><table id="headline"><thead>'
        f"<tr><th></th>{groups}<th></th><th></th></tr>"
        f"<tr><th>domain</th>{heads}<th>scenes</th><th>points</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
        "<p>Over the validation split, on all original points. mIoU (present) and mAcc are "
        "means over the classes that occur there; mIoU counts a class that does not occur as 0, as "
        "the official evaluation does.</p></section>"
    )


def _headline_row(view: _Page, domain: str) -> str:
    tables = [account.domains.get(domain) for account in view.accounts]
    cells = ""
    for table in tables:
        for i, key in enumerate(_COLUMNS.values()):
            best = max(other[key] for other in tables if other)
            marks = ["first"] * (i == 0) + ["headline"] * (i == 0)
            marks += ["best"] * (len(tables) > 1 and table is not None and table[key] == best)
            text = f"{table[key]:.3f}" if table else "none"
            cells += f'<td class="{" ".join(marks)}">{text}</td>'
    known = next(table for table in tables if table)
    dot = f'<span class="dot" style="background: {view.shade(domain)}"></span>'
    counts = f"<td>{len(known['scenes']):,}</td><td>{known['points']:,}</td>"
    return f"<tr><td>{dot}{escape(domain)}</td>{cells}{counts}</tr>"


def _training(view: _Page) -> str:
    facts = list(view.accounts[0].facts)
    rows = "".join(
        f"<tr><td>{escape(a.name)}</td>{_cells('td', a.facts.values())}</tr>" for a in view.accounts
    )
    table = (
        '<div class="card scroll"><table id="facts"><thead><tr><th>run</th>'
        f"{_cells('th', facts)}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
    return (
        f"<section><h2>Training</h2>{table}"
        + _charts(
            view,
            _Chart("loss", "loss by domain", lambda a: figures.losses(a, view.domains)),
            _Chart("rate", "learning rate", figures.rates),
        )
        + "<p>Thick lines are means over a twentieth of the curve.</p></section>"
    )


def _time(view: _Page) -> str:
    return (
        "<section><h2>Speed, and where the time went</h2>"
        + _charts(
            view,
            _Chart("pace", "voxels a second, all ranks", figures.paces),
            _Chart("seconds", "seconds of the first rank", figures.seconds),
        )
        + "<p>data: waiting for lots. communication: collectives of norms, gradients and ZeRO. "
        "optimizer: the rest of the update. other: between them.</p></section>"
    )


def _classes(view: _Page) -> str:
    parts = [_class_card(view, i, domain) for i, domain in enumerate(view.domains)]
    return (
        f"<section><h2>Classes</h2>{''.join(parts)}<p>Confusion: per cent of a true class's "
        "points by what they were taken for; its counts stand beside the pointer.</p></section>"
    )


def _class_card(view: _Page, number: int, domain: str) -> str:
    shade = view.shade(domain)
    bars = view.chart(
        f"iou-{number}", figures.ious(view.accounts, domain, shade), f"IoU by class, {domain}"
    )
    absent = sorted(
        {n for a in view.accounts if domain in a.domains for n in a.domains[domain]["iou"]}
        - {n for a in view.accounts if domain in a.domains for n in a.domains[domain]["present"]}
    )
    note = f"<p>Not in validation: {escape(', '.join(absent))}.</p>" if absent else ""
    left = f'<div class="card"><h3>{escape(domain)}: IoU by class</h3>{bars}{note}</div>'
    matrices = [
        _confusion(view, f"confusion-{number}-{i}", account, domain)
        for i, account in enumerate(view.accounts)
        if domain in account.domains
    ]
    if len(view.accounts) == 1:
        return f'<div class="pair">{left}{matrices[0]}</div>'
    return f'{left}<div class="runs">{"".join(matrices)}</div>'


def _confusion(view: _Page, name: str, account: Account, domain: str) -> str:
    figure = figures.confusion(account.domains[domain], view.shade(domain))
    chart = view.chart(name, figure, f"confusion of classes, {domain}, {account.name}")
    of_run = f" of {escape(account.name)}" if len(view.accounts) > 1 else ""
    return f'<div class="card"><h3>{escape(domain)}: confusion{of_run}</h3>{chart}</div>'


def _scenes(view: _Page) -> str:
    parts = [_scene_card(view, i, domain) for i, domain in enumerate(view.domains)]
    return f"<section><h2>Scenes</h2>{''.join(parts)}</section>"


def _scene_card(view: _Page, number: int, domain: str) -> str:
    columns, choices = "", ""
    for i, account in enumerate(view.accounts):
        figures_of_run = ""
        for kind, look in account.looks.get(domain, {}).items():
            names = tuple(account.domains[domain]["iou"])
            shown = exhibit(look, names, view.colors)
            score = account.domains[domain]["scenes"][look.scene]["miou_present"]
            told = f"{kind} scene, {look.scene}, mIoU {score:.3f}"
            figures_of_run += _pictures(shown, view.colors, told)
            cloud = f"cloud-{number}-{i}-{kind}"
            view.clouds[cloud] = shown.cloud
            of_run = f"{account.name}: " if len(view.accounts) > 1 else ""
            choices += f'<option value="{cloud}">{escape(of_run + told)}</option>'
        head = f"<h3>{escape(account.name)}</h3>" if len(view.accounts) > 1 else ""
        columns += f"<div>{head}{figures_of_run}</div>"
    if not choices:
        return ""
    many = " many" if len(view.accounts) > 1 else ""
    return (
        f'<div class="card"><h3>{escape(domain)}</h3><div class="runs{many}">{columns}</div>'
        f"{_viewer(domain, choices)}</div>"
    )


def _pictures(shown: Exhibit, colors: Colors, told: str) -> str:
    kind, _, rest = told.partition(",")
    images = "".join(
        f'<div><img alt="{escape(f"{title}: {told}")}" src="data:image/png;base64,'
        f'{base64.b64encode(shown.pictures[mode]).decode()}">{title}</div>'
        for mode, title in MODES.items()
    )
    legend = "".join(
        f'<span><i style="background: rgb{colors[name]}"></i>{escape(name)}</span>'
        for name in shown.classes
    )
    legend += '<span><i style="background: rgb(214,39,40)"></i>wrong (in errors)</span>'
    return (
        f'<figure class="scene"><figcaption><b>{escape(kind)}</b>,{escape(rest)}</figcaption>'
        f'<div class="pictures">{images}</div><div class="legend">{legend}</div></figure>'
    )


def _viewer(domain: str, choices: str) -> str:
    buttons = "".join(
        f'<button type="button" data-mode="{mode}" aria-pressed="{str(mode == "color").lower()}">'
        f"{title}</button>"
        for mode, title in MODES.items()
    )
    return (
        f'<div class="viewer"><div class="tools"><select aria-label="scene">{choices}</select>'
        f'<div class="modes" role="group" aria-label="colour by">{buttons}</div>'
        '<label><input type="checkbox" checked> cut at 1.8 m</label>'
        "<label>drag to turn, scroll to zoom</label></div>"
        f'<div class="cloud" role="img" aria-label="{escape(domain)} in three dimensions"></div>'
        "</div>"
    )


class _Chart(NamedTuple):
    name: str
    title: str
    of: Callable[[Account], Figure]


def _charts(view: _Page, *charts: _Chart) -> str:
    """Charts of one run side by side; of several runs, each chart in a row."""
    rows = [
        [_chart_card(view, chart, i, account) for i, account in enumerate(view.accounts)]
        for chart in charts
    ]
    if len(view.accounts) == 1:
        return f'<div class="pair">{"".join(card for row in rows for card in row)}</div>'
    return "".join(f'<div class="runs">{"".join(row)}</div>' for row in rows)


def _chart_card(view: _Page, chart: _Chart, i: int, account: Account) -> str:
    of_run = f"{escape(account.name)}: " if len(view.accounts) > 1 else ""
    place = view.chart(f"{chart.name}-{i}", chart.of(account), f"{chart.title}, {account.name}")
    return f'<div class="card"><h3>{of_run}{chart.title}</h3>{place}</div>'


def _cells(tag: str, texts: Iterable[str]) -> str:
    return "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts)


_SECTIONS: Sequence[Callable[[_Page], str]] = (_headline, _training, _time, _classes, _scenes)
