#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ops: write a rule, break it, reload; the running rules stay until better ones load."""
import pathlib, signal, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import TOP, Daemon, check, lead, main, wait_for  # noqa: E402

CLOCK = "2026-03-05T10:00:00+01:00"


def a_new_rule_counts_from_the_next_event_on():
    with Daemon(clock=CLOCK) as d:
        d.drop("web", "a.json", lead("a@example.com", id="a", person={"phone_number": "+4930123456"}))
        d.settle()
        before = d.show("L-1")["fit"]
        (d.rules / "45-mine.lua").write_text('score "MY_PHONE" { group = "fit", when = { ["person.phone_number"] = present }, points = 7 }\n')
        old = d.json("status")["rules"]["hash"]
        d.ctl("reload")
        check(d.json("status")["rules"]["hash"] != old, True, "another set")
        d.drop("web", "b.json", lead("b@example.com", id="b", person={"phone_number": "+4930123457"}))
        d.settle()
        check(d.show("b@example.com")["fit"], before + 7)
        check("MY_PHONE" in d.ctl("rules").stdout, True)
        check("MY_PHONE" in d.ctl("explain", "b@example.com").stdout, True)


def a_broken_rule_is_refused_with_its_place_and_the_running_ones_stay():
    with Daemon(clock=CLOCK) as d:
        old = d.json("status")["rules"]["hash"]
        mine = d.rules / "45-mine.lua"
        for text, wanted in {
            'score "X" { group = "fitt", points = 1 }\n': "did you mean",
            'score "X" { group = "fit", when = { ["person.emial"] = present }, points = 1 }\n': "person.email",
            "\n\nscore \"X\" {\n": "45-mine.lua",
            "while true do end\n": "45-mine.lua",
            'scoer "X" { group = "fit", points = 1 }\n': "score",
        }.items():
            mine.write_text(text)
            done = d.ctl("reload", check_code=1)
            check("45-mine.lua:" in done.stdout + done.stderr and wanted in done.stdout + done.stderr, True, done.stdout + done.stderr)
            check(d.ctl("check", d.rules, check_code=65).returncode, 65)
            check(d.json("status")["rules"]["hash"], old, "the running rules stay")
            check(d.json("status")["rules"]["problem"] is not None, True, "and status says why")
        d.drop("web", "a.json", lead("a@example.com", id="a"))
        d.settle()
        check(d.show("L-1")["status"], "inquiry", "judging goes on")
        mine.unlink()
        d.ctl("reload")
        check(d.json("status")["rules"]["problem"], None)


def sighup_reloads_too():
    with Daemon(clock=CLOCK) as d:
        old = d.json("status")["rules"]["hash"]
        (d.rules / "45-mine.lua").write_text('principle "MINE" { "Be kind." }\n')
        d.process.send_signal(signal.SIGHUP)
        wait_for(lambda: d.json("status")["rules"]["hash"] != old, "the new set")
        check("Be kind." in d.ctl("glossary").stdout, True)


def a_broken_boot_goes_on_under_the_last_good_set():
    with Daemon(clock=CLOCK) as d:
        old = d.json("status")["rules"]["hash"]
        d.kill()
        (d.rules / "45-mine.lua").write_text("this is no rule\n")
        d.start()
        check(d.json("status")["rules"]["hash"], old)
        check("45-mine.lua" in d.json("status")["rules"]["problem"], True)
        d.drop("web", "a.json", lead("a@example.com", id="a"))
        d.settle()
        check(d.show("L-1")["status"], "inquiry")


def a_rule_that_fails_loses_no_lead():
    with Daemon(clock=CLOCK) as d:
        (d.rules / "45-mine.lua").write_text(
            'score "LOOP" { group = "fit", points = function(lead) while true do end end }\n'
            'score "BREAK" { group = "fit", points = function(lead) return lead.person.nothing.more end }\n'
            'score "MEMORY" { group = "fit", points = function(lead) local t = {} while true do t[#t + 1] = ("x"):rep(1000) end end }\n')
        d.ctl("reload")
        for i in range(3):
            d.drop("web", f"{i}.json", lead(f"p{i}@example.com", id=f"r{i}", attribution={"form_name": "demo"}))
        d.settle()
        for i in range(3):
            check(d.show(f"p{i}@example.com")["status"], "mql")
        explained = d.ctl("explain", "L-1").stdout
        check("LOOP" in explained and "BREAK" in explained, True, explained)
        check("failed" in d.log(), True, "the journal says so")


LEAKS = {
    "error": 'error("odd: " .. lead.person.email)',
    "level 0": "error(lead.person.email, 0)",
    "caught": "local _, text = pcall(error, lead.person.email) error(text)",
    "assert": "assert(false, lead.person.email)",
    "a number made of it": 'local digits = lead.person.phone_number:gsub("%D", "") table.insert({}, tonumber(digits), 1)',
    "a name made of it": "return lead.person[lead.person.email].more",
    "a format made of it": "return string.format(lead.person.email)",
    "a note": "return 1, {}",
    "too long": "while true do end",
}


def what_a_lead_says_never_reaches_the_journal_through_a_rule_that_fails():
    with Daemon(clock=CLOCK) as d:
        text = "".join(f'score "LEAK{i}" {{ group = "fit", points = function(lead) {body} end }}\n' for i, body in enumerate(LEAKS.values()))
        (d.rules / "95-leaks.lua").write_text(text + f'segment "leak" {{ when = function(lead) {LEAKS["a number made of it"]} end }}\n'
            f'move "leak" {{ from = "inquiry", to = "mql", by = "rules", when = function(lead) {LEAKS["a number made of it"]} end }}\n')
        d.ctl("reload")
        d.drop("web", "a.json", lead("secret.person@example.com", id="a", person={"phone_number": "+49 30 123456"}))
        d.settle()
        lines = [line for line in d.log().splitlines() if " failed" in line and "the rule " in line]
        check(len(lines), len(LEAKS) + 2, lines)
        for line in lines:
            check(("secret" in line, "49301" in line), (False, False), line)
            check(": 95-leaks.lua:" in line, True, line)
        check(len([line for line in lines if "raised an error" in line]), len(LEAKS) + 1)
        check(len([line for line in lines if "took too long" in line]), 1)
        check("place 4930123456 is outside the list" in d.ctl("explain", "L-1").stdout, True, "who may see the lead sees all of it")


def the_shipped_rules_can_be_copied_to_start_from():
    d = Daemon(clock=CLOCK)
    copy = d.directory / "etc/leadd/rules"
    d.ctl("rules", "init", copy, "--from", TOP / "rules")
    check(d.ctl("check", copy).returncode, 0)
    (copy / "00-site.lua").write_text("-- mine\n")
    d.ctl("rules", "init", copy, "--from", TOP / "rules", check_code=1)
    check((copy / "00-site.lua").read_text(), "-- mine\n", "nothing of ops is overwritten")


main(the_shipped_rules_can_be_copied_to_start_from, a_new_rule_counts_from_the_next_event_on, a_broken_rule_is_refused_with_its_place_and_the_running_ones_stay, sighup_reloads_too,
     a_broken_boot_goes_on_under_the_last_good_set, a_rule_that_fails_loses_no_lead, what_a_lead_says_never_reaches_the_journal_through_a_rule_that_fails)
