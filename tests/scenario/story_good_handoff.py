#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The good hand-off: Maria asks for a demo, Anna answers, calls, and hands a deal on; it is won. Nobody has to be told twice."""
import pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import check, main  # noqa: E402
from story import Story  # noqa: E402


def from_a_white_paper_to_a_customer():
    with Story("Mon 2026-03-02 15:00") as s:
        # On Monday she is curious, and nobody's lead.
        s.submits("maria", "White paper", person={"name": "Maria Keller", "title": "Head of Logistics"}, company={"name": "Keller", "country": "DE"})
        s.does("maria", "page_viewed", url="https://www.example.com/pricing")
        s.stands("maria", "inquiry")

        # On Thursday she asks for a demo: offered to one person, within two working hours.
        s.comes("Thu 2026-03-05 10:00")
        s.submits("maria", "Book a demo")
        shown = s.stands("maria", "mql", owner="anna", due="Thu 2026-03-05 12:00")
        check((shown["lead"], shown["waiting_for"].startswith("anna to accept or reject by")), ("L-1", True), shown["waiting_for"])

        # Anna answers before anybody has to remind her; the clock of the first call begins, by her calendar.
        s.comes("Thu 2026-03-05 10:20")
        s.answers("anna", "accept", "maria")
        s.stands("maria", "sal", owner="anna", due="Fri 2026-03-06 10:20")

        # Four working hours later, lunch not counted, she is reminded that a call is owed; she makes it, and the clock stops.
        s.comes("Thu 2026-03-05 15:00")
        check(s.reminders("maria"), [("Thu 2026-03-05 14:50", "FIRST_CALL step 1: owner")])
        check(s.mailbox("anna"), [("Thu 2026-03-05 14:50", "L-1", "Lead L-1 waits for you")])
        s.logs("anna", "call_made", "maria")
        s.stands("maria", "sal", owner="anna", due=None)
        s.answers("anna", "contacted", "maria")

        # A deal: a hand-off to another team is offered to one of them like any other.
        s.comes("Tue 2026-03-10 11:00")
        s.answers("anna", "open_opportunity", "maria")
        s.stands("maria", "opportunity", owner="dana")
        s.comes("Fri 2026-03-20 16:00")
        s.answers("dana", "win", "maria")
        s.stands("maria", "customer", owner="dana")

        # It is over: a year of silence reminds nobody, and the log is the story.
        s.comes("Fri 2027-03-19 16:00")
        check(s.moves("maria"), [
            ("Thu 2026-03-05 10:00", "inquiry -> mql (hand_raise by rules)"),
            ("Thu 2026-03-05 10:20", "mql -> sal (accept by rep:anna)"),
            ("Thu 2026-03-05 15:00", "sal -> working (contacted by rep:anna)"),
            ("Tue 2026-03-10 11:00", "working -> opportunity (open_opportunity by rep:anna)"),
            ("Fri 2026-03-20 16:00", "opportunity -> customer (win by rep:dana)"),
        ])
        check(len(s.reminders("maria")), 1)
        check(s.mailbox("petra"), [], "the head heard of nothing")
        # Marketing reads along: each move and each hand-off, once.
        feed = [(e["type"].removeprefix("org.leadd."), e["data"].get("move") or e["data"]["owner"]) for e in s.outgoing("marketing")]
        check(feed, [("moved", "hand_raise"), ("assigned", "anna"), ("moved", "accept"), ("moved", "contacted"),
                     ("moved", "open_opportunity"), ("assigned", "dana"), ("moved", "win")])


main(from_a_white_paper_to_a_customer)
