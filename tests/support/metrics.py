# SPDX-License-Identifier: MIT
"""Prometheus' text format 0.0.4, read strictly: whatever a scraper, or promtool, would frown at is an error. Where promtool is installed it is asked as well."""
import math, re, shutil, subprocess

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
UNITS = ("seconds", "bytes")


class Bad(ValueError):
    pass


def _sample(line):
    name = NAME.match(line)
    if not name:
        raise Bad(f"no name: {line!r}")
    rest, labels = line[name.end():], {}
    if rest.startswith("{"):
        at = 1
        while rest[at] != "}":
            label = LABEL.match(rest, at)
            if not label or label.group(1) in labels:
                raise Bad(f"bad or repeated label: {line!r}")
            labels[label.group(1)] = re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m.group(1), m.group(1)), label.group(2))
            at = label.end()
            if rest[at] == ",":
                at += 1
            elif rest[at] != "}":
                raise Bad(f"after a label: {line!r}")
        rest = rest[at + 1:]
    if not re.fullmatch(r" [0-9.e+-]+", rest):
        raise Bad(f"no plain value: {line!r}")
    return name.group(), labels, float(rest)


def parse(text):
    """{(name, ((label, value), ...)): number}. Families come once, with HELP before TYPE before their samples."""
    if not text.endswith("\n"):
        raise Bad("no newline at the end")
    series, types, helps, family = {}, {}, {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, name, help_text = line.split(" ", 3)
            if name in helps or not help_text.strip():
                raise Bad(f"HELP twice or empty: {name}")
            helps[name], family = help_text, name
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if name != family or name in types or kind not in ("counter", "gauge", "histogram"):
                raise Bad(f"TYPE out of place: {line}")
            types[name] = kind
        elif line.startswith("#") or not line:
            raise Bad(f"neither sample nor HELP nor TYPE: {line!r}")
        else:
            name, labels, value = _sample(line)
            base = re.sub(r"_(bucket|sum|count)$", "", name) if types.get(family) == "histogram" else name
            if base != family or family not in types:
                raise Bad(f"{name} stands under {family}")
            key = (name, tuple(sorted(labels.items())))
            if key in series or not math.isfinite(value):
                raise Bad(f"twice, or no number: {line}")
            if types[family] != "gauge" and value < 0:
                raise Bad(f"a counter below 0: {line}")
            series[key] = value
    for name, kind in types.items():
        if (kind == "counter") != name.endswith("_total"):
            raise Bad(f"{name} is a {kind}")
        if any(unit[:3] in name.split("_") for unit in UNITS) or "milliseconds" in name:
            raise Bad(f"{name}: not in base units")
        if kind == "histogram":
            _histogram(name, series)
    return series


def _histogram(name, series):
    buckets = [(float(dict(labels)["le"].replace("+Inf", "inf")), value) for (n, labels), value in series.items() if n == name + "_bucket"]
    if [b for b, _ in buckets] != sorted(b for b, _ in buckets) or buckets[-1][0] != math.inf:
        raise Bad(f"{name}: buckets out of order")
    if [v for _, v in buckets] != sorted(v for _, v in buckets) or series[name + "_count", ()] != buckets[-1][1]:
        raise Bad(f"{name}: buckets do not add up")


def ask_promtool(text):
    """What promtool says, "" = nothing; None = it is not here."""
    if not shutil.which("promtool"):
        return None
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode or done.stdout or done.stderr else ""


def counters(series):
    return {key: value for key, value in series.items() if key[0].endswith(("_total", "_bucket", "_sum", "_count"))}


if __name__ == "__main__":  # what it must refuse
    good = '# HELP a_total x\n# TYPE a_total counter\na_total{b="c"} 1\n'
    assert parse(good) == {("a_total", (("b", "c"),)): 1.0}
    for old, new in (("a_total{", "b_total{"), ("counter", "gauge"), (" 1\n", " NaN\n"), (" 1\n", " -1\n"), ('"c"', '"c\\d"'), ("} 1\n", "} 1"), ("# TYPE a_total counter\n", ""), ('{b="c"}', '{b="c",b="d"}')):
        try:
            parse(good.replace(old, new))
        except (Bad, IndexError):
            continue
        raise SystemExit(f"takes {good.replace(old, new)!r}")
