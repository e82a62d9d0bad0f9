#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stalled deal: three weeks without a word, and marketing gets it back to the second, with nobody touching it; a sign of life puts it
off, a mail scanner's click does not; sales revives it."""
import pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import check, main  # noqa: E402
from story import Story  # noqa: E402


def a_deal(s, who):
    """A lead that has become an opportunity at this very moment."""
    s.submits(who, "Book a demo")
    owner = s.owner(who)
    for move in ("accept", "contacted", "open_opportunity"):
        s.answers(owner, move, who)
    s.stands(who, "opportunity", owner="dana")


def nobody_touches_it_and_it_stalls_after_21_days():
    with Story("Thu 2026-03-05 10:00") as s:
        a_deal(s, "maria")
        s.comes("Thu 2026-03-26 09:59")
        s.stands("maria", "opportunity", owner="dana")
        s.comes("Thu 2026-03-26 10:00")
        shown = s.stands("maria", "stalled")
        check(shown["team"], "marketing")
        check(s.moves("maria")[-1], ("Thu 2026-03-26 10:00", "opportunity -> stalled (stall by rules)"))
        check(s.events("maria")[-1]["type"], "timer.look")

        # Marketing helps to bring it back; nobody but sales says that it moves again, and then whoever had it gets it.
        check("sales" in s.answers("anna", "revive", "maria", refused=True), True)
        s.answers("emil", "revive", "maria")
        s.stands("maria", "opportunity", owner="dana")
        check("offered to dana (SAME_OWNER)" in s.events("maria")[-1]["summary"], True, s.events("maria")[-1])


def a_sign_of_life_puts_it_off_and_a_scanners_click_does_not():
    with Story("Thu 2026-03-05 10:00") as s:
        a_deal(s, "maria")
        s.comes("Sun 2026-03-15 10:00")
        s.does("maria", "email_clicked", properties={"seconds_after_send": 30})
        s.comes("Wed 2026-03-25 10:00")
        s.does("maria", "email_clicked", properties={"seconds_after_send": 0.2})
        s.comes("Sun 2026-04-05 10:59")  # 21 days less a minute after her click; the clocks went forward between
        s.stands("maria", "opportunity", owner="dana")
        s.comes("Sun 2026-04-05 11:00")
        s.stands("maria", "stalled")
        check(s.moves("maria")[-1], ("Sun 2026-04-05 11:00", "opportunity -> stalled (stall by rules)"))


def a_stalled_deal_that_asks_for_a_quote_is_a_hand_off_like_any_other():
    with Story("Thu 2026-03-05 10:00") as s:
        a_deal(s, "maria")
        s.comes("Mon 2026-03-30 10:00")
        s.stands("maria", "stalled")
        s.submits("maria", "Quote")
        s.stands("maria", "mql", owner="anna", due="Mon 2026-03-30 12:00")
        # Inside sales speaks to her first, and its owner is the one she knows.
        for move in ("accept", "contacted", "open_opportunity"):
            s.answers("anna", move, "maria")
        s.stands("maria", "opportunity", owner="dana")


def whoever_had_a_deal_and_cannot_take_it_is_said_with_the_cause():
    with Story("Thu 2026-03-05 10:00") as s:
        a_deal(s, "maria")
        s.comes("Mon 2026-03-30 10:00")
        s.ctl("away", "dana", "2026-03-30..2026-04-20")
        returned = {"owner": "dana", "at": "2026-03-26T09:00:00Z", "move": "stall", "by": "rules", "reason": None}
        check(s.show("L-1")["returned"], returned)
        check("dana until 3 d ago: stall by rules" in s.ctl("show", "L-1").stdout, True, s.ctl("show", "L-1").stdout)
        s.answers("emil", "revive", "maria")
        s.stands("maria", "opportunity", owner="emil")
        check("dana is away until" in s.ctl("explain", "L-1").stdout, True)
        check(s.show("L-1")["returned"], None)


main(nobody_touches_it_and_it_stalls_after_21_days, a_sign_of_life_puts_it_off_and_a_scanners_click_does_not,
     a_stalled_deal_that_asks_for_a_quote_is_a_hand_off_like_any_other, whoever_had_a_deal_and_cannot_take_it_is_said_with_the_cause)
