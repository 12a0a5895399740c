"""HTML for slides and worksheets. One page holds all slides of a lesson, one below the other."""

import drawings

WIDTH, HEIGHT = 1280, 720

TORCH = (
    '<svg viewBox="0 0 40 64" width="{w}"><path d="M20 2c8 10 13 15 11 24a11 11 0 0 1-22 0c-1-7 6-9 5-16 3 3 5 3 6-8z" fill="#F97316"/>'
    '<path d="M20 20c4 5 6 7 5 11a5 5 0 0 1-10 0c-1-4 4-5 5-11z" fill="#FBBF24"/>'
    '<path d="M11 38h18l-2 6H13z" fill="#C2410C"/><path d="M14 46h12l-3 17h-6z" fill="#7C2D12"/></svg>'
)

STYLE = """
* { box-sizing: border-box; margin: 0 }
body { font-family: Inter, 'DejaVu Sans', sans-serif; color: #2A2140 }
.slide { width: 1280px; height: 720px; position: relative; overflow: hidden; padding: 62px 72px;
  background: radial-gradient(900px 620px at 100% 0, #FFE9B8 0, transparent 70%), linear-gradient(160deg, #FFFBF2, #FFF3DC) }
.tag { display: flex; align-items: center; gap: 16px; font-size: 27px; font-weight: 600; color: #9A3412 }
h1 { font-size: 46px; line-height: 1.12; margin-top: 26px; width: 498px; letter-spacing: -.02em; font-weight: 800 }
p { font-size: 33px; line-height: 1.36; margin-top: 30px; width: 470px; color: #4A3F63; font-weight: 500 }
.art { position: absolute; right: 64px; top: 92px; width: 640px; height: 520px }
.dots { position: absolute; left: 72px; bottom: 50px; display: flex; gap: 12px }
.dots i { width: 38px; height: 8px; border-radius: 4px; background: #F3D9A6 } .dots i.on { background: #F97316 }
.name { position: absolute; right: 72px; bottom: 40px; font-size: 22px; font-weight: 700; color: #C2410C }
"""

SHEET_STYLE = """
@page { size: A4; margin: 20mm } body { font-family: Inter, 'DejaVu Sans', sans-serif; color: #222; font-size: 13pt }
h1 { font-size: 25pt; color: #9A3412; border-bottom: 4px solid #F97316; padding-bottom: 8px }
.who { margin: 20px 0 26px; color: #555 } li { margin-bottom: 12px; line-height: 1.45 }
.box { height: 116px; border: 1.5px dashed #D9B77A; border-radius: 10px; margin: 10px 0 20px }
footer { color: #888; font-size: 9pt; border-top: 1px solid #ddd; padding-top: 8px }
"""

WHO = {"sq": "Emri: ", "sr": "Име: ", "en": "Name: "}


def slides(lesson, says):
    """All slides of a lesson as one tall HTML page, in the order of the sentences."""
    draw = getattr(drawings, lesson.drawing)
    body = ""
    for step, sentence in enumerate(says):
        dots = "".join(f'<i class="{"on" if i <= step else ""}"></i>' for i in range(len(says)))
        body += (
            f'<section class="slide"><div class="tag">{TORCH.format(w=26)}{lesson.tag}</div>'
            f"<h1>{lesson.title[lesson.language]}</h1><p>{sentence}</p>"
            f'<svg class="art" viewBox="0 0 640 520">{draw(step)}</svg>'
            f'<div class="dots">{dots}</div><div class="name">Pishtar</div></section>'
        )
    return f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style>{body}'


def worksheet(lesson):
    """The lesson's worksheet, one A4 page."""
    items = "".join(f'<li>{task}<div class="box"></div></li>' for task in lesson.worksheet)
    return (
        f'<!doctype html><html lang="{lesson.language}"><meta charset="utf-8"><title>{lesson.worksheet_title}</title>'
        f"<style>{SHEET_STYLE}</style><h1>{lesson.worksheet_title}</h1>"
        f'<p class="who">{WHO[lesson.language]}……………………………………</p><ol>{items}</ol>'
        f"<footer>Pishtar · {lesson.code} · CC0 1.0</footer></html>"
    )
