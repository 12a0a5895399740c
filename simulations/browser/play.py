#!/usr/bin/env python3
"""Watches a lesson on a node's page as a learner does, and says whether everything came with it.

    play.py http://127.0.0.1:8080 [LESSON_ID [PICTURE.png]] [--name NAME] [--lang sq] [--seconds 9] [--seek S] [--late-captions]

Opens the lesson, answers "Who is learning?", presses play and waits until N seconds were played (0 = until the
end), until captions were seen and the page said "saved". Prints one JSON object; exit 1 if anything failed.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from browser import chromium, complaints

STATE = """() => {
  const video = document.getElementById('player');
  const shown = [...video.textTracks].filter(track => track.mode === 'showing');
  const cue = shown.flatMap(track => [...(track.activeCues || [])]).map(cue => cue.text)[0] || null;
  const saved = document.getElementById('saved');
  return {
    position: video.currentTime, duration: video.duration || 0, ended: video.ended, paused: video.paused,
    error: video.error && video.error.message, width: video.videoWidth, captions: shown[0] ? shown[0].language : null,
    cue: cue, saved: saved.dataset.state || '', said: saved.textContent,
    waits: window.pishtarWaits || 0,
    played: [...Array(video.played.length).keys()].map(i => [video.played.start(i), video.played.end(i)]),
  };
}"""

# How often the picture stood still for want of bytes after it had begun.
COUNT_WAITS = """() => {
  const video = document.getElementById('player');
  const count = () => { window.pishtarWaits = (window.pishtarWaits || 0) + 1; };
  video.addEventListener('playing', () => video.addEventListener('waiting', count), { once: true });
}"""


def first_lesson(page, url):
    """The path of the first lesson on the home page; waits until there is one."""
    page.goto(url)
    card = page.locator(".card > a").first
    card.wait_for(timeout=60_000)
    return card.get_attribute("href")


def answer_who(page, name):
    """Types the name into the first-visit question, if it is asked."""
    dialog = page.locator("#who")
    dialog.wait_for(state="visible", timeout=5_000)
    page.fill("#who-name", name)
    page.click("#who button[value=start]")
    dialog.wait_for(state="hidden", timeout=5_000)


def watch(page, options, reports):
    """Plays until the end and until the last report is saved; returns the last state and the captions seen."""
    cues, sought, state = set(), False, {}
    until = time.monotonic() + options.timeout
    page.evaluate(COUNT_WAITS)
    page.evaluate("document.getElementById('player').play()")
    while time.monotonic() < until:
        state = page.evaluate(STATE)
        if state["cue"]:
            cues.add(state["cue"])
        if options.seek is not None and not sought and state["position"] > 2:
            page.evaluate("seconds => { document.getElementById('player').currentTime = seconds }", options.seek)
            sought = True
        enough = state["ended"] or (options.seconds and state["position"] >= options.seconds)
        if enough and not state["ended"]:
            page.evaluate("document.getElementById('player').pause()")
        if enough and state["saved"] == "saved" and 201 in reports:
            return state, cues
        page.wait_for_timeout(100)
    return state, cues


def delay_captions(page):
    """The first request for captions is answered as by a node that they have not reached yet."""
    asked = set()

    def answer(route):
        path = route.request.url.partition("?")[0]
        if path in asked:
            route.continue_()
        else:
            asked.add(path)
            route.fulfill(status=503, headers={"Retry-After": "5", "Cache-Control": "no-store"})

    page.route("**/*.vtt*", answer)
    return asked


def run(browser, options):
    """One visit; returns what it saw with the list of what failed."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale=options.lang)
    page = context.new_page()
    problems, reports, ranges = complaints(page), [], []
    page.on("response", lambda answer: "/api/progress" in answer.url and reports.append(answer.status))
    page.on("response", lambda answer: answer.url.endswith(".mp4") and ranges.append(answer.status))
    delayed = delay_captions(page) if options.late_captions else None
    path = f"/lesson/{options.lesson}" if options.lesson else first_lesson(page, options.url)
    began = time.monotonic()
    page.goto(f"{options.url}{path}?lang={options.lang}")
    answer_who(page, options.name)
    state, cues = watch(page, options, reports)
    seconds = time.monotonic() - began
    if options.picture:
        page.screenshot(path=str(options.picture), full_page=True)
    context.close()
    if options.restarts:
        problems = [text for text in problems if "Failed to load resource" not in text]
    if delayed is not None:
        problems = [text for text in problems if "503" not in text or ".vtt" not in text or ".vtt?" in text]
        if not delayed:
            problems.append("no captions were asked for")
    if not state.get("ended") and not options.seconds:
        problems.append("the video did not reach its end")
    if not state.get("captions") or not cues:
        problems.append("no captions were shown")
    if state.get("saved") != "saved":
        problems.append(f"the page does not say saved but {state.get('said')!r}")
    if not reports or set(reports) != {201}:
        problems.append(f"progress was answered {sorted(set(reports)) or 'never'}, not 201")
    return {
        "ok": not problems, "lesson": path, "seconds": round(seconds, 1), "state": state, "captions_seen": sorted(cues),
        "reports": len(reports), "video_answers": sorted(set(ranges)), "problems": problems,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help="address of a node's pages")
    parser.add_argument("lesson", nargs="?", help="lesson id; the first one on the home page if absent")
    parser.add_argument("picture", nargs="?", type=Path, help="where to put a picture of the page")
    # The lab looks for this name on every disk: it must not be readable anywhere.
    parser.add_argument("--name", default="Kanarina Pishtare")
    parser.add_argument("--lang", default="sq")
    parser.add_argument("--seconds", type=float, default=9, help="stop after so many seconds; 0 plays to the end")
    parser.add_argument("--seek", type=float, help="after two seconds jump to this second")
    parser.add_argument("--late-captions", action="store_true", help="the first request for captions fails, as while they arrive")
    parser.add_argument("--restarts", action="store_true", help="the node may go away meanwhile: failed requests are normal")
    parser.add_argument("--timeout", type=float, default=120)
    options = parser.parse_args()
    options.url = options.url.rstrip("/")
    with chromium() as browser:
        result = run(browser, options)
    print(json.dumps(result, ensure_ascii=False, indent=2))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
