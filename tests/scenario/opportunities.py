#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Deals of one lead as a CRM tells them: each with its stages and amounts, open, stalled, won and lost; merged, parted, erased, and found in
an older book."""
import json, pathlib, sqlite3, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import check, main  # noqa: E402
from story import Story  # noqa: E402

CRM = ("00-site.lua", '-- spool = { crm = { "outcome" } },', 'spool = { crm = { "outcome" } },')
# Marketing is told of deals nobody moves, whatever the person does; only large ones.
SLEEPS = ("35-deals.lua", """segment "big_deal" { when = { ["opportunity.amount"] = ge(40000), ["opportunity.state"] = "open" } }
move "deal_sleeps" { from = "opportunity", to = "stalled", by = "rules", when = { ["opportunity.idle"] = ge("14d") } }
""")
n_said = 0


def says(s, who, *news):
    """NDJSON of the CRM: (type, opportunity, reason); an outcome is the CRM's, another record as it is."""
    global n_said
    lines = []
    for type, deal, *reason in news:
        n_said += 1
        data = {"person": {"email": s.address(who)}}
        if type.startswith("outcome."):
            data["outcome"] = {"actor": "rep:dana" if reason or type in ("outcome.win", "outcome.lose") else "integration:crm", "opportunity": deal}
            if reason:
                data["outcome"]["reason"] = reason[0]
        else:
            data["opportunity"] = deal
        lines.append(json.dumps({"specversion": "1.0", "id": f"crm-{n_said}", "source": "crm", "type": type, "data": data}))
    s.drop("crm", f"{n_said}.ndjson", "\n".join(lines) + "\n")
    s.settle()
    check(s.held("crm"), [])


def deals(s, who):
    """[(id, state, stage, amount, currency)]"""
    return [(d["id"], d["state"], d["stage"], d["amount"], d["currency"]) for d in s.show(s.address(who))["opportunities"]]


def a_deal(s, who):
    s.submits(who, "Book a demo")
    for move in ("accept", "contacted", "open_opportunity"):
        s.answers(s.owner(who), move, who)
    check(s.show(s.address(who))["status"], "opportunity")


def three_deals_of_one_lead():
    with Story("Thu 2026-03-05 10:00", changes=[CRM], files=[SLEEPS]) as s:
        a_deal(s, "maria")
        says(s, "maria",
            ("outcome.opportunity", {"id": "O-1", "stage": "demo", "amount": 12000, "currency": "EUR", "close_date": "2026-04-30"}),
            ("lead.updated", {"id": "O-2", "stage": "proposal", "amount": "48000.50", "currency": "eur", "probability": 60}),
            ("outcome.opportunity", {"stage": "negotiation"}))  # of the one spoken of last
        check(deals(s, "maria"), [("O-1", "open", "demo", 12000, "EUR"), ("O-2", "open", "negotiation", 48000.5, "EUR")])
        check(s.show("L-1")["opportunities"][1]["probability"], 0.6)
        check(s.show("L-1")["segments"], ["big_deal"])
        check(s.show("L-1")["opportunity"]["id"], "O-2")
        stories = [e["story"] for e in s.events("maria")][-3:]
        check(stories, ["opportunity O-1 opened: stage demo, 12,000 EUR",
                        "its data was updated; opportunity O-2 opened: stage proposal, 48,000.50 EUR",
                        "opportunity 2: stage proposal -> negotiation, 48,000.50 EUR"])
        s.comes("Tue 2026-03-10 10:00")
        says(s, "maria", ("outcome.opportunity", {"id": "O-3", "stage": "demo"}), ("outcome.opportunity", {"id": "O-1", "stage": "proposal", "amount": 13000}))
        check([e["story"] for e in s.events("maria")][-1], "opportunity O-1: stage demo -> proposal, 12,000 -> 13,000 EUR")
        shown = s.show("L-1")["opportunities"][0]
        check([(t["stage"], t["at"]) for t in shown["stages"]], [("demo", "2026-03-05T09:00:00Z"), ("proposal", "2026-03-10T09:00:00Z")])
        check((shown["opened"], shown["staged"], shown["close_date"]), ("2026-03-05T09:00:00Z", "2026-03-10T09:00:00Z", "2026-04-30"))

        # What is told every night and says nothing new keeps nobody awake; nor does what the person does.
        s.comes("Sat 2026-03-21 10:00")
        says(s, "maria", ("lead.updated", {"id": "O-1", "stage": "proposal", "amount": 13000}))
        s.does("maria", "page_viewed", url="https://example.com/")
        text = s.ctl("show", "L-1").stdout
        for row in (["O-1", "open", "proposal", "13,000", "EUR", "16", "d", "11", "d", "11", "d", "2026-04-30"], ["O-3", "open", "demo", "-", "11", "d"]):
            check([line.split()[: len(row)] for line in text.splitlines() if line.startswith(row[0])], [row], text)
        s.comes("Tue 2026-03-24 09:59")
        s.stands("maria", "opportunity", owner="dana")
        s.comes("Tue 2026-03-24 10:00")
        s.stands("maria", "stalled")
        check(s.moves("maria")[-1], ("Tue 2026-03-24 10:00", "opportunity -> stalled (deal_sleeps by rules)"))
        check([d[1] for d in deals(s, "maria")], ["stalled"] * 3)
        check(s.show("L-1")["segments"], [])

        # One word of the CRM wakes one, a move of sales wakes the rest; each ends by itself.
        says(s, "maria", ("outcome.opportunity", {"id": "O-2", "stage": "contract"}))
        check([d[1] for d in deals(s, "maria")], ["stalled", "open", "stalled"])
        s.answers("emil", "revive", "maria")
        check([d[1] for d in deals(s, "maria")], ["open"] * 3)
        owner = s.owner("maria")
        says(s, "maria", ("outcome.opportunity", {"id": "O-3", "stage": "Closed Lost"}))
        check([e["story"] for e in s.events("maria")][-1], "opportunity O-3 lost: stage demo -> Closed Lost")
        said = s.answers(owner, "win", "maria")
        check("opportunity 2 won, 48,000.50 EUR" in said, True, said)
        check(deals(s, "maria"), [("O-1", "open", "proposal", 13000, "EUR"), ("O-2", "won", "contract", 48000.5, "EUR"), ("O-3", "lost", "Closed Lost", None, None)])
        s.stands("maria", "customer", owner=owner)
        check(s.show("L-1")["opportunity"]["id"], "O-1")

        # What cannot be understood is kept as it was said.
        says(s, "maria", ("lead.updated", {"id": "O-4", "state": "maybe", "amount": 5e12, "probability": -1, "changed": "2020-01-01T00:00:00Z"}))
        check(deals(s, "maria")[3], ("O-4", "open", None, None, None))
        check({k: v for k, v in s.show("L-1")["answers"].items() if k.startswith("opportunity.")},
              {"opportunity.state": "maybe", "opportunity.amount": 5e12, "opportunity.probability": -1})

        s.drop("crm", "empty.json", {"specversion": "1.0", "id": "e", "type": "outcome.opportunity", "data": {"person": {"email": s.address("maria")}, "outcome": {"actor": "integration:crm"}}})
        s.settle()
        check(s.held("crm"), ["empty.json.rejects.ndjson"])


