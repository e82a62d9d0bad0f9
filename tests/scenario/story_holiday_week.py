#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A holiday week: Christmas under the shipped calendar, Easter from a calendar file, Thanksgiving by the owner's and not the team's clock."""
import pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import check, main  # noqa: E402
from story import Story  # noqa: E402


def christmas_is_not_working_time():
    with Story("Wed 2026-12-23 16:00") as s:
        # A working day from Wednesday 16:00 would be Thursday 16:00; on Christmas Eve the office closes at noon, and that is when it is due.
        s.submits("maria", "Contact us")
        s.stands("maria", "mql", owner="anna", due="Thu 2026-12-24 12:00")
        s.comes("Thu 2026-12-24 12:00")
        check(s.reminders("maria"), [("Thu 2026-12-24 11:00", "ACCEPT step 1: owner"), ("Thu 2026-12-24 12:00", "ACCEPT step 2: owner, head")])

        # Then one each working day, the first when a day has passed that begins on Monday: none on the 25th and 26th, on New Year's Eve or New
        # Year's Day, nor at week-ends.
        s.comes("Tue 2027-01-05 09:00")
        check([when for when, _ in s.reminders("maria")[2:]], ["Tue 2026-12-29 09:00", "Wed 2026-12-30 09:00", "Mon 2027-01-04 09:00", "Tue 2027-01-05 09:00"])
        check(len(s.mailbox("anna")), 6)

    # Who comes on New Year's Eve is answered in the new year.
    with Story("Thu 2026-12-31 11:00") as s:
        s.submits("noor", "Book a demo")
        s.stands("noor", "mql", owner="anna", due="Mon 2027-01-04 11:00")


EASTER = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//story//EN
BEGIN:VEVENT
UID:good-friday@story
DTSTART;VALUE=DATE:20260403
SUMMARY:Karfreitag
END:VEVENT
BEGIN:VEVENT
UID:easter-monday@story
DTSTART;VALUE=DATE:20260406
SUMMARY:Ostermontag
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")
RULES = """
settings "site" { zone = "Europe/Berlin", ops = "ops@example.com" }
calendar "berlin" { zone = "Europe/Berlin", open = { mon_fri = "09:00-17:00" }, holidays = "germany.ics" }
calendar "newyork" { zone = "America/New_York", open = { mon_fri = "08:30-17:30" }, except = { ["2026-11-26"] = "closed" } }
team "marketing" { doc = "a queue" }
team "desk" { calendar = "berlin", head = "petra", strategy = "round_robin", members = { anna = {}, ben = { calendar = "newyork" }, petra = { weight = 0 } } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "new" }
status "mql" { team = "desk", kind = "sla", meaning = "offered" }
status "lost" { team = "marketing", kind = "final", meaning = "never a fit" }
move "raise" { from = "inquiry", to = "mql", by = "rules" }
move "drop" { from = "mql", to = "lost", by = "owner" }
route "ALL" { team = "desk" }
sla "ANSWER" { status = "mql", within = "8h", clock = "owner",
  steps = { { at = "4h", remind = "owner" }, { at = "8h", reassign = true, remind = { "owner", "head" } }, { at = "12h", every = "1wd", remind = "head" } } }
"""


def easter_comes_from_a_calendar_file():
    with Story("Thu 2026-04-02 15:00", rules=RULES, files=[("germany.ics", EASTER)]) as s:
        # Two hours on Thursday, none on four days, the rest on Tuesday.
        s.submits("maria", "demo")
        s.stands("maria", "mql", owner="anna", due="Tue 2026-04-07 15:00")
        s.comes("Tue 2026-04-07 14:59")
        check(s.reminders("maria"), [("Tue 2026-04-07 11:00", "ANSWER step 1: owner")])

        # She let it expire: Ben gets it, and his eight hours, from nine in the morning in New York, where nobody knows Easter Monday's Tuesday.
        s.comes("Tue 2026-04-07 15:00")
        check(s.local(s.stands("maria", "mql", owner="ben", due="Tue 2026-04-07 23:00")["due"], "America/New_York"), "Tue 2026-04-07 17:00")


def thanksgiving_is_the_owners_and_not_the_teams():
    with Story("Wed 2026-11-25 20:00", rules=RULES, files=[("germany.ics", EASTER)]) as s:
        # Anna is at home: hers begins on Thursday morning in Berlin. In New York it is Wednesday 14:00 with 3.5 hours left before the holiday.
        s.submits("maria", "demo")
        s.submits("noor", "demo")
        s.stands("maria", "mql", owner="anna", due="Thu 2026-11-26 17:00")
        shown = s.stands("noor", "mql", owner="ben", due="Fri 2026-11-27 19:00")
        check(s.local(shown["due"], "America/New_York"), "Fri 2026-11-27 13:00")
        s.comes("Fri 2026-11-27 18:00")
        check(s.reminders("noor"), [("Fri 2026-11-27 15:00", "ANSWER step 1: owner")], "09:00 in New York: half an hour of Friday")


main(christmas_is_not_working_time, easter_comes_from_a_calendar_file, thanksgiving_is_the_owners_and_not_the_teams)
