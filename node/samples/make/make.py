#!/usr/bin/env python3
"""Makes the sample lessons from lessons.py: speech, slides, video, captions, worksheets, lessons.csv.

Needs Debian's espeak-ng, ffmpeg, chromium and fonts-inter. Run from anywhere:

    python3 node/samples/make/make.py [LESSON]...

Writes node/samples/v1 (all lessons) and node/samples/v2 (the lesson that version 2 changes).
"""

import csv
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import page
from lessons import LESSONS, VERSION_2

SAMPLES = Path(__file__).resolve().parent.parent
RATE = 22050
GAP_S, LEAD_S, TAIL_S = 0.9, 0.8, 2.2
CHROMIUM = [
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]


def run(*argv):
    """Runs a command and shows its output only when it fails."""
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, argv))}\n{done.stdout}{done.stderr}")


def chromium(*argv):
    """One headless Chromium call with a fresh profile."""
    with tempfile.TemporaryDirectory() as profile:
        run(*CHROMIUM, f"--user-data-dir={profile}", *argv)


def speak(says, voice, out):
    """Speaks the sentences into one WAV; returns (start, end) of every sentence in seconds."""
    frames, times, at = b"", [], 0.0

    def silence(seconds):
        return b"\0\0" * int(RATE * seconds)

    frames += silence(LEAD_S)
    with tempfile.TemporaryDirectory() as tmp:
        for i, sentence in enumerate(says):
            part = Path(tmp) / f"{i}.wav"
            run("espeak-ng", "-v", voice, "-s", "128", "-g", "3", "-w", part, sentence)
            with wave.open(str(part)) as w:
                assert (w.getframerate(), w.getnchannels(), w.getsampwidth()) == (RATE, 1, 2)
                speech = w.readframes(w.getnframes())
            at = len(frames) / 2 / RATE
            frames += speech
            times.append((at, len(frames) / 2 / RATE))
            frames += silence(GAP_S if i + 1 < len(says) else TAIL_S)
    with wave.open(str(out), "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(RATE)
        w.writeframes(frames)
    return times, len(frames) / 2 / RATE


def stamp(seconds):
    """A WebVTT time."""
    ms = round(seconds * 1000)
    return f"{ms//3600000:02}:{ms//60000%60:02}:{ms//1000%60:02}.{ms%1000:03}"


def captions(says, times, path):
    """One cue per sentence."""
    cues = [f"{i+1}\n{stamp(a)} --> {stamp(b)}\n{s}\n" for i, (s, (a, b)) in enumerate(zip(says, times))]
    path.write_text("WEBVTT\n\n" + "\n".join(cues), encoding="utf-8")


def draw(lesson, says, tmp):
    """Screenshots all slides at once and cuts them apart."""
    html, tall = tmp / "slides.html", tmp / "slides.png"
    html.write_text(page.slides(lesson, says), encoding="utf-8")
    chromium(f"--window-size={page.WIDTH},{page.HEIGHT * len(says)}", f"--screenshot={tall}", html.as_uri())
    for i in range(len(says)):
        crop = f"crop={page.WIDTH}:{page.HEIGHT}:0:{page.HEIGHT * i}"
        run("ffmpeg", "-y", "-loglevel", "error", "-i", tall, "-vf", crop, tmp / f"slide{i}.png")


def encode(lesson, times, total, sound, tmp, out):
    """Slides and speech to H.264/AAC; a slide changes shortly before its sentence."""
    cuts = [0.0] + [start - 0.45 for start, _ in times[1:]] + [total]
    listing = "".join(f"file 'slide{i}.png'\nduration {cuts[i+1]-cuts[i]:.3f}\n" for i in range(len(times)))
    (tmp / "list.txt").write_text(listing + f"file 'slide{len(times)-1}.png'\n")
    flags = ["-movflags", "+faststart"] if lesson.faststart else []
    run(
        "ffmpeg", "-y", "-loglevel", "error", "-f", "concat", "-safe", "0", "-i", tmp / "list.txt", "-i", sound,
        "-vf", "fps=10,format=yuv420p", "-c:v", "libx264", "-preset", "veryslow", "-tune", "stillimage", "-crf", "31",
        "-g", "80", "-profile:v", "main", "-c:a", "aac", "-b:a", "48k", "-ac", "1", "-ar", "44100",
        "-map_metadata", "-1", "-fflags", "+bitexact", "-t", f"{total:.3f}", *flags, out,
    )  # fmt: skip


def make(lesson, says, extra_captions, folder):
    """All files of one lesson into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as t:
        tmp = Path(t)
        times, total = speak(says, lesson.voice, tmp / "speech.wav")
        draw(lesson, says, tmp)
        encode(lesson, times, total, tmp / "speech.wav", tmp, folder / "lesson.mp4")
        captions(says, times, folder / f"captions.{lesson.language}.vtt")
        for language, lines in extra_captions.items():
            captions(lines, times, folder / f"captions.{language}.vtt")
        middle = tmp / f"slide{len(says) - 2}.png"
        run("ffmpeg", "-y", "-loglevel", "error", "-i", middle, "-vf", "scale=480:270:flags=lanczos",
            "-q:v", "5", "-bitexact", folder / "thumbnail.jpg")  # fmt: skip
        if lesson.worksheet:
            html = tmp / "sheet.html"
            html.write_text(page.worksheet(lesson), encoding="utf-8")
            chromium("--no-pdf-header-footer", f"--print-to-pdf={folder / 'worksheet.pdf'}", html.as_uri())
    print(f"{lesson.id}: {total:.1f} s, {sum(f.stat().st_size for f in folder.iterdir())} bytes")


def row(lesson):
    """The lesson's row in lessons.csv, in the columns that `pishtar ministry add` reads."""
    tags = {"sq": "sq", "sr": "sr-Cyrl", "en": "en"}
    spoken = [lesson.language] + [k for k in lesson.captions if k != lesson.language]
    return {
        "file": f"{lesson.id}/lesson.mp4",
        "id": lesson.id,
        "lang": tags[lesson.language],
        "grade": lesson.grade,
        "subject": lesson.subject,
        **{f"title_{tags[k]}": v for k, v in lesson.title.items()},
        **{f"description_{tags[k]}": v for k, v in lesson.description.items()},
        "captions": ";".join(f"{tags[k]}:{lesson.id}/captions.{k}.vtt" for k in spoken),
        "worksheet": f"{lesson.id}/worksheet.pdf" if lesson.worksheet else "",
        "thumbnail": f"{lesson.id}/thumbnail.jpg",
        "author": "Pishtar",
        "licence": "CC0-1.0",
        "code": lesson.code,
        "keywords": lesson.keywords.replace(" ", ";"),
        "prerequisites": lesson.prerequisites,
    }


def table(lessons, path):
    """Writes lessons.csv."""
    rows = [row(lesson) for lesson in lessons]
    with open(path, "w", encoding="utf-8", newline="") as f:
        out = csv.DictWriter(f, rows[0].keys(), lineterminator="\n")
        out.writeheader()
        out.writerows(rows)


def main():
    """Makes the named lessons, or all, and both versions' catalogues."""
    wanted = set(sys.argv[1:])
    for lesson in LESSONS:
        if wanted and lesson.id not in wanted:
            continue
        make(lesson, lesson.says, lesson.captions, SAMPLES / "v1" / lesson.id)
        if lesson.id == VERSION_2["id"]:
            says = lesson.says + VERSION_2["says"]
            more = {k: v + VERSION_2["captions"][k] for k, v in lesson.captions.items()}
            make(lesson, says, more, SAMPLES / "v2" / lesson.id)
    table(LESSONS, SAMPLES / "v1" / "lessons.csv")
    table([lesson for lesson in LESSONS if lesson.id == VERSION_2["id"]], SAMPLES / "v2" / "lessons.csv")


if __name__ == "__main__":
    main()
