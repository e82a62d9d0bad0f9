#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Audiences on the real daemon: who is in and why not, takes that count, what owners keep out, and what a client that dies leaves behind."""
import csv, io, json, pathlib, random, shutil, socket, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, check, lead, main  # noqa: E402

THURSDAY = "2026-03-05T10:00:00+01:00"
RULES = """
settings "site" { zone = "Europe/Berlin", ops = "ops@example.com", spool = { crm = { "outcome" } } }
team "marketing" { doc = "a queue" }
team "desk" { head = "petra", members = { anna = {}, petra = { weight = 0 } } }
status "nurture" { team = "marketing", kind = "open", initial = true, marketing_may_contact = true, meaning = "new" }
status "mql" { team = "desk", kind = "open", meaning = "sales has it" }
status "customer" { team = "desk", kind = "final", marketing_may_contact = true, meaning = "bought" }
move "raise" { from = "nurture", to = "mql", by = "rules", when = { ["interest.product"] = present } }
move "win" { from = "mql", to = "customer", by = "owner" }
move "back" { from = "mql", to = "nurture", by = "owner" }
route "ALL" { team = "desk" }
segment "big" { when = { ["company.employees"] = ge(100) } }
segment "rival" { when = { ["company.domain"] = "rival.example" } }
channel "mail" { via = "sendmail", from = "m@example.com" }
campaign "webinar" { owner = "marketing", priority = 10, from = "2026-03-01", to = "2026-03-31", channel = "mail",
  include = { segment = "big" }, exclude = { segment = "rival" }, at_most = { 1, per = "7d" } }
campaign "letter" { owner = "marketing", priority = 5, include = { ["person.email"] = present } }
campaign "old" { owner = "marketing", priority = 1, from = "2026-01-01", to = "2026-01-31", include = { segment = "big" } }
feed "crm" { via = "drop", types = { "audience" } }
"""


def daemon():
    d = Daemon(clock=THURSDAY)
    shutil.rmtree(d.rules)
    d.rules.mkdir()
    (d.rules / "rules.lua").write_text(RULES)
    return d


def person(n, employees=500, agrees=True, **more):
    record = lead(f"p{n}@firm{n}.example", id=f"p{n}")
    record["data"]["company"] = {"employees": employees, "name": f"Firm {n}"}
    record["data"]["person"]["name"] = f"Person {n}"
    if agrees is not None:
        record["data"]["consent"] = [{"purpose": "marketing", "granted": agrees, "at": "2026-02-01T00:00:00Z"}]
    for key, value in more.items():
        record["data"].setdefault(key, {}).update(value)
    return record


def book(d):
    people = [
        person(1), person(2, employees=20), person(3, agrees=False), person(4, agrees=None),
        person(5, interest={"product": "x"}), person(6, company={"domain": "rival.example"}), person(7),
    ]
    people[6]["data"]["person"]["name"] = "=HYPERLINK(\"http://x\")"
    test = person(8)
    test["data"]["test"] = True
    d.drop("web", "a.ndjson", "\n".join(json.dumps(r) for r in people + [test]) + "\n")
    d.settle()


