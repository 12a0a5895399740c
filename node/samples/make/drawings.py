"""Drawings for the slides: each function returns SVG for one step of a lesson (canvas 640 x 520)."""

import math

INK, AMBER, ORANGE, RED = "#2A2140", "#FBBF24", "#F97316", "#C2410C"
BLUE, SKY, GREEN, CREAM = "#2563EB", "#BFE3FB", "#15803D", "#FFF7E8"


def _text(x, y, s, size=34, fill=INK, weight=700, anchor="middle"):
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{fill}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{s}</text>'
    )


def _arrow(x1, y1, x2, y2, colour=INK, width=7):
    a = math.atan2(y2 - y1, x2 - x1)
    tips = [(x2 - 22 * math.cos(a + d), y2 - 22 * math.sin(a + d)) for d in (0.5, -0.5)]
    head = f"{x2},{y2} {tips[0][0]:.0f},{tips[0][1]:.0f} {tips[1][0]:.0f},{tips[1][1]:.0f}"
    bx, by = x2 - 14 * math.cos(a), y2 - 14 * math.sin(a)
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{bx:.0f}" y2="{by:.0f}" stroke="{colour}" '
        f'stroke-width="{width}" stroke-linecap="round"/><polygon points="{head}" fill="{colour}"/>'
    )


def _slice(cx, cy, r, a0, a1, fill):
    p = [(cx + r * math.cos(a), cy + r * math.sin(a)) for a in (a0, a1)]
    return (
        f'<path d="M{cx},{cy} L{p[0][0]:.1f},{p[0][1]:.1f} A{r},{r} 0 0 1 {p[1][0]:.1f},{p[1][1]:.1f} Z" '
        f'fill="{fill}" stroke="#fff" stroke-width="6" stroke-linejoin="round"/>'
    )


def _fraction(x, y, top, bottom, hot=None):
    shade = lambda part: RED if hot in (part, "both") else INK
    return (
        _text(x, y - 18, top, 96, shade("top"), 800)
        + f'<line x1="{x-52}" y1="{y+8}" x2="{x+52}" y2="{y+8}" stroke="{INK}" stroke-width="9" stroke-linecap="round"/>'
        + _text(x, y + 98, bottom, 96, shade("bottom"), 800)
    )


def pie(step):
    """A pie cut in four; numerator and denominator."""
    taken = [0, 0, 1, 1, 1, 3, 2, 2][step]
    cx, cy, r = 230, 265, 200
    out = f'<circle cx="{cx}" cy="{cy}" r="{r+14}" fill="#E7C58B"/><circle cx="{cx}" cy="{cy}" r="{r}" fill="{AMBER}"/>'
    if step >= 1 and step != 6:
        for i in range(4):
            fill = ORANGE if i < taken else "#FCD97B"
            out += _slice(cx, cy, r, math.pi / 2 * (i - 1), math.pi / 2 * i, fill)
    if step == 6:
        out += _slice(cx, cy, r, -math.pi / 2, math.pi / 2, ORANGE) + _text(540, 300, "?", 150, RED, 800)
    elif step == 7:
        out += _fraction(480, 265, 1, 2) + _text(548, 300, "=", 64) + _fraction(610, 265, 2, 4, "both")
    elif step >= 2:
        out += _fraction(540, 265, [0, 0, 1, 1, 1, 3][step], 4, {3: "bottom", 4: "top", 5: "both"}.get(step))
    return out


def triangle(step):
    """A triangle whose corners come together on a straight line."""
    a, b, c = (70, 330), (560, 330), (250, 60)
    colours, names = [ORANGE, BLUE, GREEN], ["α", "β", "γ"]
    corners = [a, b, c]
    out = f'<polygon points="{a[0]},{a[1]} {b[0]},{b[1]} {c[0]},{c[1]}" fill="#FFE7B5" stroke="{INK}" stroke-width="8" stroke-linejoin="round"/>'
    widths = []
    for i, p in enumerate(corners):
        q, s = corners[(i + 1) % 3], corners[(i + 2) % 3]
        t0, t1 = (math.atan2(k[1] - p[1], k[0] - p[0]) for k in (q, s))
        d = (t1 - t0) % (2 * math.pi)
        if d > math.pi:
            t0, d = t1, 2 * math.pi - d
        widths.append(d)
        if step >= 2 or step == 1:
            out += _slice(p[0], p[1], 66, t0, t0 + d, colours[i] if step >= 2 else "#F3C98B")
        if step >= 2:
            m = t0 + d / 2
            out += _text(p[0] + 100 * math.cos(m), p[1] + 100 * math.sin(m) + 14, names[i], 42, colours[i])
    if 3 <= step <= 5:
        angle = math.pi
        for i in (0, 2, 1):
            out += _slice(320, 490, 88, angle, angle + widths[i], colours[i])
            angle += widths[i]
        if step >= 4:
            out += f'<line x1="180" y1="492" x2="460" y2="492" stroke="{RED}" stroke-width="8" stroke-linecap="round"/>'
            out += _text(545, 505, "180°", 46, RED, 800)
        if step == 5:
            out += _text(100, 505, "α+β+γ", 38)
    if step == 6:
        out += _text(320, 480, "60° + 60° + ? = 180°", 48, RED, 800)
    return out


