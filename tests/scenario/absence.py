#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Somebody goes away: what has not been accepted is passed on at once or when the absence begins; what has been stays."""
import json, pathlib, shutil, sqlite3, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, check, lead, main, wait_for  # noqa: E402

THURSDAY = "2026-03-05T10:00:00+01:00"
RULES = """
settings "site" { zone = "Europe/Berlin", ops = "ops@example.com", spool = { crm = { "owner" } } }
calendar "berlin" { zone = "Europe/Berlin", open = { mon_fri = "09:00-17:00" } }
team "marketing" { doc = "a queue" }
team "desk" { calendar = "berlin", head = "petra", on_absence = "reassign_unaccepted",
  members = { anna = {}, ben = {}, petra = { weight = 0 } } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "new" }
status "mql" { team = "desk", kind = "sla", meaning = "offered" }
status "sal" { team = "desk", kind = "open", meaning = "accepted" }
status "lost" { team = "marketing", kind = "final", meaning = "never a fit" }
move "raise" { from = "inquiry", to = "mql", by = "rules" }
move "accept" { from = "mql", to = "sal", by = "owner" }
move "drop" { from = { "mql", "sal" }, to = "lost", by = "owner" }
route "ALL" { team = "desk" }
sla "ANSWER" { status = "mql", within = "1wd", clock = "owner", steps = { { at = "1wd", every = "1wd", remind = { "owner", "head" } } } }
"""


def daemon():
    d = Daemon(clock=THURSDAY)
    shutil.rmtree(d.rules)
    d.rules.mkdir()
    (d.rules / "rules.lua").write_text(RULES)
    return d


def four(d):
    for i in range(4):
        d.drop("web", f"{i}.json", lead(f"p{i}@example.com", id=f"r{i}"))
        d.settle()
    check(owners(d), ["anna", "ben", "anna", "ben"])
    d.ctl("accept", "L-3", "--as", "anna")


def owners(d):
    return [d.show(f"L-{i}")["owner"] for i in range(1, 5)]


def away(d, name, start, end, id):
    d.drop("crm", f"{id}.json", {"specversion": "1.0", "id": id, "type": "owner.away", "data": {"owner": {"name": name, "from": start, "to": end}}})
    d.settle()


def who_is_away_now_keeps_what_was_accepted():
    with daemon() as d:
        four(d)
        away(d, "anna", "2026-03-05T08:00:00Z", "2026-03-10T08:00:00Z", "away1")
        wait_for(lambda: owners(d) == ["ben", "ben", "anna", "ben"], "the lead to be passed on")
        summary = d.log_of("L-1")[-1]["summary"]
        check("anna is away until 2026-03-10T08:00:00Z" in summary, True, summary)
        check(d.show("L-1")["due"], "2026-03-06T09:00:00Z")


def an_absence_that_begins_later_passes_on_then():
    with daemon() as d:
        four(d)
        away(d, "anna", "2026-03-06T08:00:00Z", "2026-03-10T08:00:00Z", "away1")
        d.advance("21h")
        check(owners(d), ["anna", "ben", "anna", "ben"])
        d.kill()
        d.clock = "2026-03-06T07:00:00+01:00"
        d.start()
        d.advance("2h")
        check(owners(d), ["ben", "ben", "anna", "ben"])
        away(d, "ben", "2026-03-06T08:00:00Z", "2026-03-09T08:00:00Z", "away2")
        wait_for(lambda: owners(d) == [None, None, "anna", None], "nobody is there: they wait, visibly")
        check(len(d.lines("list", "--held")), 3)
        d.advance("3d")
        check(owners(d), ["ben", "ben", "anna", "ben"])


# No reminder in the days that matter: nothing but the absence looks at the lead.
PATIENT = ('steps = { { at = "1wd"', 'steps = { { at = "10wd"')
BEN_AWAY = 'ben = { away = { "2026-03-09..2026-03-13" } }'


def reload(d, *changes):
    text = RULES
    for old, new in (PATIENT, *changes):
        check(old in text, True, f"{old} in the rules")
        text = text.replace(old, new)
    (d.rules / "rules.lua").write_text(text)
    check(d.json("reload")["loaded"], True)


def an_absence_that_comes_with_a_reload_passes_on_when_it_begins():
    with daemon() as d:
        reload(d)
        four(d)
        d.advance("1d")
        reload(d, ("ben = {}", BEN_AWAY))
        check(owners(d), ["anna", "ben", "anna", "ben"])
        d.advance("2d")
        check(owners(d), ["anna", "ben", "anna", "ben"])
        d.advance("1d")
        check(owners(d), ["anna", "anna", "anna", "anna"])


def who_may_keep_leads_while_away_passes_them_on_once_the_rules_say_so():
    with daemon() as d:
        keep = ('on_absence = "reassign_unaccepted"', 'on_absence = "keep"')
        reload(d, keep, ("ben = {}", BEN_AWAY))
        four(d)
        d.advance("1d")
        # A move that the change causes waits for the lead's next event; what is armed in its status is armed all the same.
        rather = ('route "ALL"', 'move "rather" { from = "mql", to = "sal", by = "rules", when = { ["person.email"] = "p1@example.com" } }\nroute "ALL"')
        reload(d, ("ben = {}", BEN_AWAY), rather)
        check([d.show(f"L-{i}")["status"] for i in (2, 4)], ["mql", "mql"])
        d.advance("2d")
        check([d.show(f"L-{i}")["status"] for i in (2, 4)], ["mql", "mql"])
        d.advance("1d")
        check((d.show("L-2")["status"], d.show("L-4")["owner"]), ("sal", "anna"), "looked at when he went")


