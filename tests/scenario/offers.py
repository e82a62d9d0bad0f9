#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Leads that wait for somebody: each that can be taken is offered, whoever waits longest first, and thousands of them keep nobody else waiting."""
import json, os, pathlib, shutil, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, check, lead, main, wait_for  # noqa: E402

THURSDAY = "2026-03-05T10:00:00+01:00"
RULES = """
settings "site" { zone = "Europe/Berlin", spool = { crm = { "owner" } } }
calendar "berlin" { zone = "Europe/Berlin", open = { mon_fri = "09:00-17:00" } }
team "marketing" { doc = "a queue" }
team "desk" { calendar = "berlin", head = "anna", members = { anna = { MORE }, ben = { MORE } } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "new" }
status "mql" { team = "desk", kind = "open", meaning = "offered" }
status "sal" { team = "desk", kind = "open", meaning = "accepted" }
status "lost" { team = "marketing", kind = "final", meaning = "never a fit" }
move "raise" { from = "inquiry", to = "mql", by = "rules", when = { ["person.email"] = present } }
move "accept" { from = "mql", to = "sal", by = "owner" }
move "drop" { from = { "mql", "sal" }, to = "lost", by = "owner" }
-- more
route "ALL" { team = "desk" }
"""


def daemon(more=""):
    d = Daemon(clock=THURSDAY)
    shutil.rmtree(d.rules)
    d.rules.mkdir()
    (d.rules / "rules.lua").write_text(RULES.replace("MORE", more))
    return d


def raise_hands(d, n, name="many", **data):
    d.drop("web", f"{name}.ndjson", "".join(json.dumps(lead(f"{name}{i}@firm{i}.example", id=f"{name}{i}", **data)) + "\n" for i in range(n)))
    d.settle()


def owner_record(d, what, name, **more):
    d.drop("crm", f"{what}-{name}.json", {"specversion": "1.0", "id": f"{what}-{name}", "type": f"owner.{what}", "data": {"owner": {"name": name, **more}}})
    d.settle()


def held(d):
    return d.json("status")["held"]


def many_that_wait_are_offered_in_slices():
    n = 4000 if os.environ.get("LEADD_SANITIZED") else 20000
    with daemon() as d:
        for name in ("anna", "ben"):
            owner_record(d, "away", name, to="2026-04-01T09:00:00+02:00")
        raise_hands(d, n)
        check(held(d), n)
        owner_record(d, "back", "ben")
        # Everybody else is served meanwhile: questions are answered, new leads are judged, between two slices.
        seen = [held(d)]
        raise_hands(d, 1, "new")
        while seen[-1] > n // 2:
            seen.append(held(d))
        check(seen[-1] > 0, True, "some wait still")
        # What is left is offered at the start, though nothing else happens.
        d.kill()
        d.start()
        while seen[-1] > 0:
            seen.append(held(d))
        check(len(set(seen)) >= 8, True, f"asked {len(seen)} times while they were offered: {sorted(set(seen), reverse=True)[:20]}")
        check(d.json("status")["events"], 2 + 1 + 2 * n + 1 + 1, "rules, three absences, a lead and its offer each, the new one")
        check(d.show("L-1")["owner"], "ben")


def everyone_who_can_be_served_is_whoever_stands_before_them():
    caps = "max_unaccepted = 1, skills = { languages = { \"de\" } }"
    with daemon() as d:
        text = RULES.replace("anna = { MORE }", 'anna = { max_unaccepted = 1, skills = { languages = { "fr" } } }').replace("MORE", caps).replace("-- more", 'route "SPEAKS" { team = "desk", match = { languages = "person.locale" } }')
        (d.rules / "rules.lua").write_text(text)
        check(d.json("reload")["loaded"], True)
        raise_hands(d, 4, "fr", person={"locale": "fr"})
        raise_hands(d, 2, "de", person={"locale": "de"})
        check([d.show(f"L-{i}")["owner"] for i in range(1, 7)], ["anna", None, None, None, "ben", None])
        # Three who want French stand before the one who wants German.
        d.ctl("accept", "L-5", "--as", "ben")
        check([d.show(f"L-{i}")["owner"] for i in range(1, 7)], ["anna", None, None, None, "ben", "ben"])
        check([d.show(f"L-{i}")["version"] for i in (2, 3, 4)], [1] * 3, "nothing happened to those whom nobody can take")
        d.ctl("accept", "L-1", "--as", "anna")
        check([d.show(f"L-{i}")["owner"] for i in (2, 3, 4)], ["anna", None, None])


def at_the_same_instant_the_order_is_that_of_waiting():
    away = 'away = { "2026-03-05" }, max_unaccepted = 2'
    with daemon(away) as d:
        d.drop("web", "quiet.json", {"specversion": "1.0", "type": "lead.submitted", "id": "quiet", "subject": "crm:7", "data": {"person": {"external_ids": {"crm": "7"}}}})
        d.settle()
        check(d.show("L-1")["status"], "inquiry")
        raise_hands(d, 4)
        d.advance("1h")
        # The first by its number begins to wait last.
        d.drop("web", "loud.json", lead("quiet@example.com", id="loud", person={"external_ids": {"crm": "7"}}))
        d.settle()
        check([d.show(f"L-{i}")["held"] is not None for i in range(1, 6)], [True] * 5)
        d.advance("2d")
        check([d.show(f"L-{i}")["owner"] for i in range(1, 6)], [None, "anna", "ben", "anna", "ben"])


main(many_that_wait_are_offered_in_slices, everyone_who_can_be_served_is_whoever_stands_before_them, at_the_same_instant_the_order_is_that_of_waiting)
