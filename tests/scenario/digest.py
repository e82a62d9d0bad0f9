#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The digest of a team: one screen of plain text, asked for or sent on a calendar, once a day whatever happens between."""
import json, pathlib, shutil, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, check, lead, main, wait_for  # noqa: E402

THURSDAY = "2026-03-05T08:00:00+01:00"
RULES = """
settings "site" { zone = "Europe/Berlin", ops = "ops@example.com" }
calendar "berlin" { zone = "Europe/Berlin", open = { mon_fri = "09:00-17:00" }, except = { ["2026-03-10"] = "closed" } }
team "marketing" { doc = "a queue" }
team "desk" { calendar = "berlin", head = "petra", members = {
  anna = { email = "anna@example.com", max_unaccepted = 6 }, ben = { left = true }, petra = { weight = 0, email = "petra@example.com" } } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "new" }
status "mql" { team = "desk", kind = "sla", meaning = "waits to be accepted" }
status "working" { team = "desk", kind = "open", meaning = "in conversation" }
status "nurture" { team = "marketing", kind = "open", meaning = "not ready" }
status "lost" { team = "marketing", kind = "final", meaning = "never a fit" }
move "raise" { from = "inquiry", to = "mql", by = "rules", when = { did{ type = "form_submitted" } } }
move "accept" { from = "mql", to = "working", by = "owner" }
move "reject" { from = { "mql", "working" }, by = "owner", reasons = { "no_budget", "bad_data" } }
move "again" { from = "nurture", to = "mql", by = "desk" }
reason "no_budget" { to = "nurture", recycle_after = "90d" }
reason "bad_data" { to = "lost" }
group "fit" { min = 0, max = 100 }
group "engagement" { min = 0, max = 100 }
score "FORM" { group = "engagement", on = { type = "form_submitted" }, points = 30 }
route "ALL" { team = "desk" }
sla "ACCEPT" { status = "mql", within = "1wd", clock = "owner", steps = { { at = "5wd", every = "1wd", remind = { "owner" } } } }
channel "out" { via = "drop" }
"""
DIGEST = 'digest "MORNING" { team = "desk", at = "08:30", channel = "out", to = { "head", "members", "ops" } }\n'


def daemon(rules, clock=THURSDAY):
    d = Daemon(clock=clock)
    shutil.rmtree(d.rules)
    d.rules.mkdir()
    (d.rules / "rules.lua").write_text(rules)
    return d


def restart(d, clock):
    d.stop()
    d.clock = clock
    d.start()


def give(d, *names, **more):
    for name in names:
        d.drop("web", f"{name}.json", lead(f"{name}@example.org", id=name, person={"name": f"Secret {name}"}, company={"name": "Hidden AG"}, **more))
        d.settle()


def sent(d):
    """(day, recipients) of each, in order."""
    days = {}
    for event in d.outgoing("out"):
        check(event["type"], "org.leadd.digest")
        days.setdefault(event["data"]["subject"], []).append(event["data"]["recipient"])
    return [(subject.removeprefix("desk, "), readers) for subject, readers in days.items()]


EVERYBODY = ["petra", "anna", "ops"]


def one_screen_of_plain_text_says_what_the_desk_of_a_team_is():
    with daemon(RULES) as d:
        give(d, *"abcdefgh")  # six find anna, two are held
        give(d, "t", test=True)
        for one in ("L-1", "L-2", "L-3"):
            d.ctl("accept", one, "--as", "anna")
        d.ctl("reject", "L-2", "--reason", "no_budget", "--as", "anna")
        d.ctl("reject", "L-3", "--reason", "no_budget", "--as", "anna")
        text = d.ctl("digest", "desk").stdout
        lines = text.splitlines()
        check(len(lines) <= 24 and max(map(len, lines)) <= 80, True, text)
        check("Secret" in text or "Hidden" in text or "@" in text, False, "it names nobody but members")
        want = ["desk, 2026-03-05 08:00 (new since 2026-03-04 08:00)", "New              8   L-8, L-7, L-6, L-5, ...", "Handed back      2   no_budget 2",
                "Waiting          5   0 overdue, 0 due within two hours", "  L-4        -   anna           in 25 h          mql (ACCEPT)",
                "Held             0", "Stalled          0", "Due 2026-03-06   5   anna 5", "anna                          6        5        0"]
        for line in want:
            check(line in lines, True, f"{line}\n{text}")
        check(d.json("digest", "desk")["text"], text)
        give(d, "i", "j", "k")
        text = d.ctl("digest", "desk").stdout
        check("Held             2\n" in text and "by ALL: nobody in desk can take it: anna has" in text, True, text)
        d.advance("8d")
        text = d.ctl("digest", "desk").stdout
        for line in ("New              0\n", "6 overdue, 0 due", "overdue 6 d", "Stalled          1   L-1 anna 8 d\n", "Due 2026-03-16   0\n"):
            check(line in text, True, f"{line}\n{text}")
        check("Owned by none        inquiry" in d.ctl("digest", "marketing").stdout, False)
        check("Owned by none        nurture 2" in d.ctl("digest", "marketing").stdout, True, d.ctl("digest", "marketing").stdout)
        check('did you mean "desk"?' in d.ctl("digest", "dsk", check_code=3).stderr, True)


