#!/usr/bin/env python3
"""A demo that a person started: its pages answer, and Ctrl-C ends it and all of its nodes.

    check_demo.py        the program is target/debug/pishtar, or PISHTAR=path
"""

import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PISHTAR = os.environ.get("PISHTAR", str(ROOT / "target/debug/pishtar"))
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


def nodes_of(pid):
    """Process ids of the demo's nodes."""
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(child) for child in children.stdout.split()]


def main():
    """Starts a demo, looks, stops it; exit 1 when something is left."""
    demo = subprocess.Popen([PISHTAR, "demo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        url = family_pages(demo)
        # Somebody has to read on, or the demo would block on a full pipe.
        threading.Thread(target=lambda: [None for _ in demo.stdout], daemon=True).start()
        nodes = nodes_of(demo.pid)
        with urllib.request.urlopen(url + "/", timeout=10) as answer:
            listed = "Thyesat" in answer.read().decode()
        demo.send_signal(signal.SIGINT)
        code = demo.wait(STOP_LIMIT_S)
    finally:
        demo.kill()
    left = [pid for pid in nodes if Path(f"/proc/{pid}").exists()]
    print(f"pages list the lesson: {listed}; exit code {code}; nodes {nodes}, still there: {left}")
    return 0 if listed and code == 0 and len(nodes) == 3 and not left else 1


if __name__ == "__main__":
    sys.exit(main())
