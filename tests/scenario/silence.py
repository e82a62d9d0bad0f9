#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Silence is an event: under the shipped policy a silent lead cools with nobody touching it (story_stalled_deal.py has the deal), and what
a mail scanner does is silence, too, from the moment a rule says so and backwards."""
import pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, activity, check, lead, main  # noqa: E402

THURSDAY = "2026-03-05T10:00:00+01:00"
SCANNER = """junk "SCANNER" { when = { type = "email_clicked", ["properties.seconds_after_send"] = lt(2) } }\n"""


def click(d, seconds, **more):
    d.n_dropped += 1
    d.drop("site", f"click{d.n_dropped}.json", activity("m@keller.example", "email_clicked", id=f"click{d.n_dropped}",
                                                        properties={"seconds_after_send": seconds}, **more))
    d.settle()


def a_silent_lead_cools_by_itself():
    with Daemon(clock=THURSDAY) as d:
        d.drop("web", "a.json", lead("m@keller.example", id="a1", attribution={"form_name": "newsletter"}))
        for n in range(3):
            d.drop("site", f"p{n}.json", activity("m@keller.example", "page_viewed", id=f"p{n}", url="https://www.example.com/pricing"))
        d.settle()
        check([r["grade"] for r in d.lines("list")], ["D2"], "30 for the form, 24 for prices, 3 for visits: 57")
        d.advance("100d")
        # `list` shows what is stored: whoever reads it, nothing but the armed moments has judged the lead since.
        check([r["grade"] for r in d.lines("list")], ["D4"])
        looks = [e for e in d.log_of("L-1") if e["type"].startswith("timer.")]
        check([("D2" in e["summary"], "D3" in e["summary"], "D4" in e["summary"]) for e in looks[:1]], [(False, True, False)], "first to 3")
        # 57 * 0.5^(t/30d) falls below 40 - 10 after 27.8 days and below 20 - 10 after 75.3.
        check([e["time"][:10] for e in looks], ["2026-04-02", "2026-05-19"])
        check("D4" in looks[-1]["summary"], True, looks[-1]["summary"])


def a_junk_rule_gives_the_right_score_back_and_is_counted():
    d = Daemon(clock=THURSDAY)
    scores = d.rules / "40-scores.lua"
    scores.write_text(scores.read_text().replace('junk "SCANNER"', '-- junk "SCANNER"'))
    with d:
        d.drop("web", "a.json", lead("m@keller.example", id="a1", attribution={"form_name": "newsletter"}))
        d.settle()
        form = d.show("L-1")["engagement"]
        click(d, 0.5)
        click(d, 600)
        check(d.show("L-1")["engagement"], form + 8, "without a rule both clicks count")
        (d.rules / "45-junk.lua").write_text(SCANNER)
        d.ctl("reload")
        check(d.show("L-1")["engagement"], form + 4, "the scanner's does no longer")
        click(d, 1)
        check(d.show("L-1")["engagement"], form + 4)
        explained = d.ctl("explain", "L-1").stdout
        check("SCANNER" in explained and "2 activities of 4" in explained, True, explained)
        used = {r["rule"]: r for r in d.lines("rules")}["SCANNER"]
        check((used["kind"], used["hits_7d"]), ("junk", 1), "one event was junk when it came")
        (d.rules / "45-junk.lua").unlink()
        d.ctl("reload")
        check(d.show("L-1")["engagement"], form + 12, "and all count again")
        check(d.show("L-1")["version"], 4, "no data was touched")


main(a_silent_lead_cools_by_itself, a_junk_rule_gives_the_right_score_back_and_is_counted)
