#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A rejection for budget: the lead rests for 90 days, whatever it does meanwhile, and comes back by itself on the day; or at once, when the
person asks for a demo."""
import pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import check, main  # noqa: E402
from story import Story  # noqa: E402

A_CHIEF = {"person": {"title": "CEO", "seniority": "c_level"}, "company": {"employees": 1000, "country": "DE"}}


def returned_for_budget(s, who):
    s.submits(who, "Book a demo", **A_CHIEF)
    s.stands(who, "mql", owner="anna", due="Thu 2026-03-05 12:00")
    s.answers("anna", "reject", who, reason="no_budget")
    s.stands(who, "nurture")


def it_rests_for_90_days_and_comes_back_on_the_day():
    with Story("Thu 2026-03-05 10:00") as s:
        returned_for_budget(s, "maria")

        # In May she comes to two events and reads: worth a call by any score, and none is made.
        s.comes("Thu 2026-05-28 10:00")
        for _ in range(2):
            s.does("maria", "event_attended")
        for _ in range(2):
            s.does("maria", "asset_downloaded")
        shown = s.stands("maria", "nurture")
        check(shown["grade"], "A2")
        why = " ".join(s.ctl("whynot", "L-1", "--status", "mql", check_code=None).stdout.split())
        check("no_budget" in why and "until 2026-06-03 09:00 +00:00" in why, True, why)

        # 90 days are 90 times 24 hours; between them lies the night the clocks went forward.
        s.comes("Wed 2026-06-03 10:59")
        s.stands("maria", "nurture")
        s.comes("Wed 2026-06-03 11:00")
        s.stands("maria", "mql", owner="anna", due="Thu 2026-06-04 11:00")
        check(s.moves("maria")[-1], ("Wed 2026-06-03 11:00", "nurture -> mql (qualify by rules)"))


def it_comes_back_earlier_when_the_person_asks_for_a_demo():
    with Story("Thu 2026-03-05 10:00") as s:
        returned_for_budget(s, "maria")
        s.comes("Wed 2026-03-25 15:00")
        s.does("maria", "page_viewed", url="https://www.example.com/pricing")
        s.stands("maria", "nurture")

        # A form she sent before she was handed back, and that comes late, says nothing new.
        s.does("maria", "form_submitted", when="Thu 2026-03-05 09:00", name="demo")
        s.stands("maria", "nurture")
        s.submits("maria", "Book a demo")
        s.stands("maria", "mql", owner="anna", due="Wed 2026-03-25 17:00")
        check(s.moves("maria")[-1], ("Wed 2026-03-25 15:00", "nurture -> mql (hand_raise by rules)"))

        # Back for budget once more: the rest begins anew, and the old date means nothing.
        s.answers("anna", "reject", "maria", reason="no_budget")
        s.comes("Mon 2026-06-22 10:00")
        for what in ("event_attended", "event_attended", "asset_downloaded", "asset_downloaded"):
            s.does("maria", what)
        s.comes("Tue 2026-06-23 15:59")
        s.stands("maria", "nurture")
        s.comes("Tue 2026-06-23 16:00")
        s.stands("maria", "mql", owner="ben", due="Wed 2026-06-24 16:00")  # the third turn is his
        check([when for when, _ in s.moves("maria")], ["Thu 2026-03-05 10:00", "Thu 2026-03-05 10:00", "Wed 2026-03-25 15:00", "Wed 2026-03-25 15:00",
                                                       "Tue 2026-06-23 16:00"])


main(it_rests_for_90_days_and_comes_back_on_the_day, it_comes_back_earlier_when_the_person_asks_for_a_demo)
