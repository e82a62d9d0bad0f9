#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""After a no: who was handed back hears again from the colleague they spoke to, in working time, each mail once, and not a day longer than
they want to; a deal that stalled comes back to marketing, and when it wakes goes to whoever had it."""
import pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import check, lead, main  # noqa: E402
from story import Story  # noqa: E402


def asks(s, who, form="Book a demo"):
    """Who asks, and wants to hear from marketing, too."""
    consent = [{"purpose": purpose, "granted": True} for purpose in ("contact", "marketing")]
    s.drops("web", lead(s.address(who), attribution={"form_name": form}, consent=consent, person={"name": who.title()}))


def mails(s):
    return [(s.local(e["time"]), e["data"]["to"], e["data"].get("from"), e["data"]["message"]) for e in s.outgoing("mailing")]


def a_rep_who_says_no_writes_again_until_the_person_answers():
    with Story("Thu 2026-03-05 10:00") as s:
        asks(s, "maria")
        owner = s.owner("maria")
        check(s.show("L-1")["no_track"], "in mql marketing may not contact the lead")
        s.answers(owner, "reject", "maria", reason="no_budget")
        s.stands("maria", "nurture")
        check(s.show("L-1")["track"]["next"], "how_is_it_going")
        s.comes("Thu 2026-03-19 09:59")
        check(mails(s), [])
        s.crashes("Thu 2026-03-19 09:59")
        s.start()
        s.comes("Thu 2026-03-19 10:00")  # ten working days later, at ten
        first = ("Thu 2026-03-19 10:00", "maria@maria.example", f"{owner}@example.com", "how_is_it_going")
        check(mails(s), [first])
        check(s.events("maria", "timer.track")[0]["summary"], f"re-nurture step 1: sent how_is_it_going from {owner}")

        # Whoever has left writes to nobody.
        s.change("10-people.lua", f'user = "{owner}",', f'user = "{owner}", left = true,')
        s.ctl("reload")
        s.comes("Wed 2026-05-20 10:00")  # the second comes forty working days after the first
        check(mails(s)[1:], [("Thu 2026-05-14 10:00", "maria@maria.example", None, "what_is_new")])
        check(s.show("L-1")["track"]["next"], None)

        # She answers: it is over, and stays so while nobody does anything.
        s.does("maria", "email_replied")
        check(s.show("L-1")["track"], None)
        check("woken" in s.show("L-1")["no_track"], True, s.show("L-1")["no_track"])
        s.comes("Fri 2026-11-20 10:00")
        check(len(mails(s)), 2)


def a_no_to_marketing_and_a_hand_raised_end_it_at_once():
    with Story("Thu 2026-03-05 10:00") as s:
        for who in ("maria", "paul"):
            asks(s, who)
            s.answers(s.owner(who), "reject", who, reason="not_now")
        s.comes("Wed 2026-03-18 10:00")
        s.drops("web", {"specversion": "1.0", "type": "consent.withdrawn", "subject": "lead:L-1", "data": {"consent": [{"purpose": "marketing", "granted": False}]}})
        check(s.events("maria")[-1]["summary"], "left track re-nurture: consent.marketing is withdrawn")
        asks(s, "paul", "Quote")
        s.stands("paul", "mql", owner=s.owner("paul"), due=s.local(s.show("L-2")["due"]))
        check("left track re-nurture: in mql marketing may not contact it" in s.events("paul")[-1]["summary"], True)
        s.comes("Wed 2026-04-01 10:00")
        check(mails(s), [])


def a_deal_that_stalls_is_marketings_and_goes_back_to_its_owner_when_it_wakes():
    with Story("Thu 2026-03-05 10:00") as s:
        asks(s, "maria")
        owner = s.owner("maria")
        for move in ("accept", "contacted", "open_opportunity"):
            s.answers(owner, move, "maria")
        s.stands("maria", "opportunity", owner="dana")
        s.comes("Thu 2026-03-26 10:00")
        s.stands("maria", "stalled")
        check(s.show("L-1")["track"]["track"], "stalled-deal")
        s.comes("Thu 2026-04-02 10:00")  # five working days
        check(mails(s), [("Thu 2026-04-02 10:00", "maria@maria.example", None, "how_is_it_going")])
        s.does("maria", "email_replied")
        check(s.show("L-1")["track"], None)
        s.stands("maria", "opportunity", owner="dana")


main(a_rep_who_says_no_writes_again_until_the_person_answers, a_no_to_marketing_and_a_hand_raised_end_it_at_once,
     a_deal_that_stalls_is_marketings_and_goes_back_to_its_owner_when_it_wakes)