def water(step):
    """Sea, sun, vapour, cloud, rain, river."""
    hot = lambda n: step >= n
    out = f'<rect x="0" y="0" width="640" height="520" rx="34" fill="{SKY}"/>'
    out += '<path d="M330,420 L470,190 L540,270 L640,150 L640,486 Q640,520 606,520 L330,520 Z" fill="#7BA35B"/>'
    out += '<path d="M470,190 L440,240 L472,228 L498,246 L508,233 Z" fill="#fff"/>'
    out += '<path d="M0,390 Q60,372 120,390 T240,390 T380,404 L400,520 L34,520 Q0,520 0,486 Z" fill="#2F7FD1"/>'
    sun = AMBER if hot(1) else "#F3E3B0"
    rays = "".join(
        f'<line x1="{95+62*math.cos(k)}" y1="{95+62*math.sin(k)}" x2="{95+84*math.cos(k)}" y2="{95+84*math.sin(k)}" stroke="{sun}" stroke-width="9" stroke-linecap="round"/>'
        for k in [i * math.pi / 5 for i in range(10)]
    )
    out += f'<circle cx="95" cy="95" r="48" fill="{sun}"/>{rays}'
    if hot(2):
        for x in (90, 160, 230):
            out += _arrow(x, 370, x + 14, 225, RED, 8)
    if hot(3):
        out += '<g fill="#fff"><circle cx="270" cy="120" r="50"/><circle cx="335" cy="95" r="66"/><circle cx="405" cy="122" r="52"/><rect x="262" y="118" width="150" height="56" rx="28"/></g>'
    if hot(4):
        for i, x in enumerate((300, 345, 390, 435)):
            out += f'<line x1="{x}" y1="{196+(i%2)*14}" x2="{x-12}" y2="{240+(i%2)*14}" stroke="{BLUE}" stroke-width="8" stroke-linecap="round"/>'
    if hot(5):
        out += '<path d="M520,262 Q470,330 500,370 T400,430 T350,470" fill="none" stroke="#2F7FD1" stroke-width="22" stroke-linecap="round"/>'
        out += _arrow(452, 405, 384, 440, "#fff", 6)
    return out


def letters(step):
    """Two big letters with a picture each."""
    e_hot, c_hot = step in (0, 1, 2, 5, 6), step in (0, 3, 4, 5, 6)
    card = lambda x, on: f'<rect x="{x}" y="20" width="290" height="330" rx="36" fill="{AMBER if on else "#F1E6D0"}"/>'
    out = card(10, e_hot) + card(340, c_hot)
    out += _text(155, 265, "Ë ë", 150, INK if e_hot else "#B9AA90", 800)
    out += _text(485, 250, "Ç ç", 150, INK if c_hot else "#B9AA90", 800)
    words = {2: [(155, "ëndërr")], 4: [(485, "çantë")]}
    for x, w in words.get(step, []):
        out += _text(x, 455, w, 72, RED, 800)
    if step == 5:
        out += _text(155, 420, "nënë", 60, RED) + _text(155, 495, "zemër", 60, RED)
        out += _text(485, 420, "çadër", 60, RED) + _text(485, 495, "çelës", 60, RED)
    if step == 6:
        for y in (400, 440, 480):
            out += f'<line x1="40" y1="{y}" x2="600" y2="{y}" stroke="#C9B68F" stroke-width="4"/>'
        out += _text(320, 436, "ë  ç  ë  ç  ë  ç", 60, BLUE, 600)
    return out


