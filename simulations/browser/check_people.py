#!/usr/bin/env python3
"""People on the pages of real nodes in a real browser: a school with HTTPS, a tablet, a family's laptop.

    check_people.py [--out DIR]      DIR keeps the pictures; without it they go with the temporary folder

The first administrator, classes, a table with mistakes, pictures and PIN, lockout, an assignment that the learner
sees, progress of a signed-in learner, cards on paper, a card at home; every page in every language and at both
widths. Needs target/debug/pishtar (or PISHTAR=path). Exit 1 if anything is not as people need it.
"""

import argparse
import json
import ssl
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

from browser import chromium, complaints
from check_pages import free_port, pishtar, publish, start
from screens import LANGUAGES, WIDTHS

PASSWORD = "një fjalë e gjatë"
TABLE = "name,surname,parent,municipality,phone\nIlir,Gashi,Besa,Peja,044 123 456\nVesa,9,Besa,Peja,77\n"
problems = []


def expect(true, what):
    """Notes what is not as it should be, and goes on."""
    print(("ok    " if true else "WRONG ") + what, flush=True)
    if not true:
        problems.append(what)


def fill(page, **fields):
    """Types into the fields of a form by their name."""
    for name, value in fields.items():
        page.fill(f"main [name={name}]", value)


def choose_pictures(page, names):
    """Taps one picture after another; the next row comes by itself."""
    for name in names:
        step = page.locator(".step:not([hidden])")
        step.locator(f"label:has(input[value={name}])").click()
        page.wait_for_timeout(250)


def first_administrator(page, url, data):
    """Types the code of the console and becomes the administrator."""
    code = pishtar("school", "code", "--data", data).split()[-1]
    page.goto(f"{url}/sign-in?lang=en")
    page.click("text=The first administrator")
    fill(page, code=code, login="Drita", password=PASSWORD)
    page.click("main button.button")
    expect(page.url == f"{url}/school", "the code makes the first administrator")


def enrol(page, url):
    """A class, a teacher, one learner by hand and a table with mistakes in it."""
    fill(page, school="Shkolla Dardania", municipality="Prishtinë")
    page.click("form[action='/school/about'] button")
    page.fill("#new-class", "6A")
    page.click("form[action='/school/classes'] button")
    page.fill("#login", "Blerta")
    page.fill("#password", PASSWORD)
    page.check("form[action='/school/teachers'] input[value='6A']")
    page.click("form[action='/school/teachers'] > .row button")
    expect(page.locator("text=Blerta").first.is_visible(), "a teacher has an account")
    page.goto(f"{url}/class/6A/register")
    fill(page, name="Arta", surname="Krasniqi", parent="Besa", phone="12")
    page.click("main button.button")
    expect(page.input_value("[name=name]") == "Arta", "nothing typed is lost")
    expect(page.get_attribute("[name=phone]", "aria-invalid") == "true", "the fault stands beside its field")
    fill(page, phone="044 123 456")
    page.click("main button.button")
    expect(page.locator(".note.good").count() == 1, "a learner is registered")
    page.goto(f"{url}/school/upload")
    page.set_input_files("#table", {"name": "class.csv", "mimeType": "text/csv", "buffer": TABLE.encode()})
    page.fill("#class", "6A")
    page.click("main button.button")
    expect(page.locator("td:text-is('3')").count() == 2, "two faults are told, with their row")


def correct_table(page):
    """The table again, corrected: looked at, then taken."""
    page.fill("#text", TABLE.replace(",9,", ",Hoti,").replace(",77", ","))
    page.click("main button.button >> nth=-1")
    page.click("main section button.button")
    expect("2 learners were registered" in page.inner_text("main"), "the corrected table is taken")


def secrets(page, url, ids):
    """Pictures for one learner, a PIN for another, set by the teacher."""
    page.goto(f"{url}/learner/{ids['Arta']}")
    page.click("summary:has-text('Give pictures')")
    choose_pictures(page, ["cat", "sun", "cat", "boat"])
    page.click("details form.enter button.button")
    expect(page.locator(".note.good").count() == 1, "pictures are set")
    page.goto(f"{url}/learner/{ids['Ilir']}")
    page.click("summary:has-text('Give a PIN')")
    page.fill("#pin", "4071")
    page.click("details[open] button.button")
    expect("Signs in with a PIN" in page.inner_text("main"), "a PIN is set")


def assign(page, url):
    """The first lesson that is offered, with a day."""
    page.goto(f"{url}/class/6A")
    page.select_option("#lesson", "ministry/math-6-sq/thyesat")
    page.fill("#due", "2027-01-15")
    page.click("form[action$='/assign'] button")
    expect(page.locator(".glance thead th").count() == 3, "the assignment has a column")


