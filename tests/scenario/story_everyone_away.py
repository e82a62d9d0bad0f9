#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Everyone is away: leads wait, visibly, with the cause for each person and the moment somebody is back; then each goes to one."""
import pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import check, main  # noqa: E402
from story import SPEAKS_FOR_OWNERS, Story  # noqa: E402


def leads_wait_until_the_first_is_back():
    with Story("Fri 2026-03-06 12:00", changes=[SPEAKS_FOR_OWNERS]) as s:
        s.goes_away("anna", until="Wed 2026-03-11 09:00")
        s.goes_away("ben", until="Tue 2026-03-10 00:00")
        s.comes("Fri 2026-03-06 14:00")
        for who in ("maria", "noor", "olga", "piet", "quin"):
            s.submits(who, "Book a demo")

        # Handed over and nobody's, with the cause for each and the next moment somebody can take them: Ben's absence ends at midnight.
        held = s.stands("maria", "mql")["held"]
        for cause in ("anna is away until", "ben is away until", "petra gets leads only as head"):
            check(cause in held["text"], True, held["text"])
        check((s.local(held["since"]), s.local(held["next_look"])), ("Fri 2026-03-06 14:00", "Tue 2026-03-10 00:00"))
        check(len(s.lines("list", "--held")), 5)
        waits = " ".join(s.ctl("whynot", "L-1", "--owner", "anna", check_code=None).stdout.split())
        check("anna is away until" in waits, True, waits)

        # No clock runs against people who are not there, and nobody is reminded.
        s.comes("Mon 2026-03-09 23:59")
        s.stands("maria", "mql")
        s.comes("Tue 2026-03-10 08:59")
        check((s.mailbox("anna"), s.mailbox("ben"), s.mailbox("petra")), ([], [], []))

        # Ben is back and has got what one person may have open, the oldest first. His clock begins when he is at work; they asked days
        # ago, so that it is the working day everybody gets, and not the two hours of who is waiting at the telephone.
        s.comes("Tue 2026-03-10 09:00")
        for who in ("maria", "noor", "olga"):
            s.stands(who, "mql", owner="ben", due="Wed 2026-03-11 09:00")
        held = s.stands("piet", "mql")["held"]
        check("ben has 3 of 3 not yet accepted" in held["text"], True, held["text"])

        # He answers one and the next is his; when Anna is back there is no flood for her, only what is left.
        s.answers("ben", "accept", "maria")
        s.stands("piet", "mql", owner="ben", due="Wed 2026-03-11 09:00")
        s.comes("Wed 2026-03-11 09:00")
        s.stands("quin", "mql", owner="anna", due="Thu 2026-03-12 09:00")
        check(s.lines("list", "--held"), [])


def who_comes_back_early_is_offered_what_waits_at_once():
    with Story("Thu 2026-03-05 10:00", changes=[SPEAKS_FOR_OWNERS]) as s:
        for person in ("anna", "ben"):
            s.goes_away(person, until="Wed 2026-04-01 09:00")
        for who in ("maria", "noor", "olga"):
            s.submits(who, "Book a demo")
        check(len(s.lines("list", "--held")), 3)
        s.comes_back("ben")
        check([s.owner(who) for who in ("maria", "noor", "olga")], ["ben"] * 3)


main(leads_wait_until_the_first_is_back, who_comes_back_early_is_offered_what_waits_at_once)