def chocolate(step):
    """Bars cut in two, three, four."""
    bars = {0: [1], 1: [2], 2: [2], 3: [2, 3], 4: [2, 3, 4], 5: [2, 3, 4], 6: [3, 4]}[step]
    names = {2: "1/2", 3: "1/3", 4: "1/4"}
    out, h = "", 118
    top = (520 - len(bars) * (h + 32) + 32) / 2
    for row, n in enumerate(bars):
        y, w = top + row * (h + 32), 480 / n
        for i in range(n):
            on = n > 1 and i == 0 and step >= 2
            out += f'<rect x="{8+i*(w+4):.0f}" y="{y:.0f}" width="{w-6:.0f}" height="{h}" rx="16" fill="{ORANGE if on else "#6B3E26"}"/>'
            out += f'<rect x="{20+i*(w+4):.0f}" y="{y+12:.0f}" width="{w-30:.0f}" height="{h-24}" rx="10" fill="none" stroke="#fff" stroke-opacity=".28" stroke-width="4"/>'
        if n > 1 and step >= 2:
            out += _text(572, y + h / 2 + 22, names[n] if step != 6 else names[n] + "?", 58, RED, 800)
    return out


def earth(step):
    """The Sun and a half-lit Earth."""
    out = '<rect width="640" height="520" rx="34" fill="#1B1838"/>'
    for x, y in ((60, 70), (180, 440), (300, 60), (560, 80), (600, 300), (420, 470), (250, 150), (90, 480)):
        out += f'<circle cx="{x}" cy="{y}" r="3" fill="#fff"/>'
    if step >= 1:
        out += f'<circle cx="60" cy="260" r="118" fill="{AMBER}" opacity=".25"/>'
        for y in (180, 260, 340):
            out += _arrow(175, y, 275, y, AMBER, 7)
    out += f'<circle cx="60" cy="260" r="86" fill="{AMBER}"/>'
    cx, cy, r = 440, 260, 150
    out += f'<circle cx="{cx}" cy="{cy}" r="{r}" fill="#3B82F6"/>'
    out += f'<g fill="#4FA35A"><path d="M350,180 q60,-40 90,10 t-30,70 q-60,20 -60,-80Z"/><path d="M470,290 q70,-30 80,20 t-70,60 q-40,-20 -10,-80Z"/></g>'
    if step >= 1:
        out += f'<path d="M{cx},{cy-r} A{r},{r} 0 0 1 {cx},{cy+r} Z" fill="#0B0A20" opacity=".66"/>'
    out += f'<line x1="{cx-34}" y1="{cy-r-44}" x2="{cx+34}" y2="{cy+r+44}" stroke="#fff" stroke-width="5" stroke-dasharray="12 9"/>'
    if step in (2, 5, 6):
        out += _text(cx - 74, cy + 14, "ДАН", 46, "#fff", 800)
    if step in (3, 5, 6):
        out += _text(cx + 76, cy + 14, "НОЋ", 46, AMBER, 800)
    if step in (0, 4, 5):
        out += f'<path d="M{cx-110},{cy+172} Q{cx},{cy+222} {cx+116},{cy+166}" fill="none" stroke="{ORANGE}" stroke-width="8"/>'
        out += _arrow(cx + 96, cy + 178, cx + 124, cy + 158, ORANGE, 8)
    if step == 4:
        out += _text(cx, cy + 26, "24 h", 84, "#fff", 800)
    return out


