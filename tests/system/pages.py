#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of every report in a real browser: stands alone, is well-formed, loads nothing, runs nothing, fits 360 and 1280 pixels, and can be read in
light and dark.

    tests/system/pages.py [--keep DIR]

Wants Chromium (Debian: chromium), which the project does not install; without one it says so and exits with 77. With --keep the pages and a
screenshot of each (light and dark, narrow and wide) stay in DIR for somebody to look at.
"""
import argparse, functools, html.parser, http.server, json, os, pathlib, re, shutil, subprocess, sys, tempfile, threading, xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Failed, check  # noqa: E402
from histories import History  # noqa: E402

WIDTHS = (360, 1280)
SCHEMES = {"light": 1, "dark": 0}  # blink's names for them
MORE_RULES = """
target "TAKEN" { measure = "acceptance_rate", side = "sales", at_least = 60 }
target "REASONS" { measure = "reasons_given", side = "sales", at_least = 90 }
"""
# Looks at every page in a frame of each width, from outside: the pages themselves run nothing.
LOOKER = """<!DOCTYPE html><meta charset="utf-8"><title>looker</title><body><script>
const found = {}, pages = PAGES, widths = WIDTHS;
function parse(color) { const c = color.match(/[\\d.]+/g).map(Number); return c.length > 3 && c[3] === 0 ? null : c; }
function light(c) { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; }
function contrast(a, b) { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); }
function behind(view, node) { for (; node && node.nodeType === 1; node = node.parentNode) { const c = parse(view.getComputedStyle(node).backgroundColor); if (c) return c; } return [255, 255, 255]; }
function look(frame) {
    const page = frame.contentDocument, view = frame.contentWindow, root = page.documentElement;
    const result = { scroll: root.scrollWidth, width: root.clientWidth, scripts: page.scripts.length, asked: view.performance.getEntriesByType("resource").map(e => e.name), pale: [], outside: [], paper: view.getComputedStyle(page.body).backgroundColor };
    for (const node of page.querySelectorAll("body *")) {
        const own = [...node.childNodes].some(n => n.nodeType === 3 && n.data.trim());
        if (!own || ["title", "desc", "style"].includes(node.tagName.toLowerCase())) continue;
        const style = view.getComputedStyle(node), is_svg = node.namespaceURI.endsWith("svg");
        const ink = parse(is_svg ? style.fill : style.color), ratio = contrast(ink, behind(view, is_svg ? node.ownerSVGElement : node));
        if (ratio < 4.5) result.pale.push(node.textContent.slice(0, 40) + " " + ratio.toFixed(2));
        const box = node.getBoundingClientRect();
        if (is_svg && (box.left < -1 || box.right > root.clientWidth + 1)) result.outside.push(node.textContent.slice(0, 60));
    }
    /* Words of one line of a plot must not lie over each other. */
    for (const plot of page.querySelectorAll("svg")) {
        const boxes = [...plot.querySelectorAll("text")].map(t => [t.getBoundingClientRect(), t.textContent]);
        for (let i = 0; i < boxes.length; i++) for (let k = i + 1; k < boxes.length; k++) {
            const [a, b] = [boxes[i][0], boxes[k][0]];
            if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4)
                result.outside.push("over each other: " + boxes[i][1] + " / " + boxes[k][1]);
        }
    }
    for (const mark of page.querySelectorAll("rect.v0, rect.v1, rect.v2")) {
        const ratio = contrast(parse(view.getComputedStyle(mark).fill), behind(view, mark.ownerSVGElement));
        if (ratio < 3) result.pale.push("a mark " + ratio.toFixed(2));
    }
    return result;
}
let waiting = pages.length * widths.length;
for (const page of pages) for (const width of widths) {
    const frame = document.createElement("iframe");
    frame.style.cssText = `width: ${width}px; height: 800px; border: 0`;
    frame.onload = () => { found[page + " " + width] = look(frame); if (--waiting === 0) { document.body.innerHTML = "<pre id=found></pre>"; document.getElementById("found").textContent = JSON.stringify(found); } };
    frame.src = page;
    document.body.append(frame);
}
</script>"""


# What must be noticed, or the looking is worth nothing.
BROKEN = """<!DOCTYPE html><html><head><title>broken</title></head><body style="background: #fff"><p style="color: #bbb">pale</p><div style="width: 2000px">wide</div>
<img src="beacon.png"><script>1</script><svg width="100%" height="40"><text x="98%" y="13">sticks out of the page</text><text x="0" y="30">one over</text><text x="9" y="31">the other</text></svg></body></html>"""


class Balanced(html.parser.HTMLParser):
    """Every element is closed, in order; nothing that could load or run."""
    VOID = {"meta", "link", "br", "hr", "img", "input"}
    LOADING = {"script", "link", "img", "iframe", "object", "embed", "video", "audio", "source", "form", "base"}

    def __init__(self, name):
        super().__init__()
        self.name, self.open, self.heads = name, [], 0

    def handle_starttag(self, tag, attributes):
        check(tag in self.LOADING, False, f"{self.name}: <{tag}>")
        for key, value in attributes:
            check(key.startswith("on") or key in ("src", "href", "xlink:href", "srcset", "action", "data"), False, f"{self.name}: {key} in <{tag}>")
            check("url(" in (value or "") or "javascript:" in (value or ""), False, f"{self.name}: {key}={value}")
        if tag == "th":
            check(dict(attributes).get("scope") in ("row", "col"), True, f"{self.name}: a th without scope")
        if tag == "svg":
            check(dict(attributes).get("role"), "img")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        check(self.open.pop() if self.open else None, tag, f"{self.name}: </{tag}>")


def pages_are_sound(directory, names):
    for name in names:
        text = (directory / f"{name}.html").read_text()
        parser = Balanced(name)
        parser.feed(text)
        parser.close()
        check(parser.open, [], name)
        root = xml.etree.ElementTree.fromstring(text.split("\n", 1)[1])
        style = root.find("head/style").text
        check("@import" in style or "url(" in style or "http" in style, False, name)
        check("default-src 'none'" in text, True, name)
        for plot in root.iter("svg"):
            ids = plot.get("aria-labelledby").split()
            check([ids[0], ids[1]], [plot.find("title").get("id"), plot.find("desc").get("id")], name)
        ids = [node.get("id") for node in root.iter() if node.get("id")]
        check(len(ids), len(set(ids)), f"{name}: an id twice")
        check("<2026>" in text, False, f"{name}: a name is not escaped")
        for width in re.findall(r'width="(-?[\d.]+|nan|inf)%"', text):
            check(0 <= float(width) <= 100, True, f"{name}: a bar of {width} %")


class Quiet(http.server.SimpleHTTPRequestHandler):
    asked = []

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()


def browser(path, profile, scheme, *arguments):
    command = [path, "--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
               "--disable-default-apps", "--disable-extensions", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--no-pings", "--disable-dev-shm-usage", f"--user-data-dir={profile}", f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
               *(["--no-sandbox"] if os.geteuid() == 0 else []), *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)


def they_can_be_read(path, directory, names, scheme):
    """In every width: nothing beside the page is asked for, nothing sticks out, nothing is too pale."""
    (directory / "broken.html").write_text(BROKEN)
    (directory / "looker.html").write_text(LOOKER.replace("PAGES", json.dumps([f"{name}.html" for name in [*names, "broken"]])).replace("WIDTHS", json.dumps(WIDTHS)))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(directory)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Quiet.asked = []
    done = browser(path, directory / "profile", scheme, "--virtual-time-budget=20000", "--dump-dom", f"http://127.0.0.1:{server.server_port}/looker.html")
    server.shutdown()
    server.server_close()
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.S)
    if not found:
        raise Failed(f"the browser shows nothing ({done.returncode}): {done.stdout[-500:]}{done.stderr[-1500:]}")
    found = json.loads(html.unescape(found.group(1)))
    for width in WIDTHS:
        broken = found.pop(f"broken.html {width}")
        check((broken["scripts"], len(broken["asked"]), broken["scroll"] > width, len(broken["pale"]), len(broken["outside"])), (1, 1, True, 1, 2), "what is broken is noticed")
    check(len(found), len(names) * len(WIDTHS))
    for key, result in found.items():
        width = int(key.split()[1])
        check((result["scripts"], result["asked"], result["width"]), (0, [], width), key)
        check(result["scroll"] <= width, True, f"{key}: {result['scroll']} pixels wide, sideways scrolling")
        check(result["pale"], [], f"{key}, {scheme}: too pale")
        check(result["outside"], [], f"{key}: beside the page or over each other")
        check(sum(map(int, re.findall(r"\d+", result["paper"])[:3])) < 200, scheme == "dark", f"{key}: {result['paper']} in {scheme}")
    check({a for a in Quiet.asked if a != "/favicon.ico"}, {"/looker.html", "/broken.html", "/beacon.png", *(f"/{name}.html" for name in names)})


def shoot(path, directory, names):
    for name in names:
        for scheme in SCHEMES:
            for width in WIDTHS:
                browser(path, directory / "profile", scheme, f"--window-size={width},2400", f"--screenshot={directory / f'{name}-{scheme}-{width}.png'}", (directory / f"{name}.html").as_uri())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", help="where pages and screenshots stay")
    keep = parser.parse_args().keep
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not path:
        print("no test of pages: there is no Chromium (Debian: apt-get install chromium)")
        return 77
    directory = pathlib.Path(keep or tempfile.mkdtemp(prefix="leadd-pages."))
    directory.mkdir(parents=True, exist_ok=True)
    try:
        done = browser(path, directory / "profile", "light", "--dump-dom", "about:blank")
        if "<html" not in done.stdout:
            print(f"no test of pages: {path} does not start here: {done.stderr.strip().splitlines()[-1:]}")
            return 77
        history = History(seed=5, days=24, more_rules=MORE_RULES)
        with history.d as d:
            history.live()
            names = []
            for line in d.ctl("report").stdout.splitlines():
                name = line.split()[0]
                d.ctl("report", name, "--since", "60d", "--html", directory / f"{name}.html")
                names.append(name)
            for by in ("source", "owner"):
                d.ctl("report", "funnel", "--since", "60d", "--by", by, "--html", directory / f"funnel-{by}.html")
                names.append(f"funnel-{by}")
            d.ctl("report", "funnel", "--since", "2020-01-01", "--until", "2020-01-02", "--html", directory / "empty.html")
        names.append("empty")
        print(f"- {len(names)} pages stand alone and are well-formed", flush=True)
        pages_are_sound(directory, names)
        for scheme in SCHEMES:
            print(f"- they can be read in {scheme}, narrow and wide, and ask for nothing", flush=True)
            they_can_be_read(path, directory, names, scheme)
        if keep:
            shoot(path, directory, names)
    finally:
        shutil.rmtree(directory / "profile", ignore_errors=True)
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)
    return 0


sys.exit(main())