def learner_by_pictures(browser, url, out):
    """A child on a phone: class, name, pictures; sees the assignment, watches, and it counts."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, device_scale_factor=2)
    page = context.new_page()
    found = complaints(page)
    page.goto(f"{url}/sign-in?lang=en")
    page.click("text=6A")
    page.click("text=Arta K.")
    page.screenshot(path=str(out / "pictures-phone.png"))
    choose_pictures(page, ["cat", "sun", "cat", "boat"])
    page.click("main button.button")
    expect("Hello, Arta!" in page.inner_text("h1"), "pictures let a learner in")
    expect("by 2027-01-15" in page.inner_text("main"), "the learner sees what is assigned")
    page.click(".works a")
    page.evaluate("document.getElementById('player').muted = true; document.getElementById('player').play()")
    page.wait_for_timeout(3000)
    page.evaluate("document.getElementById('player').pause()")
    page.wait_for_selector("#saved.ok", timeout=15000)
    expect(True, "a signed-in learner's progress is saved")
    expect(page.locator("#who[open]").count() == 0, "nobody asks a signed-in learner for a name")
    page.goto(f"{url}/sign-in/staff")
    page.goto(f"{url}/me")
    page.click("text=Sign out")
    expect(page.goto(f"{url}/me").status == 401, "signed out is signed out")
    expect(not [text for text in found if "401" not in text], f"no complaints: {found}")
    context.close()


def seen_by_the_teacher(page, url):
    """What the learner watched stands in the class's table soon afterwards."""
    for _ in range(20):
        page.goto(f"{url}/class/6A?lang=en")
        cell = page.locator(".glance tr:has-text('Arta') .cell small")
        if cell.inner_text() != "–":
            break
        page.wait_for_timeout(500)
    expect("%" in cell.inner_text() or "✓" in cell.inner_text(), "the teacher sees what the learner watched")


def lockout(browser, url):
    """Five wrong PINs, then even the right one has to wait."""
    context = browser.new_context()
    page = context.new_page()
    for pin in ["4070", "4072", "4073", "4074", "4075", "4071"]:
        page.goto(f"{url}/sign-in?class=6A&lang=en")
        page.click("text=Ilir G.")
        page.fill("#pin", pin)
        page.click("main button.button")
    expect("Too many wrong tries" in page.inner_text(".note"), "five wrong PINs lock the account")
    context.close()


def at_home(browser, home, card, out):
    """A family's laptop takes the card in behind a PIN, and asks who is learning."""
    context = browser.new_context()
    page = context.new_page()
    found = complaints(page)
    page.goto(f"{home}/sign-in/card?lang=en#{urllib.parse.quote(card)}")
    expect(page.input_value("#card") == card and "#" not in page.url, "a card's link fills the field")
    fill(page, label="Arta", pin="2580")
    page.click("main button.button")
    expect("Hello, Arta!" in page.inner_text("h1"), "a card lets in at home")
    page.screenshot(path=str(out / "home-me.png"))
    page.click("text=Sign out")
    page.goto(f"{home}/sign-in/card?lang=en")
    page.click("text=Arta")
    page.fill("#pin", "2580")
    page.click("main button.button")
    expect("Hello, Arta!" in page.inner_text("h1"), "from then on the PIN is enough")
    expect(not found, f"no complaints at home: {found}")
    context.close()


def look(browser, url, states, ids, out):
    """Every page in every language at both widths: no sideways scrolling, one h1, the right lang, no errors."""
    staff = ["/school", "/school/upload", "/classes", "/class/6A", "/class/6A/register", "/class/6A/cards"]
    staff += [f"/learner/{ids['Arta']}", f"/learner/{ids['Ilir']}/erase"]
    open_to_all = ["/sign-in", "/sign-in?class=6A", f"/sign-in?class=6A&learner={ids['Arta']}", "/sign-in/card"]
    open_to_all += ["/sign-in/staff", "/connection"]
    for who, paths in {"nobody": open_to_all, "drita": staff, "arta": ["/me", "/who"]}.items():
        for width, (wide, high) in WIDTHS.items():
            scale = 2 if width == "phone" else 1
            context = browser.new_context(
                viewport={"width": wide, "height": high}, storage_state=states.get(who), device_scale_factor=scale
            )
            for lang in LANGUAGES:
                for path in paths:
                    look_at(context, url, path, lang, width, out)
            context.close()


