"""Charts of the report, as Plotly's figures in plain JSON; the page gives them its theme."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ppt_dist.view.report.account import Account, Series

Figure = dict[str, Any]

COLORS = ("#3b82c4", "#e07b39", "#2fa36b", "#b45fc4", "#c9a227", "#d1495b", "#4fb0ae", "#8d99a6")
"""Of domains in curves, and of runs in bars; readable on light and dark ground."""
BINS = 400
"""Most points of a curve; a longer one is averaged."""
PHASES = {
    "data": "#8d99a6",
    "forward": "#3b82c4",
    "backward": "#2f5f94",
    "communication": "#e07b39",
    "optimizer": "#2fa36b",
    "other": "#c4c9cf",
    "start": "#b45fc4",
    "checkpoint": "#c9a227",
    "evaluation": "#4fb0ae",
}


def color(i: int) -> str:
    """The colour of domain or run ``i``."""
    return COLORS[i % len(COLORS)]


def losses(account: Account, domains: Sequence[str]) -> Figure:
    """Each lot's loss, thin, and its running mean, by domain."""
    traces: list[dict[str, Any]] = []
    for name, series in account.loss.items():
        shade = color(domains.index(name))
        x, y = binned(series)
        thin = {"color": shade, "width": 1}
        traces.append(_line(x, y, thin, opacity=0.3, showlegend=False, hoverinfo="skip"))
        traces.append(_line(x, running_mean(y), {"color": shade, "width": 2.5}, name=name))
    return {"data": traces, "layout": _axes("step", "loss of a lot", type="log")}


def rates(account: Account) -> Figure:
    """The learning rate, which all domains share."""
    x, y = binned(account.rate)
    line = {"color": COLORS[1], "width": 2.5}
    return {"data": [_line(x, y, line)], "layout": _axes("step", "learning rate")}


def paces(account: Account) -> Figure:
    """Voxels a second over the run."""
    x, y = binned(account.pace)
    thin, thick = ({"color": COLORS[0], "width": width} for width in (1, 2.5))
    data = [_line(x, y, thin, opacity=0.3, hoverinfo="skip"), _line(x, running_mean(y), thick)]
    return {"data": data, "layout": _axes("step", "voxels/s", rangemode="tozero")}


def seconds(account: Account) -> Figure:
    """Where the time of the first rank went, one bar a phase."""
    known = {name: account.seconds.get(name, 0.0) for name in PHASES}
    known |= account.seconds
    names = [name for name, spent in known.items() if spent > 0][::-1]
    total = max(sum(account.seconds.values()), 1e-9)
    bar = {
        "type": "bar",
        "orientation": "h",
        "y": names,
        "x": [known[name] for name in names],
        "text": [f"{known[name]:,.1f} s · {known[name] / total:.0%}" for name in names],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": [PHASES.get(name, COLORS[7]) for name in names]},
        "hoverinfo": "skip",
    }
    layout = _axes("seconds", "")
    layout["xaxis"]["range"] = [0, 1.25 * max(known.values(), default=1)]
    layout["margin"] = {"l": 100, "r": 20, "t": 10, "b": 40}
    return {"data": [bar], "layout": layout}


def ious(accounts: Sequence[Account], domain: str, shade: str) -> Figure:
    """IoU of each class that validation holds, best first by the first run; one bar a run."""
    scored = [(i, a) for i, a in enumerate(accounts) if domain in a.domains]
    first = scored[0][1].domains[domain]
    names = sorted(first["present"], key=lambda name: first["iou"][name])
    bars = [
        {
            "type": "bar",
            "orientation": "h",
            "name": account.name,
            "y": names,
            "x": [account.domains[domain]["iou"].get(name, 0.0) for name in names],
            "text": [f"{account.domains[domain]['iou'].get(name, 0.0):.2f}" for name in names],
            "textposition": "outside",
            "cliponaxis": False,
            "marker": {"color": shade if len(accounts) == 1 else color(i)},
            "hovertemplate": "%{y}: IoU %{x:.3f}<extra>" + account.name + "</extra>",
        }
        for i, account in reversed(scored)
    ]
    layout = _axes("IoU", "")
    layout["xaxis"] |= {"range": [0, 1.08], "dtick": 0.2}
    layout |= {
        "barmode": "group",
        "height": 110 + (14 + 8 * len(scored)) * len(names),
        "margin": {"l": 130, "r": 20, "t": 10, "b": 40},
        "showlegend": len(accounts) > 1,
        "legend": {"orientation": "h", "y": 1.06, "traceorder": "reversed"},
    }
    return {"data": bars, "layout": layout}


def confusion(table: Mapping[str, Any], shade: str) -> Figure:
    """Share of each true class's points by predicted class; classes without any are left out."""
    matrix = np.array(table["confusion"], np.int64)
    names = np.array(list(table["iou"]))
    true, predicted = matrix.sum(1) > 0, matrix.sum(0) > 0
    counts = matrix[np.ix_(true, predicted)]
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    heat = {
        "type": "heatmap",
        "z": np.round(share, 4).tolist(),
        "x": names[predicted].tolist(),
        "y": names[true].tolist(),
        "customdata": counts.tolist(),
        "text": [[f"{100 * s:.0f}" if s >= 0.005 else "" for s in row] for row in share],
        "texttemplate": "%{text}",
        "zmin": 0,
        "zmax": 1,
        "colorscale": [[0, _faded(shade, 0.0)], [1, _faded(shade, 1.0)]],
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
        "hovertemplate": "%{y} taken for %{x}<br>%{text} %, %{customdata:,} points<extra></extra>",
    }
    layout = _axes("predicted", "true")
    layout["xaxis"] |= {"tickangle": -60, "showgrid": False}
    layout["yaxis"] |= {"autorange": "reversed", "showgrid": False}
    layout["xaxis"]["title"]["standoff"] = layout["yaxis"]["title"]["standoff"] = 15
    layout |= {
        "height": 180 + 22 * int(true.sum()),
        "margin": {"l": 130, "r": 10, "t": 10, "b": 130},
    }
    return {"data": [heat], "layout": layout}


def binned(series: Series) -> tuple[list[int], list[float | None]]:
    """At most `BINS` points: means over equally many steps; None where a value is not finite."""
    size = max(1, math.ceil(len(series.step) / BINS))
    starts = range(0, len(series.step), size)
    means = [float(np.mean(series.value[start : start + size])) for start in starts]
    return [series.step[start] for start in starts], [_finite(value) for value in means]


def running_mean(values: Sequence[float | None]) -> list[float | None]:
    """Over a twentieth of the curve around each point, at least five."""
    half = max(5, len(values) // 20) // 2
    finite = np.array([math.nan if v is None else v for v in values])
    around = (finite[max(0, i - half) : i + half + 1] for i in range(len(finite)))
    return [
        _finite(float(np.nanmean(part))) if np.isfinite(part).any() else None for part in around
    ]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _line(x: list[int], y: list[float | None], line: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": line, **more}


def _axes(x: str, y: str, **yaxis: Any) -> dict[str, Any]:
    return {
        "xaxis": {"title": {"text": x}},
        "yaxis": {"title": {"text": y}, **yaxis},
        "margin": {"l": 65, "r": 15, "t": 10, "b": 45},
        "height": 300,
        "showlegend": bool(yaxis.get("type") == "log"),
        "legend": {"orientation": "h", "y": 1.12},
    }


def _faded(shade: str, opacity: float) -> str:
    red, green, blue = (int(shade[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
