#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How often each rule was hit: what a hit is for each kind, which rules are dead, and from when on an older book counts."""
import pathlib, shutil, sqlite3, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import TOP, Daemon, check, lead, main  # noqa: E402

# What tests/data/store/version-5.sql was judged by.
RULES = """
settings "site" { zone = "Europe/Berlin", ops = "ops@example.com" }
team "marketing" { doc = "a queue" }
team "desk" { members = { anna = {}, ben = {} } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "new" }
status "nurture" { team = "marketing", kind = "open", meaning = "handed back" }
status "mql" { team = "desk", kind = "sla", meaning = "offered" }
status "lost" { team = "marketing", kind = "final", meaning = "never a fit" }
criterion "REACHABLE" { when = { ["person.phone_number"] = present } }
move "qualify" { from = { "inquiry", "nurture" }, to = "mql", by = "rules", needs = { "REACHABLE" }, when = { ["company.employees"] = ge(100) } }
move "reject" { from = "mql", by = "owner", reasons = { "later" } }
move "give_up" { from = { "mql", "nurture" }, to = "lost", by = "desk" }
reason "later" { to = "nurture" }
fence "COOL_OFF" { blocks = { "mql" }, since = { "later" }, hold = "30d" }
fence "CONSENT" { blocks = { "mql" }, when = { country = "DE", ["consent.contact"] = absent } }
group "fit" { max = 10 }
score "SIZE" { group = "fit", when = { ["company.employees"] = ge(100) }, points = 30 }
route "ALL" { team = "desk" }
sla "ANSWER" { status = "mql", within = "1h", clock = "wall", steps = { { at = "1h", reassign = true }, { at = "2h", every = "1d", remind = { "ops" } } } }
adapter "crm" { source = "crm", format = "json", type = "lead.submitted", id = "Id",
                map = { Mail = "person.email", Size = "company.employees", Phone = "person.phone_number" } }
"""
MORE = """
criterion "TITLED" { when = { ["person.title"] = present } }
move "close" { from = "mql", to = "lost", by = "owner", needs = { "TITLED" } }
fence "NOT_YET" { blocks = { "lost" }, when = { age = lt("30d") } }
fence "NEVER" { blocks = { "lost" }, when = { ["person.title"] = "nobody" } }
junk "SCANNER" { when = { type = "email_clicked" } }
segment "big" { when = { ["company.employees"] = ge(200) } }
group "engagement" {}
score "NEVER_SEEN" { group = "engagement", on = { type = "webinar" }, each = 1 }
grade "GRADE" { fit = { A = 5, B = 0 }, engagement = { ["1"] = 0 } }
channel "outgoing" { via = "drop" }
channel "unused" { via = "drop" }
message "reminder" { channel = "outgoing", subject = "s", body = "b" }
feed "moves" { via = "drop", types = { "moved" } }
feed "offers" { via = "drop", types = { "assigned" } }
adapter "other" { source = "ads", format = "json", type = "lead.submitted", id = "Id", map = { Mail = "person.email" } }
"""


def daemon(rules, clock):
    d = Daemon(clock=clock)
    shutil.rmtree(d.rules)
    d.rules.mkdir()
    (d.rules / "rules.lua").write_text(rules)
    return d


def hits(d, *names):
    """Of all time; the same name may be declared in several kinds: "group fit"."""
    found = {(f"{r['kind']} {r['rule']}" if name.count(" ") else r["rule"]): r["hits"] for r in d.lines("rules") for name in names}
    return {name: found[name] for name in names}


