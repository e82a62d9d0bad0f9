#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Nobody has room (story_everyone_away.py: nobody is there): leads are held with the cause, cost nothing while they wait, and are offered the moment somebody has room."""
import pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, check, lead, main  # noqa: E402

THURSDAY = "2026-03-05T10:00:00+01:00"
N = 60


def raise_hands(d, n):
    d.drop("web", "many.ndjson", "\n".join(
        __import__("json").dumps(lead(f"p@firm{i}.example", id=f"h{i}", attribution={"form_name": "demo"})) for i in range(n)) + "\n")
    d.settle()


def caps_hold_leads_and_an_answer_offers_the_next():
    with Daemon(clock=THURSDAY) as d:
        raise_hands(d, N)
        owned = [x for x in d.lines("list", "--status", "mql", "--limit", "500") if x["owner"]]
        held = [x for x in d.lines("list", "--held", "--limit", "500")]
        check((len(owned), len(held)), (8, N - 8), "anna 5 and ben 3 not yet accepted, as the rules say")
        check("not yet accepted" in held[0]["held"]["text"], True, held[0])
        first = min(int(x["lead"][2:]) for x in held)
        mine = next(x for x in owned if x["owner"] == "ben")
        d.ctl("accept", mine["lead"], "--as", "ben")
        shown = d.show(f"L-{first}")
        check((shown["owner"], shown["held"]), ("ben", None), "the one that waited longest")
        check(len(d.lines("list", "--held", "--limit", "500")), N - 9)


def waiting_leads_fill_no_log():
    with Daemon(clock=THURSDAY) as d:
        raise_hands(d, N)
        held = d.lines("list", "--held", "--limit", "500")
        before = d.json("status")["events"]
        d.advance("3h")
        versions = [d.show(x["lead"])["version"] for x in held[:5]]
        check(versions, [1] * 5, "nobody looks at them without a cause")
        check(d.json("status")["events"] - before < 40, True, "only reminders of those who have an owner")


main(caps_hold_leads_and_an_answer_offers_the_next, waiting_leads_fill_no_log)
