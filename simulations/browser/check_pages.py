#!/usr/bin/env python3
"""The pages of a running demo in a real browser: a lesson is played and saved, every page is looked at.

    check_pages.py [PISHTAR]        the program under test, by default target/debug/pishtar

Exit 0 when everything was as it should be and the demo ended in order, its nodes with it.
"""

import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
LESSON = "ministry/math-6-sq/thyesat"
START_LIMIT_S, STOP_LIMIT_S = 180, 40


def family_pages(demo):
    """Reads the demo's story until it prints where the family's pages are."""
    told = []
    timer = threading.Timer(START_LIMIT_S, demo.kill)
    timer.start()
    try:
        for line in demo.stdout:
            told.append(line)
            found = re.search(r"family \| pages (http://\S+)", line)
            if found:
                return found[1]
    finally:
        timer.cancel()
    sys.exit("the demo did not come up:\n" + "".join(told))


def children(pid):
    """Process ids of the demo's nodes."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


def check(url):
    """Runs every script against the pages; the number of those that failed."""
    shots = REPOSITORY / "target" / "screens"
    shots.mkdir(parents=True, exist_ok=True)
    scripts = [
        ["play.py", url, LESSON, str(shots / "playing.png")],
        ["screens.py", "--url", url, "--out", str(shots)],
    ]
    failed = 0
    for script, *arguments in scripts:
        print(f"-- {script}", flush=True)
        failed += subprocess.run([sys.executable, str(HERE / script), *arguments]).returncode != 0
    return failed


def main():
    """Starts a demo, checks, stops it."""
    program = sys.argv[1] if len(sys.argv) > 1 else str(REPOSITORY / "target/debug/pishtar")
    demo = subprocess.Popen([program, "demo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        url = family_pages(demo)
        # Somebody has to read on, or the demo would block on a full pipe.
        threading.Thread(target=lambda: [None for _ in demo.stdout], daemon=True).start()
        nodes = children(demo.pid)
        failed = check(url)
        demo.send_signal(signal.SIGINT)
        if demo.wait(STOP_LIMIT_S) != 0:
            sys.exit(f"the demo ended with {demo.returncode}")
    finally:
        demo.kill()
    left = [pid for pid in nodes if Path(f"/proc/{pid}").exists()]
    if left or len(nodes) < 3:
        sys.exit(f"nodes of the demo: {nodes}; still there after it ended: {left}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