def an_absence_told_just_before_a_kill_arms_every_lead_after_it():
    leads = 2000
    with daemon() as d:
        reload(d)
        d.drop("web", "all.ndjson", "".join(json.dumps(lead(f"p{i}@example.com", id=f"r{i}")) + "\n" for i in range(leads)))
        d.settle()
        begins = 1772784000  # 2026-03-06T08:00:00Z
        book = sqlite3.connect(f"file:{d.state / 'leadd.db'}?mode=ro", uri=True)
        seat = "SELECT count(*) FROM absence"
        late = f"SELECT count(*) FROM lead WHERE flags & 1 AND created + wake > {begins}000000"
        check((book.execute(seat).fetchone()[0], book.execute(late).fetchone()[0]), (0, leads))
        d.drop("crm", "away.json", {"specversion": "1.0", "id": "away", "type": "owner.away", "data": {"owner": {
            "name": "anna", "from": "2026-03-06T08:00:00Z", "to": "2026-03-10T08:00:00Z"}}})
        while book.execute(seat).fetchone()[0] == 0:
            pass
        d.kill()
        left = book.execute(late).fetchone()[0]
        check(left > leads // 2, True, f"killed before all were armed: {left - leads // 2} were not")
        d.start()
        wait_for(lambda: book.execute(late).fetchone()[0] == leads // 2, "the rest to be armed")
        looked = book.execute("SELECT count(*) FROM event WHERE prev > 0").fetchone()[0]
        check(looked, leads // 2, "each once")
        d.kill()
        d.start()
        d.drop("web", "one.json", lead("one@example.com", id="one"))
        d.settle()
        check(book.execute("SELECT count(*) FROM event WHERE prev > 0").fetchone()[0], looked, "those that are armed need no look")
        book.close()
        d.advance("23h")
        check({row["owner"] for row in d.lines("list", "--limit", leads + 1)}, {"ben"})


def however_many_go_at_once_none_is_forgotten():
    many = [f"m{i:02}" for i in range(70)]
    with daemon() as d:
        reload(d, ("anna = {}, ben = {}", ", ".join(f"{name} = {{}}" for name in many)))
        d.drop("web", "all.ndjson", "".join(json.dumps(lead(f"p{i}@example.com", id=f"r{i}")) + "\n" for i in range(70)))
        d.settle()
        check(sorted(row["owner"] for row in d.lines("list")), many)
        reload(d, ("anna = {}, ben = {}", ", ".join(f'{name} = {{ away = {{ "2026-03-05" }} }}' for name in many) + ", zoe = {}"))
        wait_for(lambda: {row["owner"] for row in d.lines("list")} == {"zoe"}, "all of them to be passed on")
        check({tuple(event["type"] for event in d.log_of(f"L-{i}")) for i in range(1, 71)}, {("lead.submitted", "timer.look")}, "each was looked at once")


def however_many_teams_have_room_at_once_none_is_forgotten():
    teams = [f"t{i:02}" for i in range(40)]
    with daemon() as d:
        text = RULES.replace('route "ALL" { team = "desk" }', "")
        for t in teams:
            text += (f'team "{t}" {{ calendar = "berlin", members = {{ {t} = {{}} }} }}\n'
                     f'status "s_{t}" {{ team = "{t}", kind = "open", meaning = "its own" }}\nroute "{t}" {{ team = "{t}" }}\n'
                     f'move "to_{t}" {{ from = "inquiry", to = "s_{t}", by = "rules", when = {{ ["person.title"] = "{t}" }} }}\n'
                     f'move "lose_{t}" {{ from = "s_{t}", to = "lost", by = "owner" }}\n')
        text = text.replace('move "raise" { from = "inquiry", to = "mql", by = "rules" }', "")
        text += 'move "raise" { from = "inquiry", to = "mql", by = "rules" }\nroute "ALL" { team = "desk" }\n'
        (d.rules / "rules.lua").write_text(text)
        check(d.json("reload")["loaded"], True)
        when = {"to": "2026-04-01T09:00:00+02:00"}
        d.drop("crm", "away.ndjson", "".join(json.dumps({"specversion": "1.0", "id": f"a{t}", "type": "owner.away", "data": {"owner": {"name": t, **when}}}) + "\n" for t in teams))
        d.settle()
        d.drop("web", "all.ndjson", "".join(json.dumps(lead(f"{t}@example.com", id=t, person={"title": t})) + "\n" for t in teams))
        d.settle()
        check(len(d.lines("list", "--held")), 40)
        d.drop("crm", "back.ndjson", "".join(json.dumps({"specversion": "1.0", "id": f"b{t}", "type": "owner.back", "data": {"owner": {"name": t}}}) + "\n" for t in teams))
        d.settle()
        wait_for(lambda: not d.lines("list", "--held"), "all of them to be offered", limit=10)


main(who_is_away_now_keeps_what_was_accepted, an_absence_that_begins_later_passes_on_then,
     an_absence_that_comes_with_a_reload_passes_on_when_it_begins, who_may_keep_leads_while_away_passes_them_on_once_the_rules_say_so,
     an_absence_told_just_before_a_kill_arms_every_lead_after_it, however_many_go_at_once_none_is_forgotten, however_many_teams_have_room_at_once_none_is_forgotten)
