"""Pictures of the documents: ``python -m tests.view.report.pictures REPORT.html docs/pictures``."""

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.view.report.chromium import ARGUMENTS, chromium


def main(report: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        for scheme in ("light", "dark"):
            page = browser.new_page(color_scheme=scheme, viewport={"width": 1300, "height": 1000})
            page.goto(report.resolve().as_uri())
            shoot(page, out, scheme)
        browser.close()


def shoot(page: Page, out: Path, scheme: str) -> None:
    """The top of the page; in light also the first domain's scenes, coloured by prediction."""
    page.screenshot(path=out / f"report-{scheme}.png")
    if scheme == "dark":
        return
    viewer = page.locator(".viewer").first
    viewer.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('.cloud').dataset.shown !== undefined")
    viewer.locator('[data-mode="prediction"]').click()
    page.wait_for_function("document.querySelector('.cloud').dataset.shown.includes('prediction')")
    page.locator(".card:has(.viewer)").first.screenshot(path=out / "report-scenes.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
