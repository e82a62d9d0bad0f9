#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A rejection for bad data: the lead is out, marketing is told why, and the owner gets the turn back that it cost."""
import pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import check, main  # noqa: E402
from story import Story  # noqa: E402


def offered(s, *people):
    """Who each of these was offered to, one after the other. Anna's weight is 3, Ben's 1: anna anna ben anna."""
    for who in people:
        s.submits(who, "Book a demo")
    return [s.owner(who) for who in people]


def a_wrong_number_costs_no_turn():
    with Story("Thu 2026-03-05 10:00") as s:
        check(offered(s, "mickey"), ["anna"])
        s.comes("Thu 2026-03-05 10:30")
        s.answers("anna", "reject", "mickey", reason="bad_data")

        # Out for good, in one move: nobody owns it, no clock runs, no rule brings it back, and marketing's feed has the reason.
        shown = s.stands("mickey", "disqualified")
        check((shown["team"], shown["since"]), ("marketing", "2026-03-05T09:30:00Z"))
        told = [e["data"] for e in s.outgoing("marketing") if e["data"].get("move") == "reject"]
        check([(t["lead"], t["from"], t["to"], t["by"], t["reason"]) for t in told], [("L-1", "mql", "disqualified", "rep:anna", "bad_data")])
        s.submits("mickey", "Book a demo")
        s.stands("mickey", "disqualified")

        # The turns go on as if it had never been: two for Anna before Ben's.
        check(offered(s, "a", "b", "c", "d"), ["anna", "anna", "ben", "anna"])
        s.comes("Thu 2026-03-12 10:00")
        check([r for r in s.reminders("mickey") if r[0] > "Thu 2026-03-05 10:30"], [], "nobody is reminded of it")


def what_is_no_fit_was_a_turn_all_the_same():
    with Story("Thu 2026-03-05 10:00") as s:
        check(offered(s, "dora"), ["anna"])
        refusal = s.answers("anna", "reject", "dora", reason="not_a_fit", refused=True)
        check("note" in refusal, True, refusal)
        s.stands("dora", "mql", owner="anna", due="Thu 2026-03-05 12:00")
        s.answers("anna", "reject", "dora", reason="not_a_fit", note="has bicycles, no fleet")
        s.stands("dora", "disqualified")
        check(offered(s, "a", "b", "c", "d"), ["anna", "ben", "anna", "anna"])


main(a_wrong_number_costs_no_turn, what_is_no_fit_was_a_turn_all_the_same)
