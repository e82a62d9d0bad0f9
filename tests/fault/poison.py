#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A record that kills the daemon three times is set aside, and the rest of its file is judged.
Run on the breakable build, which aborts on the record whose id is "poison"; the plain build judges it like any other."""
import json, pathlib, subprocess, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import TOP, Daemon, Failed, check, lead, main, wait_for  # noqa: E402

LINES = "".join(json.dumps(lead(f"p{i}@example.com", id="poison" if i == 3 else f"n{i}")) + "\n" for i in range(6))


def a_record_that_kills_three_times_is_set_aside():
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(TOP), "-j2", "BREAKABLE=1", "BUILD=build/breakable", "OPTIMIZE=-O0", "build/breakable/leadd"], check=True)
    d = Daemon(clock="2026-03-05T10:00:00+01:00", leadd=TOP / "build/breakable/leadd")
    d.drop("web", "six.ndjson", LINES)
    deaths = 0
    while deaths < 10:
        d.start(wait=False, environment={"LEADD_BREAK": "crash"})
        try:
            wait_for(lambda: d.is_ready() and not d.waiting() and d.json("status")["files_waiting"] == 0, "the spool to be empty", 20)
            break
        except (Failed, ValueError):
            check(d.process.wait(20) < 0, True, "the daemon died of a signal")
            deaths += 1
    check(deaths, 3)
    check(d.json("status")["accepted"], 5)
    found = [json.loads(line) for line in (d.spool / "held/web/six.ndjson.rejects.ndjson").read_text().splitlines()]
    check([(r["index"], r["reason"]) for r in found], [(4, "poison")])
    check(d.stop(), 0)
    d.replay()


def the_plain_build_judges_it():
    with Daemon(clock="2026-03-05T10:00:00+01:00") as d:
        d.drop("web", "six.ndjson", LINES)
        d.settle()
        check(d.json("status")["accepted"], 6)


main(a_record_that_kills_three_times_is_set_aside, the_plain_build_judges_it)