def what_each_kind_does_is_counted():
    with daemon(RULES + MORE, "2026-03-05T10:00:00+01:00") as d:
        big, phone = {"employees": 300}, {"phone_number": "+4930123456"}
        d.drop("web", "a.json", lead("a@example.com", id="a", company=big))
        d.drop("web", "b.json", lead("b@example.com", id="b", company={**big, "country": "DE"}, person=phone))
        d.drop("crm", "c.json", '{"Id": "c", "Mail": "c@example.com", "Size": 300, "Phone": "+4930123457"}')
        d.settle()
        d.drop("web", "click.json", lead("c@example.com", id="click", type="activity.email_clicked"))
        d.settle()
        d.advance("3h")
        check(hits(d, "REACHABLE", "CONSENT", "COOL_OFF", "qualify", "inquiry", "mql", "lost"),
              {"REACHABLE": 1, "CONSENT": 1, "COOL_OFF": 0, "qualify": 1, "inquiry": 3, "mql": 1, "lost": 0})
        # seven judgements: three leads, a click, the steps of 11, 12 (nobody is left to take it) and 13 o'clock
        check(hits(d, "SIZE", "group fit", "group engagement", "big", "GRADE", "SCANNER"),
              {"SIZE": 7, "group fit": 7, "group engagement": 0, "big": 7, "GRADE": 3, "SCANNER": 1})
        check(hits(d, "ALL", "ANSWER", "crm", "other", "outgoing", "unused", "message reminder", "moves", "offers"),
              {"ALL": 2, "ANSWER": 2, "crm": 1, "other": 0, "outgoing": 1, "unused": 0, "message reminder": 1, "moves": 1, "offers": 2})
        check(hits(d, "site", "desk", "anna"), {"site": None, "desk": None, "anna": None})

        # A lead that is a test does all of it, and counts for nothing.
        before = {(r["kind"], r["rule"]): r["hits"] for r in d.lines("rules")}
        d.drop("web", "t.json", lead("t@example.com", id="t", company=big, test=True))
        d.settle()
        check("kept the lead from qualify" in d.ctl("explain", "t@example.com", "--at", d.json("status")["now"]).stdout, False, "now is not recorded")
        check({(r["kind"], r["rule"]): r["hits"] for r in d.lines("rules")}, before)

        # What a person is refused is no event, and counts all the same: each thing that the refusal names.
        owner, version = d.show("c@example.com")["owner"], d.show("c@example.com")["version"]
        refusal = d.ctl("move", "close", "c@example.com", "--as", owner, check_code=1).stderr
        check("TITLED" in refusal and "NOT_YET" in refusal, True, refusal)
        check(hits(d, "TITLED", "NOT_YET", "close"), {"TITLED": 1, "NOT_YET": 1, "close": 0})
        d.drop("leadd", "close.json", lead("c@example.com", id="close", type="outcome.close", outcome={"actor": f"rep:{owner}"}))
        d.settle()
        check(hits(d, "TITLED", "NOT_YET"), {"TITLED": 1, "NOT_YET": 1}, "a source that may not say so asks for nothing")
        check(d.show("c@example.com")["version"], version)
        d.ctl("reject", "c@example.com", "--as", owner, "--reason", "later")
        d.drop("crm", "c2.json", '{"Id": "c2", "Mail": "c@example.com", "Size": 400}')
        d.settle()
        check(hits(d, "COOL_OFF", "reject", "later", "nurture", "crm"), {"COOL_OFF": 2, "reject": 1, "later": 1, "nurture": 1, "crm": 2},
              "once when it was handed back, once by the event after")

        d.kill()
        d.clock = "2026-03-05T13:00:00+01:00"
        d.start()
        check(hits(d, "TITLED", "COOL_OFF", "junk SCANNER"), {"TITLED": 1, "COOL_OFF": 2, "junk SCANNER": 1}, "kept")
        d.advance("1h")
        recorded = d.json("explain", "a@example.com", "--at", "2026-03-05T10:00:00+01:00")
        kept = [r for r in recorded["receipts"] if r["note"] == "kept the lead from qualify"]
        check([(r["rule"], r["kind"], r["at"], r["matched"]) for r in kept], [("REACHABLE", "criterion", "rules.lua:9", False)])

        text = d.ctl("rules", "--dead").stdout
        names = [line.split()[0] for line in text.splitlines()[2:] if not line.startswith("(")]
        check(sorted(names[1:]), sorted(["lost", "give_up", "NEVER", "close", "engagement", "NEVER_SEEN", "unused", "other"]), text)
        check("(counted since 2026-03-05 " in text and "criteria" in text and "SLAs" in text, True, text)
        check("teams" in text.split(")")[0], False, "of teams nothing is counted, and nothing is said")
        check([r["rule"] for r in d.lines("rules", "--dead")], names[1:])


def an_older_book_counts_from_its_next_event_on_and_replays_as_it_was():
    d = daemon(RULES, "2026-03-05T12:00:00+01:00")
    d.state.mkdir()
    with sqlite3.connect(d.state / "leadd.db") as book:
        book.executescript((TOP / "tests/data/store/version-5.sql").read_text())
    book.close()
    with d:
        d.replay()
        # Counted then: scores, moves; a group where it was cut; the lead that was a test as well.
        check(hits(d, "SIZE", "qualify", "group fit", "REACHABLE", "CONSENT", "COOL_OFF", "inquiry", "crm"),
              {"SIZE": 7, "qualify": 1, "group fit": 7, "REACHABLE": 0, "CONSENT": 0, "COOL_OFF": 0, "inquiry": 0, "crm": 0})
        for name in ("b", "t"):
            d.drop("web", f"{name}2.json", lead(f"{name}@example.com", id=f"{name}2", company={"employees": 500}))
        d.settle()
        check(hits(d, "SIZE", "group fit", "REACHABLE", "CONSENT"), {"SIZE": 8, "group fit": 8, "REACHABLE": 0, "CONSENT": 1})
        said = d.ctl("rules", "--dead").stdout
        check(len([line for line in said.splitlines() if line.startswith("(counted since 2026-03-05 ")]), 2, said)


main(what_each_kind_does_is_counted, an_older_book_counts_from_its_next_event_on_and_replays_as_it_was)
