#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Promises in the daemon: rolling responses, what `show` says of them, and timers that keep the version of their SLA over reload and restart."""
import pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import check, main  # noqa: E402
from story import Story  # noqa: E402

RULES = """
settings "site" { zone = "Europe/Berlin", ops = "ops@example.com" }
calendar "berlin" { zone = "Europe/Berlin", open = { mon_fri = "09:00-17:00" } }
team "marketing" { doc = "a queue" }
team "desk" { calendar = "berlin", head = "petra", members = { anna = {}, petra = { weight = 0 } } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "new" }
status "talk" { team = "desk", kind = "sla", meaning = "in conversation" }
status "done" { team = "marketing", kind = "final", meaning = "over" }
move "raise" { from = "inquiry", to = "talk", by = "rules" }
move "finish" { from = "talk", to = "done", by = "owner" }
route "ALL" { team = "desk" }
sla "REPLY" { status = "talk", within = "4h", clock = "owner", roll_on = did{ type = "email_received" }, stop = did{ type = "email_replied", since = "move" },
  steps = { { at = "2h", remind = "owner" }, { at = "4h", every = "1wd", remind = { "owner", "head" } } } }
"""
SHORTER = RULES.replace('{ at = "2h", remind = "owner" }', '{ at = "1h", remind = "ops" }').replace('within = "4h"', 'within = "3h"')


def response(s, who):
    shown = s.show(s.address(who))
    given = shown["response"]
    return given and (given["status"], given["in_time"], given["late"]), s.local(shown["due"])


def an_answer_is_owed_to_each_message_and_one_too_late_is_seen_for_good():
    with Story("Thu 2026-03-05 10:00", rules=RULES) as s:
        s.submits("maria", "demo")
        check(response(s, "maria"), (("due", 0, 0), "Thu 2026-03-05 14:00"))
        s.logs("anna", "email_replied", "maria")
        check(response(s, "maria"), (("fulfilled", 1, 0), None))
        s.comes("Fri 2026-03-06 10:00")
        check(s.reminders("maria"), [], "answered: nothing runs")

        # She writes again, and again nobody answers, until it is too late by a minute.
        s.does("maria", "email_received")
        check(response(s, "maria"), (("fulfilled", 1, 0), "Fri 2026-03-06 14:00"))
        s.comes("Fri 2026-03-06 14:01")
        check(s.reminders("maria"), [("Fri 2026-03-06 12:00", "REPLY step 1: owner"), ("Fri 2026-03-06 14:00", "REPLY step 2: owner, head")])
        check(response(s, "maria"), (("failed", 1, 0), "Fri 2026-03-06 14:00"))
        s.logs("anna", "email_replied", "maria")
        check("REPLY is met, too late" in s.events("maria")[-1]["summary"], True, s.events("maria")[-1]["summary"])
        s.comes("Fri 2026-03-06 14:10")
        s.does("maria", "email_received")
        s.logs("anna", "email_replied", "maria")
        s.crashes("Fri 2026-03-06 14:10")
        s.start()
        check(response(s, "maria"), (("failed", 2, 1), None), "known after a crash as before")
        explained = " ".join(s.ctl("explain", "L-1").stdout.split())
        check("met; response failed: 2 in time, 1 not" in explained, True, explained)
        check("failed (REPLY): 2 in time, 1 not" in s.ctl("show", "L-1").stdout, True)
        s.answers("anna", "finish", "maria")
        check(response(s, "maria"), (None, None))


def a_timer_keeps_its_version_over_reload_and_restart_unless_the_rule_says_retime():
    with Story("Thu 2026-03-05 10:00", rules=RULES) as s:
        s.submits("maria", "demo")
        (s.rules / "rules.lua").write_text(SHORTER)
        check(s.json("reload")["loaded"], True)
        s.submits("noor", "demo")
        s.comes("Thu 2026-03-05 10:30")
        s.does("maria", "page_viewed")  # an event of hers is judged by the new rules, and her timer is not theirs
        s.crashes("Thu 2026-03-05 10:30")
        s.start()
        check((response(s, "maria")[1], response(s, "noor")[1]), ("Thu 2026-03-05 14:00", "Thu 2026-03-05 13:00"))
        s.comes("Thu 2026-03-05 14:00")
        check(s.reminders("maria"), [("Thu 2026-03-05 12:00", "REPLY step 1: owner"), ("Thu 2026-03-05 14:00", "REPLY step 2: owner, head")])
        check(s.reminders("noor"), [("Thu 2026-03-05 11:00", "REPLY step 1: ops"), ("Thu 2026-03-05 14:00", "REPLY step 2: owner, head")])
        # A new message is a new promise, by the rules as they are.
        s.does("maria", "email_received")
        check(response(s, "maria"), (("failed", 0, 1), "Thu 2026-03-05 17:00"), "missed; and three hours from two o'clock")


def with_retime_what_runs_follows():
    with Story("Thu 2026-03-05 10:00", rules=RULES) as s:
        s.submits("maria", "demo")
        (s.rules / "rules.lua").write_text(SHORTER.replace("roll_on", "retime = true, roll_on"))
        check(s.json("reload")["loaded"], True)
        s.does("maria", "page_viewed")
        check(response(s, "maria")[1], "Thu 2026-03-05 13:00")
        s.comes("Thu 2026-03-05 11:00")
        check(s.reminders("maria"), [("Thu 2026-03-05 11:00", "REPLY step 1: ops")])


main(an_answer_is_owed_to_each_message_and_one_too_late_is_seen_for_good, a_timer_keeps_its_version_over_reload_and_restart_unless_the_rule_says_retime,
     with_retime_what_runs_follows)
