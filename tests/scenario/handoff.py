#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The hand-off under the shipped policy: who may answer, and how; the story_*.py tell how it goes on."""
import pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, activity, check, lead, main  # noqa: E402

THURSDAY = "2026-03-05T10:00:00+01:00"
DEMO = {"attribution": {"form_name": "demo"}, "consent": [{"purpose": "contact", "granted": True}]}


def a_demo_request_is_offered_to_one_person_with_a_due_moment():
    with Daemon(clock=THURSDAY) as d:
        d.drop("web", "a.json", lead("m@keller.example", id="a1", **DEMO))
        d.settle()
        shown = d.show("m@keller.example")
        check((shown["lead"], shown["status"], shown["team"]), ("L-1", "mql", "inside_sales"))
        check(shown["owner"] in ("anna", "ben"), True, "an owner of the team")
        check(shown["due"] is not None, True, "a due moment")
        check(shown["held"], None)
        events = d.log_of("L-1")
        check(len(events), 1)
        check("mql" in events[0]["summary"] and shown["owner"] in events[0]["summary"], True, events[0]["summary"])


def a_redelivery_changes_nothing():
    with Daemon(clock=THURSDAY) as d:
        for n in range(3):
            d.drop("web", f"a{n}.json", lead("m@keller.example", id="same", **DEMO))
            d.settle()
        check(d.show("L-1")["version"], 1)
        check(d.json("status")["duplicates"], 2)


def the_owner_accepts_and_nobody_else():
    with Daemon(clock=THURSDAY) as d:
        d.drop("web", "a.json", lead("m@keller.example", id="a1", **DEMO))
        d.settle()
        owner = d.show("L-1")["owner"]
        other = "ben" if owner == "anna" else "anna"
        check("owner" in d.ctl("accept", "L-1", "--as", other, check_code=1).stderr, True)
        check(d.ctl("accept", "L-1", check_code=77).returncode, 77, "root names whom it acts for")
        d.ctl("accept", "L-1", "--as", owner)
        check(d.show("L-1")["status"], "sal")
        refusal = d.ctl("accept", "L-1", "--as", owner, check_code=1).stderr
        check("since 2026-03-05 " in refusal and f"accept by {owner} at 2026-03-05 " in refusal, True, refusal)
        check(d.ctl("accept", "L-99", "--as", owner, check_code=3).returncode, 3)
        check(d.ctl("acept", "L-1", "--as", owner, check_code=2).returncode, 2)


def a_rejection_needs_a_reason_and_goes_where_the_reason_says():
    with Daemon(clock=THURSDAY) as d:
        d.drop("web", "a.json", lead("m@keller.example", id="a1", **DEMO))
        d.settle()
        owner = d.show("L-1")["owner"]
        check("no_budget" in d.ctl("reject", "L-1", "--as", owner, check_code=1).stderr, True, "the reasons are named")
        wrong = d.ctl("reject", "L-1", "--as", owner, "--reason", "no_buget", check_code=1).stderr
        check("no_budget" in wrong, True, wrong)
        d.ctl("reject", "L-1", "--as", owner, "--reason", "no_budget")
        shown = d.show("L-1")
        check((shown["status"], shown["owner"]), ("nurture", None))


def behaviour_scores_and_explains_itself():
    with Daemon(clock=THURSDAY) as d:
        d.drop("web", "a.json", lead("m@keller.example", id="a1", person={"title": "VP Logistics"}, company={"employees": 300, "country": "DE"}))
        d.drop("site", "b.json", activity("m@keller.example", "page_viewed", id="p1", url="https://www.example.com/pricing", time="2026-03-04T09:00:00Z"))
        d.settle()
        shown = d.show("L-1")
        check(shown["fit"] > 0 and shown["engagement"] > 0, True, f"fit {shown['fit']}, engagement {shown['engagement']}")
        receipts = d.json("explain", "L-1")["receipts"]
        matched = {r["rule"]: r for r in receipts if r["matched"]}
        total = sum(r["points"] for r in matched.values() if r.get("kind") == "score" and r.get("points"))
        check(abs(total - shown["fit"] - shown["engagement"]) < 0.01, True, f"receipts add up: {total} and {shown['fit']} + {shown['engagement']}")
        for receipt in receipts:
            check(":" in receipt["at"], True, f"{receipt['rule']} has a place")


def a_crm_outcome_counts_like_the_verb_where_the_directory_may_speak():
    with Daemon(clock=THURSDAY) as d:
        d.drop("web", "a.json", lead("m@keller.example", id="a1", **DEMO))
        d.settle()
        owner = d.show("L-1")["owner"]
        accept = {"specversion": "1.0", "id": "crm-1", "type": "outcome.accept", "subject": "lead:L-1", "data": {"outcome": {"actor": f"rep:{owner}"}}}
        d.drop("web", "b.json", accept)
        d.settle()
        check(d.show("L-1")["status"], "mql", "a form may not speak for a rep")
        check(len(d.held("web")), 1, "and the record is kept")
        site = d.rules / "00-site.lua"
        site.write_text(site.read_text().replace('settings "site" {', 'settings "site" {\n  spool = { crm = { "outcome" } },', 1))
        d.ctl("reload")
        d.drop("crm", "b.json", {**accept, "id": "crm-2"})
        d.settle()
        check(d.show("L-1")["status"], "sal")


main(a_demo_request_is_offered_to_one_person_with_a_due_moment, a_redelivery_changes_nothing, the_owner_accepts_and_nobody_else,
     a_rejection_needs_a_reason_and_goes_where_the_reason_says,
     behaviour_scores_and_explains_itself, a_crm_outcome_counts_like_the_verb_where_the_directory_may_speak)
