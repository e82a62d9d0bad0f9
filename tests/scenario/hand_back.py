#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Accept and reject are verbs: who may say them and how, what a reason decides, and that a hand-back happens whole, once, or not at all."""
import os, pathlib, pwd, sqlite3, subprocess, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import BUILD, Daemon, activity, check, lead, main  # noqa: E402

THURSDAY = "2026-03-05T10:00:00+01:00"
ME = pwd.getpwuid(os.getuid()).pw_name


def desk(**settings):
    d = Daemon(clock=THURSDAY)
    for name, (old, new) in settings.items():
        path = d.rules / {"people": "10-people.lua", "site": "00-site.lua", "moves": "30-moves.lua"}[name]
        text = path.read_text()
        check(old in text, True, f"{old} in {path.name}")
        path.write_text(text.replace(old, new, 1))
    return d


def offer(d, name="m", campaign=None, company="Keller"):
    d.drop("web", f"{name}.json", lead(f"{name}@{company.lower()}.example", id=name, company={"name": company}, consent=[{"purpose": "contact", "granted": True}],
                                       attribution={"form_name": "demo", **({"campaign": campaign} if campaign else {})}))
    d.settle()
    return d.show(f"{name}@{company.lower()}.example")


def a_person_acts_by_their_own_account_and_root_says_for_whom():
    with desk(people=('user = "petra"', f'user = "{ME}"')) as d:
        offer(d)
        d.ctl("accept", "L-1")
        check(d.json("explain", "L-1")["moves"][-1]["by"], "rep:petra", "whose user the caller is, as head of the team")
    with desk() as d:
        owner = offer(d)["owner"]
        refused = d.ctl("accept", "L-1", check_code=77).stderr
        check("say for whom you act (--as PERSON)" in refused, True, refused)
        check("no member \"anne\"; did you mean \"anna\"?" in d.ctl("accept", "L-1", "--as", "anne", check_code=3).stderr, True)
        check("did you mean" in d.ctl("acept", "L-1", "--as", owner, check_code=2).stderr, True)
        check(d.show("L-1")["version"], 1)
        d.ctl("accepted", "L-1", "--as", owner)
        check(d.show("L-1")["status"], "sal", "by an alias")


def a_crm_says_what_its_people_did():
    with desk(site=('settings "site" {', 'settings "site" { spool = { crm = { "outcome" } },')) as d:
        owner = offer(d, campaign="spring")["owner"]

        def outcome(id, type, **fields):
            d.drop("crm", f"{id}.json", {"specversion": "1.0", "id": id, "type": type, "subject": "lead:L-1", "data": {"outcome": fields}})
            d.settle()
            return d.show("L-1")

        def refused(id):
            return (d.spool / "held/crm" / f"{id}.json.rejects.ndjson").read_text()

        check(outcome("o1", "outcome.accepted")["status"], "mql")
        check("outcome.actor says who did it" in refused("o1"), True, refused("o1"))
        outcome("o1b", "outcome.accepted", actor="system:crm")
        check("is made by a person: name one" in refused("o1b"), True, refused("o1b"))
        other = {"anna": "ben", "ben": "anna"}[owner]
        outcome("o2", "outcome.accepted", actor=f"rep:{other}")
        check(f"is made by the owner ({owner})" in refused("o2"), True, refused("o2"))
        outcome("o3", "outcome.rejected", actor=f"rep:{owner}", reason="unreachable")
        check('reject\\" with reason \\"unreachable\\" is missing' in refused("o3"), True, refused("o3"))
        check(outcome("o4", "com.crm.outcome.accepted", actor=f"rep:{owner}")["status"], "sal", "with a prefix")
        d.advance("5m")
        outcome("o5", "outcome.accepted", actor="rep:petra")
        check(f"accept by {owner} at 2026-03-05T09:00:00Z" in refused("o5"), True, "who was first, and when: " + refused("o5"))
        after = outcome("o6", "outcome.rejected", actor=f"rep:{owner}", reason="no_budget", note="frozen until May")
        check((after["status"], after["owner"]), ("nurture", None))
        row = d.lines("feedback")[0]
        check((row["lead"], row["reason"], row["note"], row["owner"], row["accepted"], row["by"], row["source"], row["campaign"]),
              ("L-1", "no_budget", "frozen until May", owner, True, f"rep:{owner}", "web", "spring"))