def look_at(context, url, path, lang, width, out):
    """One page."""
    page = context.new_page()
    found = complaints(page)
    answer = page.goto(f"{url}{path}{'&' if '?' in path else '?'}lang={lang}")
    if answer.status != 200:
        found.append(f"status {answer.status}")
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append("scrolls sideways")
    if page.evaluate("document.documentElement.lang") != lang:
        found.append("wrong lang attribute")
    if page.locator("h1").count() != 1:
        found.append(f"{page.locator('h1').count()} h1 headings")
    name = path.strip("/").split("&")[0].replace("/", "-").replace("?", "-")
    page.screenshot(path=str(out / f"people-{name[:40]}-{lang}-{width}.png"), full_page=True)
    if found:
        expect(False, f"{path} {lang} {width}: {found}")
    page.close()


def over_https(url):
    """Whoever added the node's certificate gets the same pages over HTTPS on the same port."""
    with urllib.request.urlopen(f"{url}/connection/ca.crt", timeout=10) as answer:
        trusted = ssl.create_default_context(cadata=answer.read().decode())
    secure = url.replace("http:", "https:")
    with urllib.request.urlopen(f"{secure}/connection?lang=en", context=trusted, timeout=10) as answer:
        expect("This connection is safe" in answer.read().decode(), "HTTPS works with the node's own certificate")


def print_cards(page, url, out):
    """The cards as a printer gets them: eight to a page of A4."""
    page.goto(f"{url}/class/6A/cards?lang=en")
    page.emulate_media(media="print")
    page.pdf(path=str(out / "cards.pdf"), prefer_css_page_size=True)
    page.emulate_media(media="screen")
    text = (out / "cards.pdf").read_bytes()
    expect(text.count(b"/Type /Page\n") + text.count(b"/Type /Page ") in (0, 1), "three cards are one sheet")
    return page.inner_text(".learner-card:has-text('Arta') .typed").replace(" ", "")


def certify(folder, data):
    """The school makes its keys, and the ministry lists it."""
    name, workshop = "sq=Shkolla Dardania", folder / "ministry"
    data.mkdir(parents=True)
    pishtar("school", "init", "--data", data, "--id", "shkolla-1", "--name", name, "--to", folder / "stick")
    root = folder / "stick/shkolla-1.1.root.json"
    pishtar("ministry", "publisher", "add", workshop, "--id", "shkolla-1", "--name", name, "--root", root)
    pishtar("ministry", "sign", workshop)
    pishtar("ministry", "publish", workshop)


def school(browser, folder, published, out):
    """The whole story: a school's node, a phone, a family's laptop."""
    data = folder / "school/node"
    certify(folder, data)
    node, url = start(folder / "school", published, free_port())
    family = None
    try:
        context = browser.new_context()
        page = context.new_page()
        found = complaints(page)
        first_administrator(page, url, data)
        enrol(page, url)
        correct_table(page)
        page.goto(f"{url}/class/6A")
        links = page.locator(".glance tbody th a")
        ids = {link.inner_text().split()[-1]: link.get_attribute("href").split("/")[-1] for link in links.all()}
        secrets(page, url, ids)
        assign(page, url)
        learner_by_pictures(browser, url, out)
        seen_by_the_teacher(page, url)
        lockout(browser, url)
        over_https(url)
        states = {"drita": context.storage_state(), "arta": arta_signed_in(browser, url)}
        look(browser, url, states, ids, out)
        card = print_cards(page, url, out)
        (folder / "home").mkdir()
        family, home = start(folder / "home", published, free_port())
        at_home(browser, home, card, out)
        found = [text for text in found if "422" not in text]
        expect(not found, f"no complaints: {found}")
    finally:
        for process in filter(None, [node, family]):
            process.terminate()
            process.wait(timeout=30)
    for log in [folder / "school/node.log", folder / "home/node.log"]:
        text = log.read_text(encoding="utf-8")
        # Of the telephone its long forms: three digits stand in any time stamp.
        people = ["Arta", "Krasniqi", "Ilir", "Gashi", "Besa", "Drita", "044 123 456", "44123456"]
        named = [name for name in people if name in text]
        expect(not named, f"{log.parent.name}: the log holds no names {named}")


def arta_signed_in(browser, url):
    """The state of a browser in which Arta is signed in as on a family's device."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/sign-in?class=6A&lang=en")
    page.click("text=Arta K.")
    choose_pictures(page, ["cat", "sun", "cat", "boat"])
    page.check("[name=family]")
    page.click("main button.button")
    state = context.storage_state()
    context.close()
    return state


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pishtar-people-") as name:
        folder = Path(name)
        out = options.out or folder / "pictures"
        out.mkdir(parents=True, exist_ok=True)
        published = publish(folder)
        with chromium() as browser:
            school(browser, folder, published, out)
    print(json.dumps({"problems": problems}, ensure_ascii=False))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
