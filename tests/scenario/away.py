#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`leadctl away`: who is or will be away, and saying so."""
import os, pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, check, lead, main  # noqa: E402

THURSDAY = "2026-03-05T10:00:00+01:00"


def listed(d, *who):
    return [(a["owner"], a["from"], a["until"], a["source"], a["away"]) for a in d.lines("away", *who)]


def said(d, *arguments, code=0):
    done = d.ctl("away", *arguments, check_code=code)
    return (done.stdout if code == 0 else done.stderr).strip()


def absences_are_said_listed_and_taken_back():
    with Daemon(clock=THURSDAY) as d:
        people = d.rules / "10-people.lua"
        people.write_text(people.read_text().replace("emil = {", 'emil = { away = { "2026-04-06" },', 1))
        check(d.json("reload")["loaded"], True)
        emil = ("emil", "2026-04-05T22:00:00Z", "2026-04-06T22:00:00Z", "rules", False)
        check(listed(d), [emil])
        os.environ["TZ"] = "Europe/Berlin"
        check(said(d, "ben", "2026-03-09..2026-03-13"), "ben is away from 2026-03-09 00:00 +01:00 until 2026-03-14 00:00 +01:00")
        check(said(d, "dana", "2026-03-10"), "dana is away from 2026-03-10 05:00 +01:00 until 2026-03-11 05:00 +01:00", "a day of New York")
        check(said(d, "anna", "..2026-03-05T18:00:00+01:00"), "anna is away until 2026-03-05 18:00 +01:00")
        ben = ("ben", "2026-03-08T23:00:00Z", "2026-03-13T23:00:00Z", "recorded", False)
        dana = ("dana", "2026-03-10T04:00:00Z", "2026-03-11T04:00:00Z", "recorded", False)
        check(listed(d), [("anna", "2026-03-05T09:00:00Z", "2026-03-05T17:00:00Z", "recorded", True), ben, dana, emil])
        check(listed(d, "ben"), [ben])
        check(d.ctl("away", "petra").stdout, "No absence of petra is known.\n", "of others there are some")
        text = d.ctl("away").stdout
        check([line.split()[-1] for line in text.splitlines()[1:]], ["now", "come", "come", "come"], text)

        # Who is away gets nothing; who is back is offered what waits.
        d.drop("web", "a.json", lead("p@firm.example", id="a", attribution={"form_name": "demo"}))
        d.settle()
        check(d.show("L-1")["owner"], "ben")
        check(said(d, "anna", "back"), "anna is back")
        check(said(d, "anna", "back"), "no absence of anna is recorded now")
        check(said(d, "ben", "2026-03-12", "--cancel"), "1 absence of ben taken back")
        check(said(d, "emil", "2026-04-06", "--cancel"), "no absence of emil is recorded then")
        check(listed(d), [dana, emil])
        d.kill()
        d.start()
        check(listed(d), [dana, emil])


def what_makes_no_sense_is_refused():
    with Daemon(clock=THURSDAY) as d:
        for arguments, code, text in (
            (("nobody", "2026-03-09"), 3, 'no member "nobody"'),
            (("ana", "2026-03-09"), 3, 'did you mean "anna"?'),
            (("ana",), 3, 'did you mean "anna"?'),
            (("anna", "tomorrow"), 2, "2026-03-09..2026-03-13"),
            (("anna", "2026-02-30"), 2, "2026-03-09..2026-03-13"),
            (("anna", "2026-03-09.."), 2, "2026-03-09..2026-03-13"),
            (("anna", "2026-03-13..2026-03-09"), 2, "ends before it begins"),
            (("anna", "2026-03-01..2026-03-04"), 2, "it is over already"),
            (("anna", "--cancel"), 2, "--cancel wants the days"),
            (("anna", "back", "--cancel"), 2, "either back"),
        ):
            check(text in said(d, *arguments, code=code), True, f"{arguments}: {text}")
        check(d.lines("away"), [])


main(absences_are_said_listed_and_taken_back, what_makes_no_sense_is_refused)
