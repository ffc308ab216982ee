"""A browser without a window, out of those that are installed here already."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
NONE = "no Chromium or Chrome here: install Debian's chromium, or Chrome"
# What a browser does by itself would look like what a page does.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Tabs share a process that displays pages.
    "--renderer-process-limit=1",
)


def find_browser() -> str | None:
    """Find a browser that is installed here."""
    found = [shutil.which(name) for name in NAMES]
    return next((one for one in found if one), str(MAC) if MAC.exists() else None)


@contextmanager
def opened(path: str | None) -> Iterator[Browser]:
    """Start a browser, and end it."""
    if path is None:
        raise FileNotFoundError(NONE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()