def it_is_sent_on_every_day_its_calendar_is_open_to_each_reader_once():
    with daemon(RULES + DIGEST) as d:
        give(d, "a")
        d.advance("25m")
        check(sent(d), [], "not before its time")
        d.advance("10m")
        check(sent(d), [("2026-03-05", EVERYBODY)], "the head is a member: one each, and none for who has left")
        text = d.outgoing("out")[0]["data"]["text"]
        check("desk, 2026-03-05 08:30 (new since 2026-03-04 08:30)" in text and "New              1   L-1\n" in text, True, text)
        d.advance("7d")
        check([day for day, _ in sent(d)], ["2026-03-05", "2026-03-06", "2026-03-09", "2026-03-11", "2026-03-12"], "no week-end, not on the closed Tuesday")
        check("(new since 2026-03-09 08:30)" in d.outgoing("out")[9]["data"]["text"], True, "since the one before")
        events = [e for e in d.lines("rules") if e["rule"] == "MORNING"]
        check((events[0]["kind"], events[0]["hits"]), ("digest", 5))
        check(d.json("status")["next_timer"], "2026-03-13T07:30:00Z")


def neither_a_restart_nor_a_reload_sends_a_day_twice_and_of_those_missed_only_the_newest_is_sent():
    with daemon(RULES + DIGEST) as d:
        give(d, "a")
        d.advance("1h")
        check(len(sent(d)), 1)
        restart(d, "2026-03-05T09:00:00+01:00")
        check(len(sent(d)), 1, "not again after a restart")
        rules = d.rules / "rules.lua"
        rules.write_text(RULES + DIGEST.replace("08:30", "11:00"))
        d.ctl("reload")
        d.advance("4h")
        check(len(sent(d)), 1, "nor because its time was put later on the same day")
        rules.write_text(RULES)
        d.ctl("reload")
        rules.write_text(RULES + DIGEST.replace("08:30", "15:00"))
        d.ctl("reload")
        d.advance("4h")
        check(len(sent(d)), 1, "nor because the rule was away for a while")
        rules.write_text(RULES + DIGEST)
        d.ctl("reload")
        restart(d, "2026-03-11T12:00:00+01:00")  # down from Thursday to Wednesday: Friday, Monday and Wednesday were missed
        wait_for(lambda: len(sent(d)) == 2, "the one that was missed")
        check(sent(d)[1], ("2026-03-11", EVERYBODY), "the newest of them, and no other")
        check("(new since 2026-03-05 08:30)" in d.outgoing("out")[3]["data"]["text"], True)
        d.advance("1d")
        check([day for day, _ in sent(d)], ["2026-03-05", "2026-03-11", "2026-03-12"])
        d.kill()
        d.clock = "2026-03-12T12:30:00+01:00"
        d.start()
        check(len(sent(d)), 3)


def a_new_rule_sends_its_first_at_its_next_moment():
    with daemon(RULES, "2026-03-05T10:00:00+01:00") as d:
        give(d, "a")
        (d.rules / "rules.lua").write_text(RULES + DIGEST + DIGEST.replace("MORNING", "EVENING").replace("08:30", "17:15").replace('"desk"', '"marketing", calendar = "berlin"').replace('"head", "members", ', ""))
        d.ctl("reload")
        check(sent(d), [])
        d.advance("1d")
        check([e["data"]["digest"] for e in d.outgoing("out")], ["EVENING", "MORNING", "MORNING", "MORNING"])


def by_mail_it_is_one_row_a_reader_and_names_no_lead():
    mail = 'channel "mail" { via = "sendmail", from = "leads@example.com" }\n' + DIGEST.replace('"out"', '"mail"')
    with daemon(RULES + mail) as d:
        give(d, "a")
        d.advance("1h")
        rows = d.lines("outbox")
        check([(r["kind"], r["lead"], r["channel"], r["recipient"], r["rule"]) for r in rows], [("digest", None, "mail", who, "MORNING") for who in EVERYBODY])
        wait_for(lambda: "not delivered to channel mail" in d.log(), "an attempt")
        check(("a digest: not delivered" in d.log(), "L-0" in d.log()), (True, False), d.log())
        d.advance("1d")
        check([r["recipient"] for r in d.lines("outbox")], EVERYBODY * 2, "the next day's are rows of their own")


def of_too_many_it_says_that_there_are_more():
    with Daemon(clock=THURSDAY) as d:
        d.drop("bulk", "many.ndjson", "\n".join(json.dumps(lead(f"p{i}@example.org", id=f"p{i}")) for i in range(10100)))
        wait_for(lambda: d.json("status")["leads"] == 10100, "all of them")
        (new,) = [line for line in d.ctl("digest", "marketing").stdout.splitlines() if line.startswith("New")]
        check(new.startswith("New           10000   (at least) inquiry 10000 (L-10100, "), True, new)


main(of_too_many_it_says_that_there_are_more, one_screen_of_plain_text_says_what_the_desk_of_a_team_is, it_is_sent_on_every_day_its_calendar_is_open_to_each_reader_once,
     neither_a_restart_nor_a_reload_sends_a_day_twice_and_of_those_missed_only_the_newest_is_sent, a_new_rule_sends_its_first_at_its_next_moment,
     by_mail_it_is_one_row_a_reader_and_names_no_lead)
