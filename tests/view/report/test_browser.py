"""The report in a headless Chromium without a network: what one presses changes what one sees."""

import io
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Error, sync_playwright

from ppt_dist.train.look import read_look
from ppt_dist.view.report import write_report
from tests.view.report.chromium import ARGUMENTS, chromium

pytestmark = pytest.mark.slow

MODES = ("truth", "prediction", "error", "color")


@pytest.fixture(scope="module")
def page(trained, tmp_path_factory):
    """The opened report of two runs, with all that the browser said and asked for."""
    folder = tmp_path_factory.mktemp("report")
    other = shutil.copytree(trained, folder / "other")
    for path in (other / "evaluation").glob("*/*.safetensors"):
        look = read_look(path)
        replace(look, coord=-look.coord).write(path)
    write_report([trained, other], folder / "report.html")
    program = chromium()
    if program is None:
        pytest.skip("no chromium: install one, such as Debian's package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        context = browser.new_context(
            offline=True, color_scheme="light", viewport={"width": 1300, "height": 900}
        )
        opened = context.new_page()
        opened.set_default_timeout(120_000)
        said: list[str] = []
        opened.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.on("requestfailed", lambda request: said.append(request.url))
        opened.goto((folder / "report.html").as_uri())
        yield opened, said
        browser.close()


def pixels(part):
    return np.asarray(Image.open(io.BytesIO(part.screenshot())).convert("RGB"))


def viewers(page):
    """Each view in three dimensions, once it shows its points."""
    for viewer in page.query_selector_all(".viewer"):
        viewer.scroll_into_view_if_needed()
        yield viewer, shown(page, viewer, "color")


def shown(page, viewer, mode, scene=None, cut="true"):
    """Pixels once the view says that it shows this."""
    scene = scene or viewer.query_selector("select").input_value()
    page.wait_for_function(
        "([v, what]) => v.querySelector('.cloud').dataset.shown === what",
        arg=[viewer, f"{scene} {mode} {cut}"],
    )
    return pixels(viewer.query_selector(".cloud"))


def test_every_chart_and_every_view_shows_something(page):
    opened, said = page
    places = opened.query_selector_all("[data-figure]")
    assert len(places) == 2 * 4 + 2 + 2 * 2
    for place in places:
        assert len(np.unique(pixels(place).reshape(-1, 3), axis=0)) > 10
    clouds = [picture for _, picture in viewers(opened)]
    assert len(clouds) == 2
    for picture in clouds:
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10
    assert len(opened.query_selector_all("canvas")) >= 2
    assert said == []


def test_each_switch_and_the_choice_of_scene_change_the_view(page):
    opened, said = page
    for viewer, before in viewers(opened):
        for mode in MODES:
            viewer.query_selector(f'[data-mode="{mode}"]').click()
            after = shown(opened, viewer, mode)
            assert (after != before).any()
            before = after
        viewer.query_selector("input").click()
        whole = shown(opened, viewer, "color", cut="false")
        assert (whole != before).any()
        viewer.query_selector("input").click()
        shown(opened, viewer, "color")
        choice = viewer.query_selector("select")
        names = [o.get_attribute("value") for o in choice.query_selector_all("option")]
        assert len(names) == 2
        choice.select_option(names[1])
        assert (shown(opened, viewer, "color", names[1]) != before).any()
    assert said == []


def test_a_scene_turns_under_the_pointer_and_comes_nearer_under_the_wheel(page):
    opened, said = page
    viewer, before = next(viewers_as_they_are(opened))
    cloud = viewer.query_selector(".cloud")
    box = cloud.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    opened.mouse.move(x, y)
    opened.mouse.down()
    opened.mouse.move(x + 120, y + 40, steps=5)
    opened.mouse.up()
    turned = settled(opened, cloud, before)
    opened.mouse.wheel(0, -300)
    nearer = settled(opened, cloud, turned)

    assert (turned != before).any()
    assert (nearer != turned).any()
    assert said == []


def viewers_as_they_are(page):
    for viewer in page.query_selector_all(".viewer"):
        viewer.scroll_into_view_if_needed()
        page.wait_for_function("v => v.querySelector('.cloud').dataset.shown", arg=viewer)
        yield viewer, pixels(viewer.query_selector(".cloud"))


def settled(page, cloud, before):
    """Pixels once they are others than before, and stay."""
    after = pixels(cloud)
    for _ in range(100):
        page.wait_for_timeout(100)
        now = pixels(cloud)
        if (now != before).any() and (now == after).all():
            return now
        after = now
    return after


def test_dark_is_dark_and_the_button_or_the_system_chooses(page):
    opened, said = page
    opened.evaluate("scrollTo(0, 0)")
    chart = opened.query_selector('[data-figure="loss-0"]')
    light, of_chart = pixels(opened).mean(), pixels(chart)
    opened.emulate_media(color_scheme="dark")
    opened.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    dark = pixels(opened).mean()
    assert dark < 80 < 180 < light
    assert (pixels(chart) != of_chart).any()
    opened.click("#theme")
    assert pixels(opened).mean() > 180
    assert said == []


def test_the_page_may_not_load_anything(page):
    opened, _ = page
    with pytest.raises(Error, match="Failed to fetch"):
        opened.evaluate("fetch('https://example.org/')")
