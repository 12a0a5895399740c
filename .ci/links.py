#!/usr/bin/env python3
"""Checks that every relative link in the Markdown pages leads to a file, and that the book lists every page."""

import re
import subprocess
import sys
from pathlib import Path

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page):
    """The anchors that a page's headings make."""
    heads = re.findall(r"^#+ +(.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in heads}


def main():
    """Prints broken links; exit 1 if there are any."""
    listed = subprocess.run(["git", "ls-files", "*.md"], capture_output=True, text=True, check=True)
    pages, broken, links = [Path(p) for p in listed.stdout.split()], [], 0
    for page in pages:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
        for target in LINK.findall(text):
            if re.match(r"[a-z]+:", target):
                continue
            links += 1
            path, _, anchor = target.partition("#")
            file = (page.parent / path) if path else page
            if not file.exists():
                broken.append(f"{page}: {target} does not exist")
            elif anchor and file.suffix == ".md" and anchor not in anchors(file):
                broken.append(f"{page}: {target} has no such heading")
    book = Path("docs/src")
    summary = (book / "SUMMARY.md").read_text(encoding="utf-8")
    for page in pages:
        if page.is_relative_to(book) and page.name != "SUMMARY.md" and f"({page.relative_to(book)})" not in summary:
            broken.append(f"{page} is not listed in docs/src/SUMMARY.md")
    print("\n".join(broken) or f"{links} links in {len(pages)} pages lead somewhere")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
