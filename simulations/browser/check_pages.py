#!/usr/bin/env python3
"""The pages of a real node in a real browser: publish the samples, run a node, look at every page, watch a lesson.

    check_pages.py [--out DIR]      DIR keeps the pictures; without it they go with the temporary folder

Needs target/debug/pishtar (or PISHTAR=path). Exit 1 if anything is not as a learner needs it.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PISHTAR = os.environ.get("PISHTAR", str(ROOT / "target/debug/pishtar"))
SAMPLES = ROOT / "node/samples/v1"


def pishtar(*arguments):
    """Runs one command to its end; its complaint becomes ours."""
    done = subprocess.run([PISHTAR, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    if done.returncode:
        sys.exit(f"pishtar {' '.join(map(str, arguments))}: {done.stderr or done.stdout}")
    return done.stdout


def publish(folder):
    """A ministry with the sample lessons; returns what it published."""
    workshop = folder / "ministry"
    pishtar("ministry", "init", workshop)
    pishtar("ministry", "add", workshop, "--from", SAMPLES, "--csv", SAMPLES / "lessons.csv")
    pishtar("ministry", "sign", workshop)
    pishtar("ministry", "publish", workshop)
    return workshop / "published"


def free_port():
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def status(url):
    """What the node says of itself; nothing while it starts."""
    try:
        with urllib.request.urlopen(f"{url}/api/status", timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return None


def start(folder, published, port):
    """A node that follows everything; waits until all lessons are there."""
    url = f"http://127.0.0.1:{port}"
    command = [
        PISHTAR, "run", "--data", folder / "node", "--root", published / "metadata/1.root.json", "--publish", published,
        "--follow", "all", "--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0", "--web", url.removeprefix("http://"),
    ]  # fmt: skip
    log = open(folder / "node.log", "a", encoding="utf-8")
    node = subprocess.Popen(list(map(str, command)), stdout=log, stderr=subprocess.STDOUT)
    until = time.monotonic() + 60
    while time.monotonic() < until and node.poll() is None:
        lessons = (status(url) or {}).get("lessons", {})
        if lessons.get("followed") and lessons["followed"] == lessons["complete"]:
            return node, url
        time.sleep(0.2)
    node.kill()
    sys.exit(f"the node did not get its lessons: {(folder / 'node.log').read_text()[-3000:]}")


def script(name, *arguments):
    """Runs one of our browser scripts; returns whether it was content."""
    return subprocess.run([sys.executable, str(HERE / name), *map(str, arguments)], timeout=550).returncode == 0


def killed_while_watching(folder, published, port, node):
    """Kills the node under a learner and starts it again: the page must get its report saved all the same."""
    arguments = [f"http://127.0.0.1:{port}", "ministry/math-6-sq/thyesat", "--seconds", "16", "--restarts"]
    learner = subprocess.Popen([sys.executable, str(HERE / "play.py"), *arguments])
    time.sleep(8)
    node.kill()
    node.wait()
    time.sleep(4)
    node, _ = start(folder, published, port)
    return node, learner.wait(timeout=150) == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pishtar-pages-") as name:
        folder = Path(name)
        out = options.out or folder / "pictures"
        out.mkdir(parents=True, exist_ok=True)
        published, port = publish(folder), free_port()
        node, url = start(folder, published, port)
        try:
            good = script("screens.py", "--url", url, "--out", out, "--scheme", "light")
            lesson = "ministry/math-6-sq/thyesat"
            good &= script("play.py", url, lesson, out / "played.png", "--seconds", "0", "--lang", "sr-Latn")
            good &= script("play.py", url, lesson, out / "seek.png", "--seconds", "30", "--seek", "24", "--lang", "en")
            good &= script("play.py", url, lesson, "--late-captions")
            node, recovered = killed_while_watching(folder, published, port, node)
            good &= recovered
            unacked = status(url)["records"]["own_unacked"]
            print(f"records waiting: {unacked}")
            good &= unacked > 0
        finally:
            node.terminate()
            node.wait(timeout=30)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
