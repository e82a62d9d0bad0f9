#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Snooze: the owner puts the reminders off, within what policy allows, and they come at the right working instant."""
import pathlib, shutil, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, check, lead, main  # noqa: E402

THURSDAY = "2026-03-05T10:00:00+01:00"
RULES = """
settings "site" { zone = "Europe/Berlin", ops = "ops@example.com" }
calendar "berlin" { zone = "Europe/Berlin", open = { mon_fri = "09:00-17:00" } }
team "marketing" { doc = "a queue" }
team "desk" { calendar = "berlin", head = "petra", members = { anna = {}, petra = { weight = 0 } } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "new" }
status "sal" { team = "desk", kind = "sla", meaning = "a call is owed" }
status "working" { team = "desk", kind = "open", meaning = "called" }
status "lost" { team = "marketing", kind = "final", meaning = "never a fit" }
move "raise" { from = "inquiry", to = "sal", by = "rules" }
move "call" { from = "sal", to = "working", by = "owner" }
move "drop" { from = "working", to = "lost", by = "owner" }
route "ALL" { team = "desk" }
sla "FIRST_CALL" { status = "sal", within = "1wd", clock = "owner", max_snooze = "2wd",
  steps = { { at = "4h", remind = { "owner" } }, { at = "1wd", every = "1wd", remind = { "owner", "head" } } } }
"""


def daemon(rules=RULES):
    d = Daemon(clock=THURSDAY)
    shutil.rmtree(d.rules)
    d.rules.mkdir()
    (d.rules / "rules.lua").write_text(rules)
    return d


def new(d):
    d.drop("web", "a.json", lead("m@keller.example", id="a"))
    d.settle()
    check((d.show("L-1")["status"], d.show("L-1")["owner"]), ("sal", "anna"))


def steps(d):
    return [e["time"] for e in d.log_of("L-1") if e["type"] == "timer.step"]


def reminders_come_after_the_pause_with_the_working_time_that_was_left():
    with daemon() as d:
        new(d)
        check(d.show("L-1")["due"], "2026-03-06T09:00:00Z")
        d.advance("3h")  # Thursday 13:00: an hour is left to the reminder
        d.ctl("snooze", "L-1", "2026-03-09", "--reason", "at a fair until Friday", "--as", "anna")
        shown = d.show("L-1")
        check(shown["snoozed"], {"until": "2026-03-08T23:00:00Z", "reason": "at a fair until Friday"})
        check(shown["due"], "2026-03-09T13:00:00Z", "a working day from Thursday 10:00, and 12 hours")
        text = d.ctl("show", "L-1").stdout
        check("snoozed" in text and "at a fair until Friday" in text, True, text)
        check("snoozed until" in d.ctl("explain", "L-1").stdout, True)
        d.advance("1d")
        d.ctl("reload")
        d.kill()  # neither a reload nor a restart wakes it
        d.clock = "2026-03-06T13:00:00+01:00"
        d.start()
        d.advance("2d")
        check(steps(d), [])
        d.advance("21h")  # Monday 10:00
        check(steps(d), ["2026-03-09T09:00:00Z"])
        check(d.show("L-1")["snoozed"], None)
        d.advance("1d")
        check(steps(d), ["2026-03-09T09:00:00Z", "2026-03-09T13:00:00Z"])
        d.advance("1d")
        check(steps(d)[-1], "2026-03-10T13:00:00Z", "repeats go on from there")


def longer_than_policy_allows_is_refused_with_the_latest_instant():
    with daemon() as d:
        new(d)
        refusal = d.ctl("snooze", "L-1", "2026-03-12", "--reason", "holidays", "--as", "anna", check_code=1).stderr
        check("2wd" in refusal and "until 2026-03-09 " in refusal and "at the latest" in refusal, True, refusal)
        check(d.show("L-1")["snoozed"], None)
        check(d.show("L-1")["version"], 1)
        d.ctl("snooze", "L-1", "1wd", "--reason", "a fair", "--as", "anna")
        d.advance("2d")
        d.ctl("snooze", "L-1", "2wd", "--reason", "another", "--as", "petra", check_code=1)
        d.ctl("snooze", "L-1", "2026-03-09T17:00:00+01:00", "--reason", "another", "--as", "petra")
        check(d.show("L-1")["snoozed"]["reason"], "another")


def who_may_not_and_what_cannot_be_snoozed_is_refused():
    with daemon() as d:
        new(d)
        check("says why: --reason" in d.ctl("snooze", "L-1", "2h", "--as", "anna", check_code=2).stderr, True)
        check(d.ctl("snooze", "L-1", "2h", "--reason", "x", check_code=77).returncode, 77)
        check("past" in d.ctl("snooze", "L-1", "2026-03-01", "--reason", "x", "--as", "anna", check_code=1).stderr, True)
        check("is no time" in d.ctl("snooze", "L-1", "soon", "--reason", "x", "--as", "anna", check_code=1).stderr, True)
        d.ctl("call", "L-1", "--as", "anna")
        check("no SLA runs" in d.ctl("snooze", "L-1", "2h", "--reason", "x", "--as", "anna", check_code=1).stderr, True)
    with daemon(RULES.replace('max_snooze = "2wd",', "")) as d:
        new(d)
        check("allows no snooze" in d.ctl("snooze", "L-1", "2h", "--reason", "x", "--as", "anna", check_code=1).stderr, True)


main(reminders_come_after_the_pause_with_the_working_time_that_was_left, longer_than_policy_allows_is_refused_with_the_latest_instant,
     who_may_not_and_what_cannot_be_snoozed_is_refused)
