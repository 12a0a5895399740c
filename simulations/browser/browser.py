"""Starting the Chromium that Debian ships, the same way for every check."""

from contextlib import contextmanager

from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--autoplay-policy=no-user-gesture-required",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium():
    """A headless browser that plays H.264/AAC and asks no server but the node."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def complaints(page):
    """Collects what the page logs as errors and every request that leaves its own node."""
    found = []

    def logged(message):
        if message.type == "error":
            found.append(f"console: {message.text} at {message.location.get('url', '?')}")

    page.on("console", logged)
    page.on("pageerror", lambda error: found.append(f"script: {error}"))

    def foreign(request):
        own = page.url.split("/")[2] if page.url.startswith("http") else None
        if own and request.url.startswith("http") and request.url.split("/")[2] != own:
            found.append(f"asked another server: {request.url}")

    page.on("request", foreign)
    return found
