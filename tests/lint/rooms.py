#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A room includes base, worktime and earlier rooms only; nobody reaches past another room's front door; SQL stands in store alone."""
import pathlib, re, sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
ROOMS = re.search(r"^ROOMS = (.*)$", (TOP / "Makefile").read_text(), re.M).group(1).split()
DOORS = {room: room for room in ROOMS} | {"record": "intake", "leaks": "decide", "metrics": "report", "plans": "policy", "messages": "base"}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
SQL = re.compile(r'"[^"\n]*\b(SELECT\s.+\sFROM|INSERT\s+(OR\s+\w+\s+)?INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+(TABLE|INDEX)|PRAGMA\s+\w+)\b', re.I)
problems = []


def check(path, room):
    text = path.read_text()
    for include in INCLUDE.findall(text):
        where = f"{path.relative_to(TOP)}: includes {include}"
        if include.startswith("leadd/"):
            name = include.removeprefix("leadd/").removesuffix(".h")
            other = DOORS.get(name)
            if other is None:
                problems.append(f"{where}: no room has that front door")
            elif room in ROOMS and ROOMS.index(other) > ROOMS.index(room):
                problems.append(f"{where}: {other} comes after {room}")
        elif room in ROOMS and not (path.parent / include).exists():
            problems.append(f"{where}: a room includes its own files and front doors only")
    if room != "store":
        for number, line in enumerate(text.splitlines(), 1):
            if SQL.search(line):
                problems.append(f"{path.relative_to(TOP)}:{number}: SQL outside store")
    if path.suffix == ".c" and re.search(r"\bsetenv\s*\(", text):
        problems.append(f"{path.relative_to(TOP)}: setenv")
    if "SPDX-License-Identifier: MIT" not in text[:400]:
        problems.append(f"{path.relative_to(TOP)}: no SPDX line")


for header in sorted((TOP / "include/leadd").glob("*.h")):
    check(header, DOORS.get(header.stem, header.stem))
for source in sorted((TOP / "daemon").rglob("*.[ch]")):
    check(source, source.parent.name if source.parent.name in ROOMS else "top")
for room in (TOP / "daemon").iterdir():
    if room.is_dir() and room.name not in ROOMS + ["leadctl", "notifier", "mail"]:
        problems.append(f"daemon/{room.name}: not in the order of rooms (Makefile)")
wanted = {"daemon", "rules", "include", "tests", "contrib", "Makefile", "leadd.service", "README.md", "LICENSE", "CHANGELOG.md"}
for entry in TOP.iterdir():
    if entry.name not in wanted and not entry.name.startswith(".") and entry.name != "build":
        problems.append(f"{entry.name}: not part of the house (design: top level)")
print("\n".join(problems))
sys.exit(1 if problems else 0)
