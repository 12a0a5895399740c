"""A real Learning Record Store (Ralph) takes what `pishtar collect` sends, once; DuckDB reads the Parquet table and finds
what the CSV table says.

    check_sinks.py        the programs are those in target/debug, or PISHTAR=path and SEALED_RECORDS=path
"""

import base64
import csv
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import duckdb
from ralph.models.xapi.video.statements import VideoCompleted, VideoInitialized, VideoTerminated

ROOT = Path(__file__).resolve().parent.parent.parent
PISHTAR = os.environ.get("PISHTAR", str(ROOT / "target/debug/pishtar"))
SEALED_RECORDS = os.environ.get("SEALED_RECORDS", str(ROOT / "target/debug/examples/sealed_records"))
RALPH = Path(sys.executable).with_name("ralph")
VIDEO = "https://w3id.org/xapi/video/extensions/"
NAMES = ["Arta", "Петар", "HYPERLINK", "learner-1", "learner-2", "learner-3"]


def run(*command, code=0):
    """Runs a program; returns what it printed."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120)
    if done.returncode != code:
        sys.exit(f"{command[0]} {command[1]} ended with {done.returncode}, not {code}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


@contextmanager
def ralph(folder, port):
    """The store, with its files in a folder of its own."""
    settings = {**os.environ, "RALPH_APP_DIR": str(folder), "RALPH_RUNSERVER_BACKEND": "fs"}
    made = subprocess.run(
        [RALPH, "auth", "-u", "pishtar", "-p", "fshehte", "-s", "all", "-N", "collector", "-w",
         "-A", "collector", "https://lessons.example.org"],
        env=settings, capture_output=True, text=True, timeout=120,
    )
    if made.returncode != 0:
        sys.exit(f"ralph auth: {made.stdout}{made.stderr}")
    log = open(folder / "ralph.log", "w")
    (folder / "statements").mkdir(exist_ok=True)
    server = subprocess.Popen(
        [RALPH, "runserver", "-b", "fs", "--fs-default-directory-path", folder / "statements", "-h", "127.0.0.1",
         "-p", str(port)],
        env=settings, stdout=log, stderr=log, cwd=folder, start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/__heartbeat__", timeout=5).read()
                break
            except (urllib.error.URLError, ConnectionError):
                if server.poll() is not None or time.monotonic() > deadline:
                    sys.exit("Ralph does not start:\n" + (folder / "ralph.log").read_text())
                time.sleep(0.2)
        yield
    finally:
        os.killpg(server.pid, 15)
        server.wait(timeout=30)


def stored(port):
    """All statements that the store holds."""
    login = base64.b64encode("pishtar:fshehte".encode()).decode()
    more, statements = "/xAPI/statements?limit=50", []
    while more:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{more}")
        request.add_header("Authorization", f"Basic {login}")
        request.add_header("X-Experience-API-Version", "1.0.3")
        page = json.load(urllib.request.urlopen(request, timeout=30))
        statements += page["statements"]
        more = page.get("more") or ""
        more = more[more.find("/xAPI"):] if "/xAPI" in more else ""
    return statements


def check_profile(statements):
    """The rules of the video profile 1.0.3 that concern one who reports, and ours on names."""
    completed = {}
    for statement in statements:
        registration = statement["context"]["registration"]
        verb = statement["verb"]["id"].rsplit("/", 1)[1]
        assert set(statement["actor"]["account"]) == {"homePage", "name"}, statement["actor"]
        assert "mbox" not in statement["actor"]
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", statement["id"])
        for name in NAMES:
            assert name not in json.dumps(statement, ensure_ascii=False), f"{name} left the collector"
        category = [entry["id"] for entry in statement["context"]["contextActivities"]["category"]]
        assert "https://w3id.org/xapi/video" in category
        if verb == "completed":
            assert registration not in completed, "two completed in one registration"
            completed[registration] = statement
            result = statement["result"]
            assert result["completion"] is True and re.fullmatch(r"PT[0-9.]+S", result["duration"])
            extensions = result["extensions"]
            assert extensions[VIDEO + "played-segments"] == "0.000[.]100.000"
            assert extensions[VIDEO + "progress"] == 1.0 and extensions[VIDEO + "time"] == 100.0
            assert statement["context"]["extensions"][VIDEO + "length"] == 100.0
    assert len(completed) == 1, f"{len(completed)} completed, not 1"
    assert len({statement["id"] for statement in statements}) == len(statements)


def check_models(lines):
    """Ralph's own models of the video profile, which are stricter than its endpoint."""
    models = {"initialized": VideoInitialized, "completed": VideoCompleted, "terminated": VideoTerminated}
    for line in lines.splitlines():
        statement = json.loads(line)
        model = models.get(statement["verb"]["id"].rsplit("/", 1)[1])
        if model:
            model(**statement)