def a_reason_decides_where_to_until_when_and_what_wakes():
    with desk() as d:
        owner = offer(d)["owner"]
        d.ctl("accept", "L-1", "--as", owner)
        check("is missing" in d.ctl("reject", "L-1", "--as", owner, "--reason", "unreachable", check_code=1).stderr, True, "no call was made")
        check("a note" in d.ctl("reject", "L-1", "--as", owner, "--reason", "not_a_fit", check_code=1).stderr, True, "and why not?")
        for _ in range(3):
            d.ctl("did", "L-1", "call_made", "--as", owner)
        d.ctl("reject", "L-1", "--as", owner, "--reason", "unreachable")
        shown = d.show("L-1")
        check((shown["status"], shown["owner"], shown["due"]), ("nurture", None, None))
        # Nothing moves it before the date, not even points; a form does.
        d.drop("site", "a.json", activity("m@keller.example", "page_viewed", id="v1", url="https://x.example/pricing", time="2026-03-06T10:00:00Z"))
        d.settle()
        check(d.show("L-1")["status"], "nurture")
        d.advance("2d")
        again = offer(d, "m")
        check(again["status"], "nurture", "the same record again is a duplicate, and no signal")
        d.drop("web", "b.json", lead("m@keller.example", id="again", attribution={"form_name": "demo"}))
        d.settle()
        check(d.show("L-1")["status"], "mql", "who asks again is not kept waiting, and the fence COOL_OFF is open")


def a_hand_back_is_one_event_with_all_that_follows():
    with desk() as d:
        shown = offer(d, campaign="spring")
        n_before = len(d.log_of("L-1"))
        d.ctl("reject", "L-1", "--as", shown["owner"], "--reason", "bad_data", "--note", "no such number")
        new = d.log_of("L-1")[n_before:]
        check(len(new), 1, "one event")
        event = new[0]["event"]
        check(d.stop(), 0)
        book = sqlite3.connect(f"file:{d.state}/leadd.db?mode=ro", uri=True)

        def one(sql):
            return book.execute(sql, (event,)).fetchone()
        check(one("SELECT owner, moved_event, last_event, (SELECT text FROM name WHERE id = status) FROM lead WHERE id = 1 AND last_event = ?"), (0, event, event, "disqualified"))
        check(one("SELECT (SELECT text FROM name WHERE id = reason) FROM feedback WHERE event = ?"), ("bad_data",))
        check(one("SELECT (SELECT text FROM name WHERE id = reason) FROM used WHERE lead = 1 AND event = ?"), ("bad_data",))
        check(one("SELECT count(*) FROM sla WHERE lead = 1 AND ? > 0"), (0,))
        check(one("SELECT count(*) FROM wake WHERE lead = 1 AND ? > 0"), (0,))
        check(one("SELECT count(*) FROM outbox WHERE event = ?")[0] > 0, True, "and the feeds are told by it")
        book.close()
        d.start()


def a_turn_is_given_back_for_a_reason_with_credit_and_for_no_other():
    def owners(d, n, name):
        return [offer(d, f"{name}{i}", company=f"{name}{i}")["owner"] for i in range(n)]

    with desk() as d:
        fresh = owners(d, 5, "f")
    check(fresh[:4] != fresh[1:], True, f"who is next shows what was counted: {fresh}")
    for reason, want in (("bad_data", fresh[:4]), ("not_now", fresh[1:])):
        with desk() as d:
            d.ctl("reject", "L-1", "--as", offer(d)["owner"], "--reason", reason)
            check(owners(d, 4, "n"), want, f"after one that was handed back for {reason}")