def call(d, method, parameters):
    """One question as a program asks it."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(str(d.socket))
        s.sendall(json.dumps({"method": method, "parameters": parameters}).encode() + b"\0")
        answer = b""
        while not answer.endswith(b"\0"):
            answer += s.recv(65536)
    answer = json.loads(answer[:-1])
    check("error" in answer, False, answer)
    return answer["parameters"]


def rows(d, *arguments):
    return d.lines("audience", *arguments)


def inside(d, campaign):
    return [row["lead"] for row in rows(d, campaign)]


def codes(d, campaign):
    return {row["lead"]: [reason["code"] for reason in row["reasons"]] for row in rows(d, campaign, "--explain")}


def each_person_in_or_out_has_a_reason():
    with daemon() as d:
        book(d)
        check(inside(d, "webinar"), ["L-1", "L-7"])
        check(codes(d, "webinar"), {
            "L-1": [], "L-2": ["include"], "L-3": ["consent"], "L-4": ["consent"], "L-5": ["status"], "L-6": ["exclude"], "L-7": [], "L-8": ["test"]})
        why = {row["lead"]: " ".join(reason["text"] for reason in row["reasons"]) for row in rows(d, "webinar", "--explain")}
        check("employees" in why["L-2"] or "big" in why["L-2"], True, why)
        check("said no to marketing on 2026-02-01" in why["L-3"], True, why)
        check("has not agreed" in why["L-4"], True, why)
        check("mql" in why["L-5"] and "anna" in why["L-5"], True, why)
        # Who is in a campaign that goes first is held by it; who agreed to nothing is in none.
        check(codes(d, "letter")["L-1"], ["priority"])
        check(inside(d, "letter"), ["L-2", "L-6"])
        text = d.ctl("audience", "webinar").stdout
        check("nothing was changed" in text and "2 in, 6 out" in text, True, text)
        check("did you mean \"webinar\"" in d.ctl("audience", "webinr", check_code=3).stderr, True)
        table = list(csv.reader(io.StringIO(d.ctl("audience", "webinar", "--csv").stdout)))
        check(table[0], ["lead", "email", "name", "company", "status", "owner", "grade"])
        check(table[2][2], "'=HYPERLINK(\"http://x\")")
        check(d.ctl("audience", "--taken").stdout.strip(), "Nothing was taken.")
        d.drop("crm", "o.json", json.dumps({"specversion": "1.0", "id": "o", "source": "crm", "type": "outcome.note", "subject": "lead:L-1",
                                            "data": {"outcome": {"actor": "system:crm", "opportunity": {"id": "D-1", "stage": "offer"}}}}))
        d.settle()
        check(codes(d, "webinar")["L-1"], ["opportunity"])
        check("noted; opportunity D-1 opened: stage offer" in d.ctl("log", "L-1").stdout, True, d.ctl("log", "L-1").stdout)
        check("a time (RFC 3339)" in d.ctl("exclude", "L-1", "--campaign", "all", "--until", "2wd", "--reason", "r", "--as", "anna", check_code=1).stderr, True)


def what_is_taken_counts_and_is_told():
    with daemon() as d:
        book(d)
        refused = d.ctl("audience", "old", "--take", check_code=1)
        check("2026-01-01 to 2026-01-31" in refused.stderr, True, refused.stderr)
        taken = d.ctl("audience", "webinar", "--take", "--csv")
        check([row[0] for row in csv.reader(io.StringIO(taken.stdout))], ["lead", "L-1", "L-7"])
        check("2 leads taken for webinar" in taken.stderr, True, taken.stderr)
        check(codes(d, "webinar")["L-1"], ["frequency"])
        [take] = d.lines("audience", "--taken")
        check((take["campaign"], take["leads"], take["done"]), ("webinar", 2, True))
        check([row["lead"] for row in rows(d, "--of", str(take["take"]))], ["L-1", "L-7"])
        check(d.show("L-1")["written"], [{"kind": "campaign", "name": "webinar", "time": take["time"]}])
        d.settle()
        [told] = d.outgoing("crm")
        check((told["type"], told["data"]["leads"], told["data"]["take"]), ("org.leadd.audience", ["L-1", "L-7"], take["take"]))
        # The cap is over after a week; who came in, who went out.
        d.drop("web", "b.json", json.dumps(person(9)))
        d.settle()
        d.drop("web", "c.json", json.dumps({"specversion": "1.0", "id": "no", "source": "web", "type": "consent.withdrawn",
                                            "data": {"person": {"email": "p1@firm1.example"}, "consent": [{"purpose": "marketing", "granted": False}]}}))
        d.settle()
        looked = d.ctl("audience", "--of", str(take["take"]), "--csv")
        check("L-1," in looked.stdout and "said no" in looked.stderr, True, looked.stderr)
        limited = d.ctl("audience", "webinar", "--take", "--explain", check_code=2).stderr
        check("--limit" in limited, False, limited)
        d.advance("8d")
        check({row["lead"]: row["in"] for row in rows(d, "webinar", "--diff")}, {"L-1": False, "L-9": True})
        text = d.ctl("audience", "webinar", "--diff").stdout
        check("1 came in since, 1 went out" in text and "said no" in text, True, text)
        check([row["lead"] for row in rows(d, "webinar", "--new")], ["L-9"])
        # L-7 wants something, is accepted and won: after it was taken.
        d.drop("web", "d.json", json.dumps(person(7, interest={"product": "x"}) | {"id": "again"}))
        d.settle()
        d.drop("crm", "w.json", json.dumps({"specversion": "1.0", "id": "w", "source": "crm", "type": "outcome.win", "subject": "lead:L-7", "data": {
            "outcome": {"actor": "rep:anna", "opportunity": {"id": "D-1", "stage": "closed won", "amount": 1000, "currency": "EUR"}}}}))
        d.settle()
        d.ctl("exclude", "L-9", "--campaign", "all", "--until", "10d", "--reason", "=soon", "--as", "petra")
        report = d.json("report", "campaigns")
        [line] = [row for row in report["campaigns"] if row["campaign"] == "webinar"]
        check((line["priority"], line["from"], line["runs"], line["takes"], line["reached"], line["excluded"]), (10, "2026-03-01", True, 1, 2, 1))
        check([(line[key]["n"], line[key]["of"]) for key in ("accepted", "won")], [(1, 2), (1, 2)], line)
        check([(row["campaign"], row["deals"], row["value"]) for row in report["values"]], [("webinar", 1, {"amount": 1000.0, "currency": "EUR"})])
        check([(row["campaign"], row["other"], row["first"]) for row in report["overlaps"]], [("webinar", "letter", "webinar")], report["overlaps"])
        check([(row["lead"], row["campaign"], row["reason"]) for row in report["excluded"]], [("L-9", "all", "=soon")])
        check("'=soon" in d.ctl("report", "campaigns", "--table", "excluded", "--csv").stdout, True)
        d.replay()


def what_an_owner_keeps_out_is_out_until_then():
    with daemon() as d:
        book(d)
        d.ctl("exclude", "L-1", "--campaign", "webinar", "--until", "2026-03-20", check_code=2)
        for campaign, until, text in (("webinr", "90d", "did you mean \"webinar\""), ("webinar", "2026-03-01", "is past"),
                                      ("webinar", "2028-01-01", "at most 400 days"), ("webinar", "soon", "is no time")):
            refused = d.ctl("exclude", "L-1", "--campaign", campaign, "--until", until, "--reason", "talks", "--as", "anna", check_code=1)
            check(text in refused.stderr, True, refused.stderr)
        d.ctl("exclude", "L-1", "--campaign", "webinar", "--until", "2026-03-20", "--reason", "in talks", "--as", "anna")
        check(inside(d, "webinar"), ["L-7"])
        [reason] = [row["reasons"][0] for row in rows(d, "webinar", "--explain") if row["lead"] == "L-1"]
        check((reason["code"], reason["until"]), ("excluded", "2026-03-19T23:00:00Z"))
        check("anna" in reason["text"] and "in talks" in reason["text"], True, reason)
        check("kept it out of webinar until" in d.ctl("log", "L-1").stdout, True, d.ctl("log", "L-1").stdout)
        shown = d.show("L-1")["excluded"]
        check(shown, [{"campaign": "webinar", "until": "2026-03-19T23:00:00Z", "by": "rep:anna", "reason": "in talks"}])
        check("in talks" in d.ctl("show", "L-1").stdout, True)
        check("in talks" in d.ctl("explain", "L-1").stdout, True, d.ctl("explain", "L-1").stdout)
        check("L-1" in inside(d, "letter"), True, "the campaign that goes first no longer has the person")
        # A lead that somebody owns is its owner's and the head's; a CRM may say it, too.
        check(d.ctl("exclude", "L-5", "--campaign", "all", "--until", "30d", "--reason", "r", "--as", "marketing", check_code=1).returncode, 1)
        d.drop("crm", "x.json", json.dumps({"specversion": "1.0", "id": "x", "source": "crm", "type": "outcome.exclude", "subject": "lead:L-5",
                                            "data": {"outcome": {"actor": "rep:petra", "campaign": "all", "not_before": "30d", "reason": "a deal"}}}))
        d.settle()
        check([x["campaign"] for x in d.show("L-5")["excluded"]], ["all"])
        d.ctl("exclude", "L-5", "--campaign", "all", "--lift", "--as", "anna")
        check(d.show("L-5")["excluded"], [])
        # The reason is a line that others read.
        refused = d.ctl("exclude", "L-5", "--campaign", "all", "--until", "30d", "--reason", "a\nowner anna", "--as", "petra", check_code=1)
        check("one line" in refused.stderr, True, refused.stderr)
        # Who is kept out of all stays out, whatever is taken back of one.
        d.ctl("exclude", "L-7", "--campaign", "all", "--until", "30d", "--reason", "a trip", "--as", "petra")
        refused = d.ctl("exclude", "L-7", "--campaign", "webinar", "--lift", "--as", "petra", check_code=1)
        check("petra keeps the lead out of every campaign until 2026-04-04" in refused.stderr, True, refused.stderr)
        # What was said of one who was merged is said of the lead that goes on: a newer word takes its place, and lifting lifts it.
        d.ctl("merge", "L-7", "L-2", "--as", "anna")
        d.ctl("exclude", "L-2", "--campaign", "all", "--until", "10d", "--reason", "a short trip", "--as", "petra")
        check([x["reason"] for x in d.show("L-2")["excluded"]], ["a short trip"])
        check([(x["lead"], x["reason"]) for x in d.json("report", "campaigns")["excluded"] if x["campaign"] == "all"], [("L-2", "a short trip")])
        d.ctl("exclude", "L-2", "--campaign", "all", "--lift", "--as", "petra")
        check((d.show("L-2")["excluded"], codes(d, "webinar")["L-2"]), ([], []))
        # So is an address: of two who are one person the one that goes on had none.
        silent = person(10)
        del silent["data"]["person"]["email"]
        silent["data"]["person"]["phone_number"] = "+49 30 123456"
        d.drop("web", "s.json", json.dumps(silent))
        d.settle()
        check(codes(d, "webinar")["L-9"], ["address"])
        d.ctl("merge", "L-1", "L-9", "--as", "anna")
        check((d.show("L-9")["email"], codes(d, "webinar")["L-9"]), ("p1@firm1.example", ["excluded"]))
        d.ctl("unmerge", "L-1", "--as", "anna")
        check(codes(d, "webinar")["L-9"], ["address"])
        d.ctl("unmerge", "L-7", "--as", "anna")
        check(d.show("L-7")["excluded"], [])
        d.kill()
        d.start()
        d.advance("15d")
        check(inside(d, "webinar"), ["L-1", "L-7"], "it ends by itself")
        d.replay()


def a_take_that_was_cut_off_is_gone_on_with():
    with daemon() as d:
        d.drop("web", "a.ndjson", "\n".join(json.dumps(person(n)) for n in range(1, 31)) + "\n")
        d.settle()
        first = call(d, "org.leadd.Report.Take", {"campaign": "webinar", "leads": list(range(1, 11)), "as": "anna"})
        check((first["leads"], first["done"], first["out"]), (10, False, []))
        d.kill()
        d.start()
        busy = d.ctl("audience", "webinar", "--take", "--as", "petra", check_code=1)
        check("anna" in busy.stderr, True, busy.stderr)
        # Between the look and the take the world goes on.
        d.ctl("exclude", "L-20", "--campaign", "all", "--until", "30d", "--reason", "r", "--as", "petra")
        dropped = call(d, "org.leadd.Report.Take", {"campaign": "webinar", "leads": [10, 20, 21, 999], "take": first["take"], "as": "anna"})
        check(([x["lead"] for x in dropped["out"]], [x["code"] for x in dropped["out"]], dropped["again"]), (["L-20", "L-999"], ["excluded", "gone"], 1))
        # Of those it took already one is out by now: told, and not given out once more by whoever still has the old page.
        d.ctl("exclude", "L-9", "--campaign", "all", "--until", "30d", "--reason", "r", "--as", "petra")
        again = call(d, "org.leadd.Report.Take", {"campaign": "webinar", "leads": [8, 9], "take": first["take"], "as": "anna"})
        check(([(x["lead"], x["code"]) for x in again["out"]], again["again"], again["leads"], again["dropped"]), ([("L-9", "excluded")], 2, 11, 2))
        d.ctl("exclude", "L-9", "--campaign", "all", "--lift", "--as", "petra")
        done = d.ctl("audience", "webinar", "--take", "--json", "--as", "anna")
        check(len(done.stdout.splitlines()), 29, "those it had as well, without the one that is kept out")
        [take] = d.lines("audience", "--taken")
        check((take["take"], take["leads"], take["done"]), (first["take"], 29, True))
        check(inside(d, "webinar"), [])
        same = {"campaign": "letter", "leads": [20], "last": True, "request_id": "one"}
        d.ctl("exclude", "L-20", "--campaign", "all", "--lift", "--as", "petra")
        check(call(d, "org.leadd.Report.Take", same)["event"], call(d, "org.leadd.Report.Take", same)["event"])
        # Who was given out by a take that nobody went on with counts as written to, like any other, and the next take is another one.
        d.advance("8d")
        left = call(d, "org.leadd.Report.Take", {"campaign": "webinar", "leads": [1, 3], "as": "anna"})
        d.advance("25h")
        check([row["lead"] for row in rows(d, "webinar") if row["lead"] in ("L-1", "L-3", "L-4")], ["L-4"])
        check("goes on" in d.ctl("audience", "webinar").stdout, False)
        gone = d.ctl("audience", "webinar", "--take", "--json", "--as", "petra")
        check(["L-1" in gone.stdout.split('"'), "L-4" in gone.stdout.split('"'), "Goes on" in gone.stderr], [False, True, False], gone.stderr)
        check([(take["take"] == left["take"], take["done"]) for take in d.lines("audience", "--taken", "webinar")][:2], [(False, True), (True, False)])
        d.ctl("erase", "L-2")
        d.replay()


def nobody_is_in_whose_status_does_not_let_marketing_write():
    """Books at random; the model knows nothing but what the statuses say (tests/unit/test_audience.c knows all of it)."""
    for seed, allowed in enumerate((("mql", "customer"), ("nurture",))):
        dice = random.Random(seed)
        allows = {name: name in allowed for name in ("nurture", "mql", "customer")}
        rules = RULES
        for name, may in allows.items():
            head, tail = rules.split(f'status "{name}" {{', 1)
            tail = tail.replace(", marketing_may_contact = true", "", 1) if "may_contact" in tail.split("\n", 1)[0] else tail
            rules = head + f'status "{name}" {{' + (" marketing_may_contact = true," if may else "") + tail
        with daemon() as d:
            (d.rules / "rules.lua").write_text(rules)
            d.ctl("reload")
            people = [person(n, interest={"product": "x"} if dice.random() < 0.5 else {}) for n in range(1, 40)]
            d.drop("web", "a.ndjson", "\n".join(json.dumps(r) for r in people) + "\n")
            d.settle()
            for n in range(1, 40):
                if dice.random() < 0.3:
                    d.ctl("move", dice.choice(["win", "back"]), f"L-{n}", "--as", "anna", check_code=None)
            status = {row["lead"]: row["status"] for row in d.lines("list", "--limit", "100")}
            found = {campaign: inside(d, campaign) for campaign in ("webinar", "letter")}
            for campaign, names in found.items():
                check([name for name in names if not allows[status[name]]], [], (seed, campaign))
            check(found["webinar"], sorted((name for name in status if allows[status[name]]), key=lambda name: int(name[2:])))


main(each_person_in_or_out_has_a_reason, what_is_taken_counts_and_is_told, what_an_owner_keeps_out_is_out_until_then,
     a_take_that_was_cut_off_is_gone_on_with, nobody_is_in_whose_status_does_not_let_marketing_write)
