#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Silence to the manager: a demand for a demo at five in the afternoon, and nobody answers until the head of the team does."""
import pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import check, main  # noqa: E402
from story import Story  # noqa: E402


def nobody_answers_and_the_manager_takes_it():
    with Story("Thu 2026-03-05 17:00") as s:
        s.submits("maria", "Book a demo")
        s.stands("maria", "mql", owner="anna", due="Fri 2026-03-06 10:00")

        # Working hours only: 17:30, then nobody is woken up; on Friday at ten the promise is broken, and the head hears of it.
        s.comes("Fri 2026-03-06 10:00")
        check(s.reminders("maria"), [("Thu 2026-03-05 17:30", "ACCEPT_HOT step 1: owner"), ("Fri 2026-03-06 10:00", "ACCEPT_HOT step 2: owner, head")])
        # Then it is out of Anna's hands: the head and ops, every four working hours, over the week-end and the lunch of Monday.
        s.comes("Mon 2026-03-09 14:00")
        check(s.reminders("maria")[2:], [("Fri 2026-03-06 12:00", "ACCEPT_HOT step 3: head, ops"), ("Fri 2026-03-06 16:00", "ACCEPT_HOT step 4: head, ops"),
                                         ("Mon 2026-03-09 13:30", "ACCEPT_HOT step 5: head, ops")])
        each = [when for when, _ in s.reminders("maria")]
        check([when for when, _, _ in s.mailbox("anna")], each[:2])
        check([when for when, _, _ in s.mailbox("petra")], each[1:])
        check([when for when, _, _ in s.mailbox("ops")], each[2:])

        # Ben may not take what is Anna's; the head may. She calls, and nobody is reminded of the answer any more.
        refusal = s.answers("ben", "accept", "maria", refused=True)
        check("the owner (anna) or the head of the team, petra" in refusal, True, refusal)
        s.answers("petra", "accept", "maria")
        s.stands("maria", "sal", owner="anna", due="Tue 2026-03-10 14:00")
        s.logs("petra", "call_made", "maria")
        s.comes("Mon 2026-03-16 14:00")
        check(len(s.reminders("maria")), 5)
        s.stands("maria", "sal", owner="anna", due=None)


def a_restart_in_the_middle_of_the_silence_repeats_nothing():
    with Story("Thu 2026-03-05 17:00") as s:
        s.submits("maria", "Book a demo")
        s.comes("Fri 2026-03-06 11:00")
        before = s.reminders("maria")
        s.crashes("Fri 2026-03-06 11:00")
        s.start()
        s.comes("Fri 2026-03-06 12:00")
        check(s.reminders("maria"), [*before, ("Fri 2026-03-06 12:00", "ACCEPT_HOT step 3: head, ops")])


main(nobody_answers_and_the_manager_takes_it, a_restart_in_the_middle_of_the_silence_repeats_nothing)