def map(step):
    """A village map with compass, legend and scale."""
    out = '<rect width="640" height="520" rx="34" fill="#DDEBC4"/>'
    out += '<path d="M80,0 Q150,140 90,260 T150,520" fill="none" stroke="#60A5FA" stroke-width="34"/>'
    out += '<path d="M0,400 Q200,330 330,380 T640,300" fill="none" stroke="#fff" stroke-width="16"/>'
    for x, y in ((250, 90), (290, 130), (220, 140), (270, 170)):
        out += f'<circle cx="{x}" cy="{y}" r="28" fill="{GREEN}" opacity=".75"/>'
    out += f'<g fill="{RED}"><rect x="392" y="250" width="74" height="56"/><polygon points="380,252 429,206 478,252" fill="{INK}"/></g>'
    if step in (1, 2):
        cx, cy = 530, 110
        out += f'<circle cx="{cx}" cy="{cy}" r="66" fill="#fff"/><polygon points="{cx},{cy-52} {cx+16},{cy} {cx-16},{cy}" fill="{RED}"/><polygon points="{cx},{cy+52} {cx+16},{cy} {cx-16},{cy}" fill="{INK}"/>'
        out += _text(cx, cy - 74, "N", 40, RED, 800)
        if step == 2:
            out += _text(cx, cy + 104, "S", 40) + _text(cx + 84, cy + 14, "E", 40) + _text(cx - 84, cy + 14, "W", 40)
    if step == 3:
        out += '<rect x="410" y="20" width="210" height="170" rx="22" fill="#fff"/>'
        rows = (("#60A5FA", "river"), (GREEN, "wood"), (RED, "school"))
        for i, (c, w) in enumerate(rows):
            out += f'<rect x="432" y="{42+i*48}" width="36" height="30" rx="8" fill="{c}"/>' + _text(486, 68 + i * 48, w, 30, INK, 600, "start")
    if step >= 4:
        out += '<rect x="200" y="430" width="390" height="76" rx="20" fill="#fff"/>'
        for i in range(4):
            x = 250 + i * 90
            out += f'<line x1="{x}" y1="448" x2="{x}" y2="474" stroke="{INK}" stroke-width="5"/>' + _text(x, 500, f"{i}", 24, INK, 600)
        out += f'<line x1="250" y1="461" x2="520" y2="461" stroke="{INK}" stroke-width="6"/>' + _text(558, 500, "km", 24, INK, 600)
    if step == 5:
        out += f'<line x1="250" y1="461" x2="340" y2="461" stroke="{RED}" stroke-width="12"/>' + _text(472, 120, "1 cm = 1 km", 46, RED, 800)
    if step == 6:
        out += f'<line x1="130" y1="278" x2="384" y2="278" stroke="{RED}" stroke-width="8" stroke-dasharray="18 12"/>' + _text(258, 250, "3 cm = ?", 46, RED, 800)
    return out


def colours(step):
    """Five things in five colours; the spoken one is shown large."""
    things = {
        1: (AMBER, '<circle cx="0" cy="0" r="95" fill="#FBBF24"/>' + "".join(
            f'<line x1="{120*math.cos(k):.0f}" y1="{120*math.sin(k):.0f}" x2="{155*math.cos(k):.0f}" y2="{155*math.sin(k):.0f}" stroke="#FBBF24" stroke-width="18" stroke-linecap="round"/>'
            for k in [i * math.pi / 6 for i in range(12)]), "yellow"),
        2: (GREEN, '<path d="M-120,90 Q-130,-110 120,-120 Q130,110 -90,100 Z" fill="#16A34A"/><path d="M-130,130 Q-40,20 80,-80" stroke="#0F6B33" stroke-width="10" fill="none"/>', "green"),
        3: (BLUE, '<rect x="-170" y="-120" width="340" height="240" rx="40" fill="#38A3F5"/><g fill="#fff"><circle cx="-40" cy="20" r="40"/><circle cx="20" cy="-4" r="52"/><circle cx="74" cy="24" r="38"/><rect x="-50" y="20" width="130" height="42" rx="21"/></g>', "blue"),
        4: ("#DC2626", '<path d="M0,-70 C-60,-120 -150,-70 -130,30 C-110,130 -40,140 0,118 C40,140 110,130 130,30 C150,-70 60,-120 0,-70Z" fill="#DC2626"/><path d="M0,-74 Q6,-120 34,-140" stroke="#5B3A1E" stroke-width="14" fill="none" stroke-linecap="round"/><path d="M14,-104 Q70,-150 96,-104 Q50,-84 14,-104Z" fill="#16A34A"/>', "red"),
        5: (ORANGE, '<path d="M0,-150 C70,-60 110,-10 90,60 A92,92 0 0 1 -90,60 C-100,0 -40,-20 -44,-84 C-20,-60 -6,-60 0,-150Z" fill="#F97316"/><path d="M0,0 C34,40 46,60 36,92 A40,40 0 0 1 -38,92 C-46,60 -10,50 0,0Z" fill="#FBBF24"/>', "orange"),
    }
    if step in things:
        colour, shape, word = things[step]
        return f'<g transform="translate(320,200)">{shape}</g>' + _text(320, 470, word, 96, colour, 800)
    out = ""
    for i in range(1, 6):
        x, y = [(110, 150), (320, 150), (530, 150), (215, 380), (425, 380)][i - 1]
        out += f'<g transform="translate({x},{y}) scale(.55)">{things[i][1]}</g>'
    return out