def collect(work, data, *sinks, code=0):
    arguments = [part for sink in sinks for part in ("--sink", sink)]
    return run(
        PISHTAR, "collect", "--once", "--key", work / "workshop/keys/collection.json", "--from", work / "point",
        "--data", work / data, "--home-page", "https://lessons.example.org/", "--credentials",
        work / "credentials.json", *arguments, code=code,
    )


def credentials(work, password):
    path = work / "credentials.json"
    path.write_text(json.dumps({"lrs": {"user": "pishtar", "password": password}}))
    path.chmod(0o600)


def tables(work):
    """The same rows in both tables."""
    with open(work / "out.csv", newline="", encoding="utf-8") as table:
        rows = sorted(csv.DictReader(table), key=lambda row: row["learner"])
    path = str(work / "out.parquet")
    found = duckdb.sql(f"SELECT * FROM read_parquet('{path}') ORDER BY learner")
    parquet = [dict(zip(found.columns, row)) for row in found.fetchall()]
    assert len(rows) == len(parquet) == 3
    for text, row in zip(rows, parquet):
        guarded = "'" + row["name"] if row["name"].startswith("=") else row["name"]
        assert text["name"] == guarded, (text, row)
        for column in ["learner", "lesson", "best_results"]:
            assert text[column] == row[column], (text, row)
        assert float(text["progress_percent"]) * 10 == row["progress_permille"]
        assert text["completed"] == str(row["completed"]).lower()
        assert int(text["attempts"]) == row["attempts"] and row["grade"] is None
        assert row["last_worked"].isoformat().startswith("2026-05-28T"), row["last_worked"]
    assert sum(row["completed"] for row in parquet) == 1


def main():
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        store = work / "ralph"
        store.mkdir()
        run(PISHTAR, "ministry", "init", work / "workshop")
        run(SEALED_RECORDS, work / "workshop/keys/collection.json", work / "point")
        port = free_port()
        lrs = f"lrs:http://127.0.0.1:{port}/xAPI"

        credentials(work, "fshehte")
        said = collect(work, "collector", lrs, code=1)
        assert "does not answer" in said and "statements wait; nothing is lost" in said, said
        with ralph(store, port):
            credentials(work, "wrong")
            said = collect(work, "collector", lrs, code=1)
            assert "401" in said and "correct the file given with --credentials" in said, said
            credentials(work, "fshehte")
            shutil.copytree(work / "collector", work / "earlier")
            shutil.copytree(work / "point", work / "point-earlier")
            print(collect(work, "collector", lrs, f"xapi:{work}/out.jsonl", f"csv:{work}/out.csv",
                          f"parquet:{work}/out.parquet"), end="")
            first = stored(port)
            check_profile(first)
            # A collector restored from an older copy sends everything again: the store knows it all.
            shutil.rmtree(work / "point")
            (work / "point-earlier").rename(work / "point")
            collect(work, "earlier", lrs)
            again = stored(port)
            assert sorted(s["id"] for s in again) == sorted(s["id"] for s in first), "statements were doubled"
        lines = (work / "out.jsonl").read_text()
        assert len(lines.splitlines()) == len(first)
        check_models(lines)
        tables(work)
        print(f"{len(first)} statements in the store, each once; one completed; CSV and Parquet agree")


main()
