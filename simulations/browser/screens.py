#!/usr/bin/env python3
"""Pictures of every page in every language, on a phone and on a desktop, light and dark.

    screens.py --url http://127.0.0.1:8080 --out /tmp/screens [--lang sq,en] [--page home,lesson]

Checks while it looks: no sideways scrolling, a correct `lang`, one h1, nothing logged as an error and no
request to another server. Prints one JSON line for each page; exit 1 if any is not as it should be.
"""

import argparse
import json
import sys
from pathlib import Path

from browser import chromium, complaints

WIDTHS = {"phone": (360, 740), "desktop": (1280, 800)}
LANGUAGES = ["sq", "sr", "sr-Latn", "en"]
SCHEMES = ["light", "dark"]


def pages(url, browser):
    """Name and path of every page; the lesson is the first one on the home page."""
    page = browser.new_page()
    page.goto(url)
    first = page.locator(".card > a").first
    lesson = first.get_attribute("href") if first.count() else None
    page.close()
    found = {
        "home": "/",
        "search": "/search?q=a",
        "nothing": "/search?q=qqqq",
        "status": "/status",
        "keep": "/keep?try=1&grade=1&language=sq",
        "missing": "/no-such-page",
    }
    if lesson:
        found["lesson"] = lesson
        found["who"] = lesson
    return found


def look(browser, url, name, path, lang, width, scheme, out):
    """Opens one page, takes its picture and says what is wrong with it."""
    size = WIDTHS[width]
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, device_scale_factor=2 if width == "phone" else 1
    )
    if name != "who":
        context.add_init_script(
            "localStorage.setItem('pishtar.people','[{\"id\":\"00\",\"name\":\"Arta\"}]');localStorage.setItem('pishtar.who','\"00\"')"
        )
    page = context.new_page()
    problems = complaints(page)
    page.goto(f"{url}{path}{'&' if '?' in path else '?'}lang={lang}")
    page.wait_for_load_state("load")
    page.wait_for_timeout(400)
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        problems.append("scrolls sideways")
    if page.evaluate("document.documentElement.lang") != lang:
        problems.append("wrong lang attribute")
    if page.locator("h1").count() != 1:
        problems.append(f"{page.locator('h1').count()} h1 headings")
    if name == "missing":
        problems = [text for text in problems if "404" not in text]
    picture = out / f"{name}-{lang}-{width}-{scheme}.png"
    page.screenshot(path=str(picture), full_page=name != "who")
    context.close()
    return {"page": name, "lang": lang, "width": width, "scheme": scheme, "picture": str(picture), "problems": problems}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--lang", default=",".join(LANGUAGES))
    parser.add_argument("--page", default="")
    parser.add_argument("--scheme", default=",".join(SCHEMES))
    parser.add_argument("--width", default=",".join(WIDTHS))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    bad = False
    with chromium() as browser:
        every = pages(options.url, browser)
        chosen = {name: path for name, path in every.items() if not options.page or name in options.page.split(",")}
        for name, path in chosen.items():
            for lang in options.lang.split(","):
                for width in options.width.split(","):
                    for scheme in options.scheme.split(","):
                        seen = look(browser, options.url, name, path, lang, width, scheme, options.out)
                        bad = bad or bool(seen["problems"])
                        print(json.dumps(seen, ensure_ascii=False), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
