"""How tests start the browser."""

import shutil

ARGUMENTS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
]


def chromium() -> str | None:
    """The program's path."""
    return shutil.which("chromium") or shutil.which("google-chrome")