def killed_in_the_middle_every_hand_back_is_whole_and_happens_once():
    with desk() as d:
        n = 24
        owners = {}
        for i in range(n):
            d.drop("web", f"k{i}.json", lead(f"k{i}@c{i}.example", id=f"k{i}", company={"name": f"C{i}"}, consent=[{"purpose": "contact", "granted": True}], attribution={"form_name": "demo"}))
        d.settle()
        owners = {row["lead"]: row["owner"] for row in d.lines("list", "--limit", "100") if row["owner"]}
        check(len(owners) >= 8, True, "who has no room for more holds the rest")
        calls = [subprocess.Popen([str(BUILD / "leadctl"), f"--socket={d.socket}", "reject", who, "--as", owner, "--reason", "bad_data"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                 for who, owner in owners.items()]
        calls[len(calls) // 3].wait()
        d.kill()
        d.start()
        said = [(call.wait(), call.stderr.read()) for call in calls]
        rows = d.lines("feedback", "--limit", "1000")
        check(len({row["lead"] for row in rows}), len(rows), "nobody was handed back twice")
        back = {row["lead"] for row in rows}
        for (code, text), who in zip(said, owners):
            shown = d.show(who)
            check((shown["status"] == "disqualified", shown["owner"] is None), (who in back, who in back), f"{who} is back whole or not at all")
            check(who in back, code == 0, f"{who}: what was promised happened, and nothing else: {code} {text}")
        print(f"  {len(back)} of {len(owners)} were handed back, {sum(code == 0 for code, _ in said)} were told so")


def of_two_at_the_desk_one_wins_and_the_other_is_told():
    with desk() as d:
        owner = offer(d)["owner"]
        d.advance("7m")
        racing = [subprocess.Popen([str(BUILD / "leadctl"), f"--socket={d.socket}", "accept", "L-1", "--as", who], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for who in (owner, "petra")]
        said = [process.communicate()[0] for process in racing]
        codes = [process.returncode for process in racing]
        check(sorted(codes), [0, 1], str(said))
        who = (owner, "petra")[codes.index(0)]
        check(f"accept by {who} at 2026-03-05 09:07 +00:00" in said[codes.index(1)], True, said[codes.index(1)])
        check(len(d.log_of("L-1")), 2)


def reopening_is_a_move_like_any_other():
    with desk(moves=('move "promote"', 'move "reopen" { from = "disqualified", to = "mql", by = "marketing", needs = { "REACHABLE" } }\nmove "promote"')) as d:
        first = offer(d)["owner"]
        d.ctl("reject", "L-1", "--as", first, "--reason", "bad_data")
        check(d.show("L-1")["status"], "disqualified")
        d.drop("web", "again.json", lead("m@keller.example", id="again", attribution={"form_name": "demo"}))
        d.settle()
        check(d.show("L-1")["status"], "disqualified", "nothing leaves a final status by itself")
        refused = d.ctl("reopen", "L-1", "--as", first, check_code=1).stderr
        check("is made by the team marketing" in refused, True, refused)
        check("that team has members" in d.ctl("reopen", "L-1", "--as", "inside_sales", check_code=3).stderr, True)
        said = d.ctl("reopen", "L-1", "--as", "marketing").stdout
        check("disqualified -> mql (reopen by team:marketing)" in said, True, said)
        shown = d.show("L-1")
        check((shown["status"], shown["owner"] is not None, shown["due"] is not None), ("mql", True, True), "a hand-off like any other: an owner, a due moment")
        d.ctl("accept", "L-1", "--as", shown["owner"])
        check(d.show("L-1")["status"], "sal")
        # A fence stands in its way as in any other's.
        d.drop("web", "no.json", lead("m@keller.example", id="no", type="consent.withdrawn", consent=[{"purpose": "contact", "granted": False}]))
        d.settle()
        d.ctl("reject", "L-1", "--as", shown["owner"], "--reason", "bad_data")
        refused = d.ctl("reopen", "L-1", "--as", "marketing", check_code=1).stderr
        check("fence REFUSED" in refused, True, refused)


def feedback_is_listed_by_reason_source_and_time():
    with desk() as d:
        for name, source, reason, note in (("a", "spring", "no_budget", None), ("b", None, "not_a_fit", "they sell shoes"), ("c", "autumn", "no_budget", None)):
            shown = offer(d, name, campaign=source, company=f"C{name}")
            d.ctl("reject", shown["lead"], "--as", shown["owner"], "--reason", reason, *(["--note", note] if note else []))
            d.advance("1d")
        check([row["lead"] for row in d.lines("feedback")], ["L-3", "L-2", "L-1"], "the newest first")
        check([row["campaign"] for row in d.lines("feedback", "--reason", "no_budget")], ["autumn", "spring"])
        check([row["lead"] for row in d.lines("feedback", "--since", "36h")], ["L-3"])
        check([row["lead"] for row in d.lines("feedback", "--since", "2026-03-06", "--limit", "1")], ["L-3"])
        check(d.lines("feedback", "--source", "ads"), [])
        table = d.ctl("feedback").stdout
        check("they sell shoes" in table and "CAMPAIGN" in table, True, table)
        check("duration" in d.ctl("feedback", "--since", "soon", check_code=2).stderr, True)
        check("No lead came back" in d.ctl("feedback", "--owner", "nobody").stdout, True)
        crm = [r for r in d.outgoing("marketing") if r["type"] == "org.leadd.moved" and r["data"].get("reason")]
        check([r["data"]["reason"] for r in crm], ["no_budget", "not_a_fit", "no_budget"], "and marketing's feed has them")


main(a_person_acts_by_their_own_account_and_root_says_for_whom, a_crm_says_what_its_people_did, a_reason_decides_where_to_until_when_and_what_wakes,
     a_hand_back_is_one_event_with_all_that_follows, a_turn_is_given_back_for_a_reason_with_credit_and_for_no_other, killed_in_the_middle_every_hand_back_is_whole_and_happens_once, of_two_at_the_desk_one_wins_and_the_other_is_told,
     reopening_is_a_move_like_any_other, feedback_is_listed_by_reason_source_and_time)
