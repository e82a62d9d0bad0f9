#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What keeps a lead out of a status and for how long: fences, rests, vetoes, chains that would go round."""
import pathlib, shutil, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, check, lead, main  # noqa: E402

THURSDAY = "2026-03-05T10:00:00+01:00"
RULES = """
settings "site" { zone = "Europe/Berlin" }
calendar "berlin" { zone = "Europe/Berlin", open = { mon_fri = "09:00-17:00" } }
team "marketing" { doc = "a queue" }
team "desk" { calendar = "berlin", members = { anna = {} } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "new" }
status "nurture" { team = "marketing", kind = "open", meaning = "handed back" }
status "mql" { team = "desk", kind = "open", meaning = "offered" }
status "lost" { team = "marketing", kind = "final", meaning = "never a fit" }
criterion "REACHABLE" { doc = "a phone number", when = { ["person.phone_number"] = present } }
move "qualify" { from = { "inquiry", "nurture" }, to = "mql", by = "rules", when = { ["company.employees"] = ge(100) } }
move "reject" { from = "mql", by = "owner", reasons = { "not_a_fit", "later" } }
move "give_up" { from = "nurture", to = "lost", by = "marketing", needs = { "REACHABLE", { ["person.title"] = present } } }
reason "not_a_fit" { to = "nurture" }
reason "later" { to = "nurture", recycle_after = "90d", wake_on = did{ type = "form_submitted", name = "demo" } }
fence "COOL_OFF" { blocks = { "mql" }, since = { "not_a_fit", "later" }, hold = "30d", doc = "a month of rest" }
group "fit" {}
score "RIVAL" { group = "fit", when = { ["company.domain"] = "rival.example" }, veto = "lost" }
route "ALL" { team = "desk" }
"""


def daemon(more=""):
    d = Daemon(clock=THURSDAY)
    shutil.rmtree(d.rules)
    d.rules.mkdir()
    (d.rules / "rules.lua").write_text(RULES + more)
    return d


def large(d, email="m@keller.example"):
    d.drop("web", "large.json", lead(email, id=email, company={"employees": 300}))
    d.settle()
    check(d.show(email)["status"], "mql")


def status(d):
    return d.show("L-1")["status"]


def a_lead_handed_back_as_no_fit_stays_out_for_30_days_and_then_moves_by_itself():
    with daemon() as d:
        large(d)
        d.advance("1h")
        d.ctl("reject", "L-1", "--as", "anna", "--reason", "not_a_fit")
        check(status(d), "nurture")
        d.drop("web", "again.json", lead("m@keller.example", id="again", attribution={"form_name": "newsletter"}))
        d.settle()
        check(status(d), "nurture", "an event does not open it")
        explained = " ".join(d.ctl("explain", "L-1").stdout.split())  # lines are broken to the width
        check("COOL_OFF" in explained and "not_a_fit since" in explained, True, explained)
        d.advance("29d")
        check(status(d), "nurture")
        d.kill()  # what was handed back when is kept, and so is the instant
        d.clock = "2026-04-03T12:00:00+02:00"
        d.start()
        d.advance("23h")
        check(status(d), "nurture")
        d.advance("1h")
        shown = d.show("L-1")
        check((shown["status"], shown["owner"]), ("mql", "anna"), "30 days after the hand-back, to the minute")
        last = d.log_of("L-1")[-1]
        check((last["type"], last["time"]), ("timer.look", "2026-04-04T10:00:00Z"), last["summary"])


def it_comes_back_earlier_when_it_asks_for_a_demo():
    with daemon() as d:
        large(d)
        d.ctl("reject", "L-1", "--as", "anna", "--reason", "later")
        d.advance("2d")
        d.drop("web", "old.json", lead("m@keller.example", id="old", time="2026-03-01T10:00:00Z", attribution={"form_name": "demo"}))
        d.settle()
        check(status(d), "nurture", "a demo asked for before the hand-back says nothing new")
        d.drop("web", "demo.json", lead("m@keller.example", id="demo", time="2026-03-06T10:00:00Z", attribution={"form_name": "demo"}))
        d.settle()
        check(status(d), "mql", "opens the rest and the fence")
        d.ctl("reject", "L-1", "--as", "anna", "--reason", "later")
        d.advance("1d")
        check(status(d), "nurture", "and only once")
        d.advance("89d")
        check(status(d), "mql", "the date comes by itself")


def a_rival_is_out_at_once_and_stays_out():
    with daemon() as d:
        large(d)
        d.drop("web", "r.json", lead("m@keller.example", id="r", type="company.updated", company={"domain": "rival.example"}))
        d.settle()
        check((status(d), d.show("L-1")["owner"]), ("lost", None))
        check("mql -> lost (RIVAL by rules)" in d.log_of("L-1")[-1]["summary"], True, d.log_of("L-1")[-1]["summary"])
        moves = d.json("explain", "L-1")["moves"]
        check([m["move"] for m in moves][-1], "RIVAL")


def a_chain_that_goes_round_is_stopped_and_named_in_the_log():
    with daemon('status "x" { team = "marketing", kind = "open", meaning = "x" }\n'
                'move "to_x" { from = "inquiry", to = "x", by = "rules" }\n'
                'move "back" { from = "x", to = "inquiry", by = "rules" }\n'
                'move "out" { from = "x", to = "lost", by = "marketing" }\n') as d:
        d.drop("web", "a.json", lead("a@example.com", id="a"))
        d.settle()
        check(status(d), "x")
        check("stopped: back would lead back to inquiry" in d.log_of("L-1")[-1]["summary"], True, d.log_of("L-1")[-1]["summary"])


def a_last_step_before_a_closed_fence_comes_again():
    with daemon('status "owed" { team = "desk", kind = "sla", meaning = "owed" }\n'
                'move "owe" { from = "mql", to = "owed", by = "owner" }\n'
                'move "expire" { from = "owed", to = "nurture", by = "desk" }\n'
                'sla "OWED" { status = "owed", within = "1h", steps = { { at = "1h", move = "expire" } } }\n'
                'fence "BUSY" { blocks = { "nurture" }, when = { age = lt("3d") } }\n') as d:
        large(d)
        d.ctl("owe", "L-1", "--as", "anna")
        d.advance("60h")
        check(status(d), "owed")
        d.advance("24h")
        check("nurture" in d.log_of("L-1")[-1]["summary"], True, d.log_of("L-1")[-1]["summary"])
        tried = [e["id"] for e in d.log_of("L-1") if e["type"] == "timer.step"]
        check((len(tried), len(set(tried))), (4, 4), "an hour after, then daily")


def a_refusal_says_all_that_is_missing():
    with daemon('team "crew" { members = { mia = {} } }\n'
                'move "drop" { from = { "nurture", "mql" }, to = "lost", by = "crew", needs = { "REACHABLE", { ["person.title"] = present } } }\n') as d:
        large(d)
        before = d.show("L-1")["version"]
        refusal = d.ctl("move", "drop", "L-1", "--as", "mia", check_code=1).stderr
        check("REACHABLE (a phone number); person.title is known" in refusal, True, refusal)
        check(d.show("L-1")["version"], before)


main(a_lead_handed_back_as_no_fit_stays_out_for_30_days_and_then_moves_by_itself, it_comes_back_earlier_when_it_asks_for_a_demo,
     a_rival_is_out_at_once_and_stays_out, a_chain_that_goes_round_is_stopped_and_named_in_the_log,
     a_last_step_before_a_closed_fence_comes_again, a_refusal_says_all_that_is_missing)
