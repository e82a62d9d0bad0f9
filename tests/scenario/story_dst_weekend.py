#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A daylight-saving week-end: in Berlin on 2026-03-29 two o'clock becomes three, on 2026-10-25 three becomes two; New York changes on other
days. Working hours are hours that pass, and no reminder comes an hour early or twice."""
import pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import check, main  # noqa: E402
from story import Story  # noqa: E402

RULES = """
settings "site" { zone = "Europe/Berlin", ops = "ops@example.com" }
calendar "berlin" { zone = "Europe/Berlin", open = { mon_fri = "09:00-17:00" } }
calendar "nights" { zone = "Europe/Berlin", open = { sat_sun = "22:00-06:00" } }
calendar "newyork" { zone = "America/New_York", open = { mon_fri = "09:00-17:00" } }
team "marketing" { doc = "a queue" }
team "desk" { calendar = "berlin", head = "petra", members = { anna = {}, nils = { calendar = "nights", skills = { shift = { "night" } } },
  bob = { calendar = "newyork", skills = { shift = { "us" } } }, petra = { weight = 0 } } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "new" }
status "office" { team = "desk", kind = "sla", meaning = "answered by office hours" }
status "wall" { team = "desk", kind = "sla", meaning = "answered by the clock on the wall" }
status "lost" { team = "marketing", kind = "final", meaning = "never a fit" }
move "to_wall" { from = "inquiry", to = "wall", by = "rules", when = { ["person.title"] = "wall" } }
move "to_office" { from = "inquiry", to = "office", by = "rules" }
move "drop" { from = { "office", "wall" }, to = "lost", by = "owner" }
route "SHIFT" { when = { ["person.title"] = present }, team = "desk", match = { shift = "person.title" } }
route "ALL" { team = "desk" }
sla "OFFICE" { status = "office", within = "1wd", clock = "owner", steps = { { at = "4h", remind = "owner" }, { at = "1wd", every = "1wd", remind = { "owner", "head" } } } }
sla "WALL" { status = "wall", within = "48h", clock = "wall", steps = { { at = "24h", every = "24h", remind = "head" } } }
"""


def in_spring_the_week_end_is_an_hour_shorter():
    with Story("Fri 2026-03-27 15:00", rules=RULES) as s:
        # Office hours know nothing of it: two on Friday, two on Monday.
        s.submits("maria", "demo", person={"title": "day"})
        s.stands("maria", "office", owner="anna", due="Mon 2026-03-30 15:00")
        # The wall clock does: 48 hours from Friday 15:00 are Sunday 16:00.
        s.submits("walter", "demo", person={"title": "wall"})
        check(s.local(s.show("walter@walter.example")["due"]), "Sun 2026-03-29 16:00")
        # The night desk is there from Saturday ten in the evening: five hours on the clock are four, because there is no two o'clock.
        s.submits("noor", "demo", person={"title": "night"})
        s.stands("noor", "office", owner="nils", due="Sun 2026-03-29 22:00")
        s.comes("Wed 2026-04-01 12:00")
        check(s.reminders("maria"), [("Mon 2026-03-30 11:00", "OFFICE step 1: owner"), ("Mon 2026-03-30 15:00", "OFFICE step 2: owner, head"),
                                     ("Tue 2026-03-31 15:00", "OFFICE step 3: owner, head")])
        check([e["time"] for e in s.events("maria", "timer.step")], ["2026-03-30T09:00:00Z", "2026-03-30T13:00:00Z", "2026-03-31T13:00:00Z"], "in summer time")
        check([when for when, _ in s.reminders("walter")], ["Sat 2026-03-28 15:00", "Sun 2026-03-29 16:00", "Mon 2026-03-30 16:00", "Tue 2026-03-31 16:00"])
        check(s.reminders("noor")[0], ("Sun 2026-03-29 03:00", "OFFICE step 1: owner"))


def in_autumn_two_oclock_comes_twice_and_its_reminder_once():
    with Story("Fri 2026-10-23 15:00", rules=RULES) as s:
        s.submits("maria", "demo", person={"title": "day"})
        s.stands("maria", "office", owner="anna", due="Mon 2026-10-26 15:00")
        s.submits("walter", "demo", person={"title": "wall"})
        check(s.local(s.show("walter@walter.example")["due"]), "Sun 2026-10-25 14:00")
        s.submits("noor", "demo", person={"title": "night"})
        # Four hours from ten in the evening end when it is two for the first time.
        s.comes("Sun 2026-10-25 01:59")
        check(s.reminders("noor"), [])
        s.comes("Sun 2026-10-25 02:00")
        check(s.reminders("noor"), [("Sun 2026-10-25 02:00", "OFFICE step 1: owner")])
        check([e["time"] for e in s.events("noor", "timer.step")], ["2026-10-25T00:00:00Z"])
        s.comes("Sun 2026-10-25 02:00 again")
        s.comes("Sun 2026-10-25 02:59 again")
        check(len(s.reminders("noor")), 1, "an hour later it is two once more: nothing is repeated")
        s.comes("Mon 2026-10-26 15:00")
        check([e["time"] for e in s.events("maria", "timer.step")], ["2026-10-26T10:00:00Z", "2026-10-26T14:00:00Z"], "in winter time")
        check([when for when, _ in s.reminders("walter")], ["Sat 2026-10-24 15:00", "Sun 2026-10-25 14:00", "Mon 2026-10-26 14:00"])


def new_york_changes_on_its_own_days():
    with Story("Fri 2026-03-06 15:00", rules=RULES, zone="America/New_York") as s:
        # The week-end of 2026-03-08: two hours of Friday, two of Monday, and Monday is summer time there and not yet in Berlin.
        s.submits("maria", "demo", person={"title": "us"})
        s.stands("maria", "office", owner="bob", due="Mon 2026-03-09 15:00")
        s.comes("Mon 2026-03-09 15:00")
        check([e["time"] for e in s.events("maria", "timer.step")], ["2026-03-09T15:00:00Z", "2026-03-09T19:00:00Z"])
        check([s.local(e["time"], "Europe/Berlin") for e in s.events("maria", "timer.step")], ["Mon 2026-03-09 16:00", "Mon 2026-03-09 20:00"])
    with Story("Fri 2026-10-30 15:00", rules=RULES, zone="America/New_York") as s:
        # And that of 2026-11-01, a week after Berlin's.
        s.submits("maria", "demo", person={"title": "us"})
        s.comes("Mon 2026-11-02 15:00")
        check([e["time"] for e in s.events("maria", "timer.step")], ["2026-11-02T16:00:00Z", "2026-11-02T20:00:00Z"])


main(in_spring_the_week_end_is_an_hour_shorter, in_autumn_two_oclock_comes_twice_and_its_reminder_once, new_york_changes_on_its_own_days)
