"""The report of a run that was really trained; what the browser makes of it is tested beside."""

import json
import math
import re
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from ppt_dist.cli import app
from ppt_dist.scene.labels import LabelSet
from ppt_dist.section import BadInput
from ppt_dist.train.look import Look
from ppt_dist.view.picture import NONE, colors_of, draw, palette
from ppt_dist.view.report import write_report
from ppt_dist.view.report.account import Series, read_account
from ppt_dist.view.report.figures import BINS, binned, confusion, running_mean, seconds
from ppt_dist.view.report.gallery import RIGHT, WRONG, error_colors


@pytest.fixture
def run(trained, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(trained, tmp_path / "mine")


@pytest.mark.slow
def test_the_command_writes_one_page_with_every_part_of_the_run(run):
    told = CliRunner().invoke(app, ["report", str(run)], catch_exceptions=False).stdout

    page = (run / "report.html").read_text()
    assert "report.html" in told
    data = data_of(page)
    parts = ("loss", "rate", "pace", "seconds", "iou", "confusion")
    assert {name.split("-")[0] for name in data["figures"]} == set(parts)
    assert all(f'data-figure="{name}"' in page for name in data["figures"])
    assert len(data["clouds"]) == len(re.findall("<option", page)) == 2
    assert page.count("<img") == 2 * 4
    for look in (look for looks in read_account(run).looks.values() for look in looks.values()):
        assert look.scene in page


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes_and_nothing_is_named_by_address(run, tmp_path):
    for name in ("one", "two"):
        write_report([run], tmp_path / name)

    page = (tmp_path / "one").read_bytes()
    assert page == (tmp_path / "two").read_bytes()
    own = re.sub(rb"<script>/\*\*\s+\* plotly.*?</script>", b"", page, flags=re.DOTALL)
    assert len(own) < len(page) - 3_000_000
    assert not re.search(rb"""(src|href)="(?!data:)|url\(|https?://|@import""", own)


@pytest.mark.slow
def test_the_page_tells_the_figures_that_evaluation_wrote(run, tmp_path):
    write_report([run], tmp_path / "page.html")

    page = (tmp_path / "page.html").read_text()
    (result,) = (run / "evaluation").glob("*.json")
    for domain, table in json.loads(result.read_text())["domains"].items():
        row = re.search(rf"</span>{domain}</td>(.*?)</tr>", page)
        assert row is not None
        cells = re.findall(r"<td[^>]*>([^<]*)</td>", row.group(1))
        shown = [table[key] for key in ("miou_present", "miou", "macc_present", "allacc")]
        assert cells[:4] == [f"{value:.3f}" for value in shown]


@pytest.mark.slow
def test_two_runs_stand_side_by_side_and_the_better_is_marked(run, trained, tmp_path):
    other = shutil.copytree(trained, tmp_path / "other")
    (result,) = (other / "evaluation").glob("*.json")
    table = json.loads(result.read_text())
    table["domains"]["scannet"]["miou_present"] = 0.987
    result.write_text(json.dumps(table))

    write_report([run, other], tmp_path / "page.html")

    page = (tmp_path / "page.html").read_text()
    assert '<td class="first headline best">0.987</td>' in page
    assert "--runs: 2" in page
    assert {"loss-0", "loss-1", "confusion-0-0", "confusion-0-1"} <= data_of(page)["figures"].keys()
    assert len(data_of(page)["figures"]["iou-0"]["data"]) == 2


@pytest.mark.slow
def test_class_names_are_text_and_never_markup(run, tmp_path):
    (result,) = (run / "evaluation").glob("*.json")
    nasty = "</script><b>wall"
    result.write_text(result.read_text().replace('"wall"', json.dumps(nasty)))

    write_report([run], tmp_path / "page.html")

    page = (tmp_path / "page.html").read_text()
    assert nasty not in page
    assert nasty in data_of(page)["figures"]["iou-0"]["data"][0]["y"]


@pytest.mark.slow
def test_a_run_that_cannot_be_reported_is_refused_and_no_page_is_left(run, tmp_path):
    out = tmp_path / "page.html"
    (result,) = (run / "evaluation").glob("*.json")
    table = json.loads(result.read_text())

    result.write_text(json.dumps(table | {"format": 1}))
    with pytest.raises(BadInput, match=r"format 1.*ppt-dist evaluate .*--checkpoint step-"):
        write_report([run], out)
    result.write_text("{")
    with pytest.raises(BadInput, match="not an evaluation"):
        write_report([run], out)
    result.unlink()
    with pytest.raises(BadInput, match=r"mine has no evaluation.*ppt-dist evaluate"):
        write_report([run], out)
    with pytest.raises(BadInput, match="not a run's folder"):
        write_report([tmp_path], out)
    assert not out.exists()


@pytest.mark.slow
def test_two_runs_of_one_name_and_a_damaged_scene_are_refused(run, trained, tmp_path):
    with pytest.raises(BadInput, match="two of the runs are called mine"):
        write_report([run, trained], tmp_path / "page.html")
    look = next((run / "evaluation").glob("*/scannet-worst.safetensors"))
    look.write_bytes(look.read_bytes()[:100])
    with pytest.raises(BadInput, match=r"scannet-worst\.safetensors: not a scored scene"):
        write_report([run], tmp_path / "page.html")


def data_of(page):
    found = re.search(r'id="report">(.*?)</script>', page, flags=re.DOTALL)
    assert found is not None
    return json.loads(found.group(1))


def test_a_long_curve_is_averaged_and_keeps_its_mean():
    steps = list(range(10 * BINS))
    x, y = binned(Series(steps, [float(s) for s in steps]))
    assert len(x) == len(y) == BINS
    assert np.mean([v for v in y if v is not None]) == pytest.approx(np.mean(steps))
    assert binned(Series([], [])) == ([], [])


def test_a_value_that_is_not_finite_is_a_gap_and_the_mean_goes_around_it():
    _, y = binned(Series([0, 1, 2], [1.0, math.nan, math.inf]))
    assert y == [1.0, None, None]
    assert running_mean([1.0, None, 3.0]) == [2.0, 2.0, 2.0]
    assert running_mean([None]) == [None]


def test_confusion_shows_shares_of_true_classes_and_leaves_out_what_never_occurs():
    table = {"confusion": [[3, 1, 0], [0, 0, 0], [2, 0, 0]], "iou": dict.fromkeys("abc", 0.0)}
    (heat,) = confusion(table, "#102030")["data"]
    assert (heat["y"], heat["x"]) == (["a", "c"], ["a", "b"])
    assert heat["z"] == [[0.75, 0.25], [1.0, 0.0]]
    assert heat["customdata"] == [[3, 1], [2, 0]]


@pytest.mark.slow
def test_the_phases_of_the_time_are_those_of_the_events(run):
    account = read_account(run)
    (bar,) = seconds(account)["data"]
    known = {"data", "forward", "backward", "optimizer", "other", "checkpoint", "evaluation"}
    assert known <= account.seconds.keys()
    assert dict(zip(bar["y"], bar["x"], strict=True)) == {
        name: spent for name, spent in account.seconds.items() if spent > 0
    }


LABELS = LabelSet(names=("wall", "chair", "floor"), words=("wall", "chair", "floor"))


def test_errors_are_red_the_rest_grey_and_points_without_truth_dark():
    coord = np.zeros((3, 3), np.float32)
    label, prediction = np.array([0, 1, -1], np.int16), np.array([0, 2, 2], np.int16)
    found = error_colors(Look("x", coord, None, label, prediction))
    assert found.tolist() == [list(RIGHT), list(WRONG), list(NONE)]


def test_every_class_has_a_colour_of_its_own():
    names = [*LABELS.names, *(f"class {i}" for i in range(20))]
    table = palette(names)
    assert len(np.unique(table, axis=0)) == len(names)
    shown = colors_of(np.array([0, 2, -1], np.int16), table)
    assert shown.tolist() == [table[0].tolist(), table[2].tolist(), list(NONE)]


def test_a_drawing_shows_the_nearer_point_and_cuts_the_ceiling():
    floor = np.stack(np.meshgrid(np.arange(20), np.arange(20)), -1).reshape(-1, 2) * 0.1
    level = np.concatenate([np.full((400, 1), z) for z in (0.0, 1.0, 3.0)])
    coord = np.concatenate([np.tile(floor, (3, 1)), level], axis=1).astype(np.float32)

    point = draw(coord, 200).point

    assert max(point.shape) == 200
    assert point.max() < 800
    seen = np.bincount(point[point >= 0] // 400)
    assert seen[1] > 2 * seen[0] > 0


@pytest.mark.parametrize("points", [0, 1, 4])
def test_a_drawing_of_hardly_any_point_is_still_a_picture(points):
    coord = np.zeros((points, 3), np.float32)
    assert draw(coord, 50).png(np.zeros((points, 3), np.uint8)).startswith(b"\x89PNG")