def merged_parted_and_erased():
    with Story("Thu 2026-03-05 10:00", changes=[CRM]) as s:
        for who in ("maria", "otto"):
            a_deal(s, who)
        says(s, "maria", ("outcome.opportunity", {"id": "O-1", "stage": "demo", "amount": 5}), ("outcome.opportunity", {"id": "O-2", "stage": "won", "amount": 7}))
        s.comes("Thu 2026-03-05 10:01")
        says(s, "otto", ("outcome.opportunity", {"id": "O-1", "stage": "proposal"}), ("outcome.opportunity", {"id": "O-4", "stage": "demo"}))
        s.ctl("merge", s.number("otto"), s.number("maria"))
        check([d[:3] for d in deals(s, "maria")], [("O-1", "open", "proposal"), ("O-2", "won", "won"), ("O-4", "open", "demo")])
        says(s, "otto", ("outcome.opportunity", {"id": "O-4", "stage": "proposal"}))
        check(deals(s, "maria")[2][:3], ("O-4", "open", "proposal"))
        s.ctl("unmerge", "L-2")
        check([d[:4] for d in deals(s, "maria")], [("O-1", "open", "demo", 5), ("O-2", "won", "won", 7)])
        check([d[:3] for d in deals(s, "otto")], [("O-1", "open", "proposal"), ("O-4", "open", "proposal")], "what came by his name went with him")
        s.ctl("merge", "L-2", "L-1")
        s.ctl("erase", s.number("maria"))
        rows = book(s, "SELECT lead, state, id, amount, close_date FROM opportunity ORDER BY lead, n")
        check(rows, [(1, 3, None, 70000, None)], "what was won stays as a number")


def book(s, *statements):
    """Run on the book; rows of the last one."""
    with sqlite3.connect(s.state / "leadd.db") as db:
        for statement in statements:
            rows = db.execute(statement).fetchall()
    db.close()
    return rows


def an_older_book_is_folded_from_its_log():
    with Story("Thu 2026-03-05 10:00", changes=[CRM]) as s:
        # The daemon believes for a while that the book is one of before version 7, as an older one did.
        s.stop()
        book(s, "UPDATE meta SET value = 1000000 WHERE key = 'facts'")
        s.start()
        for who in ("maria", "otto", "anton", "rosa"):
            a_deal(s, who)
        for who in ("maria", "otto", "anton"):
            says(s, who, ("lead.updated", {"id": f"O-{who}", "stage": "demo", "amount": 100, "currency": "EUR"}))
        says(s, "maria", ("lead.updated", {"id": "O-second", "stage": "proposal"}))
        says(s, "otto", ("outcome.win", {"id": "O-otto", "amount": 120}))
        s.answers(s.owner("anton"), "lose", "anton", "no_budget")
        check([deals(s, who) for who in ("maria", "otto", "anton", "rosa")], [[]] * 4)
        check(s.show(s.address("maria"))["opportunity"]["id"], "O-second", "it knew one, the newest over the older")
        s.stop()
        book(s, "UPDATE meta SET value = (SELECT max(id) + 1 FROM event) WHERE key = 'facts'",
             "INSERT INTO meta VALUES('deals', 1) ON CONFLICT DO NOTHING", "INSERT INTO meta VALUES('hindsight', 1) ON CONFLICT DO NOTHING")
        s.start()
        check(deals(s, "maria"), [("O-maria", "open", "demo", 100, "EUR"), ("O-second", "open", "proposal", None, None)])
        check(deals(s, "otto"), [("O-otto", "won", "demo", 120, "EUR")])
        check(deals(s, "anton"), [("O-anton", "lost", "demo", 100, "EUR")])
        check(deals(s, "rosa"), [])
        says(s, "maria", ("outcome.opportunity", {"id": "O-maria", "stage": "won"}))
        check([d[1] for d in deals(s, "maria")], ["won", "open"])


main(three_deals_of_one_lead, merged_parted_and_erased, an_older_book_is_folded_from_its_log)
