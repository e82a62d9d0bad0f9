#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One person came twice: the pair is noticed, a person merges it, both old names lead to one lead, and it can be undone."""
import pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, activity, check, lead, main  # noqa: E402

THURSDAY = "2026-03-05T10:00:00+01:00"
MARIA = {"name": "Maria Keller", "phone_number": "+4930123456"}
COMPANY = {"domain": "keller.example", "employees": 180, "country": "DE"}


def noticed_merged_and_undone():
    with Daemon(clock=THURSDAY) as d:
        d.drop("web", "1.json", lead("maria@keller.example", id="1", person={"external_ids": {"crm": "7"}, **MARIA}, company=COMPANY,
            attribution={"form_name": "demo"}, consent={"contact": True}))
        d.settle()
        d.drop("web", "2.json", lead("m.keller@keller.example", id="2", person=MARIA, company=COMPANY))
        d.settle()
        check(d.lines("duplicates"), [{"lead": "L-2", "other": "L-1", "reasons": ["same telephone number", "same name and company domain"]}])
        check("same telephone number" in d.ctl("duplicates").stdout, True)
        before = d.show("L-1")
        check((before["status"], before["owner"]), ("mql", "anna"))
        check(len(d.lines("list")), 2, "nothing was merged by itself")

        said = d.ctl("merge", "L-2", "maria@keller.example").stdout
        check("L-1: " in said and "L-2 was merged into it" in said, True, said)
        check([one["lead"] for one in d.lines("list")], ["L-1"])
        check(d.ctl("duplicates").stdout, "No two leads look like one person.\n")
        after = d.show("L-2")
        check((after["lead"], after["status"], after["owner"], after["due"]), ("L-1", "mql", "anna", before["due"]))
        check(d.show("m.keller@keller.example")["lead"], "L-1")

        # Everything follows, by the address, by the number and by the CRM's word.
        d.drop("site", "3.json", activity("m.keller@keller.example", "page_viewed", id="3", url="https://example.com/pricing"))
        d.settle()
        check([e["id"] for e in d.log_of("L-1") if e["type"] == "activity.page_viewed"], ["3"])
        check(d.log_of("L-2"), d.log_of("L-1"))
        d.ctl("note", "L-2", "she has two addresses")
        d.ctl("accept", "L-2", "--as", "anna")
        check(d.show("L-1")["status"], "sal")

        d.kill()  # and is remembered
        d.clock = "2026-03-05T10:05:00+01:00"
        d.start()
        check(d.show("L-2")["lead"], "L-1")

        said = d.ctl("unmerge", "L-2").stdout
        check("L-2 is a lead of its own again" in said, True, said)
        check([one["lead"] for one in d.lines("list")], ["L-2", "L-1"])
        check((d.show("L-1")["status"], d.show("L-2")["status"]), ("sal", "inquiry"))
        check([e["id"] for e in d.log_of("L-2") if e["type"] == "activity.page_viewed"], ["3"], "it came by her other address")
        check([e["id"] for e in d.log_of("L-1") if e["type"] == "activity.page_viewed"], [])
        check(len(d.lines("duplicates")), 1)


def who_was_merged_by_mistake_and_parted_again_is_no_pair():
    with Daemon(clock=THURSDAY) as d:
        d.drop("web", "1.json", lead("maria@keller.example", id="1", person=MARIA, company=COMPANY))
        d.settle()
        d.advance("1m")
        d.drop("web", "2.json", lead("otto@brandt.example", id="2", person={"name": "Otto Brandt", "phone_number": "+4930999"}, company={"domain": "brandt.example"}))
        d.settle()
        d.ctl("merge", "L-2", "L-1")
        d.ctl("unmerge", "L-2")
        check([d.show(n)["person"]["name"] for n in ("L-1", "L-2")], ["Maria Keller", "Otto Brandt"])
        check(d.lines("duplicates"), [], "their one profile was nobody's statement")
        check([e["story"] for e in d.log_of("L-2")][-2:], ["merged into L-1", "a lead of its own again, no longer part of L-1"])
        check([e["story"] for e in d.log_of("L-1")][-2:], ["L-2 was merged into it", "L-2 is a lead of its own again"])


def what_cannot_be_merged_is_refused_in_words():
    with Daemon(clock=THURSDAY) as d:
        for n in (1, 2):
            d.drop("web", f"{n}.json", lead(f"p{n}@a{n}.example", id=str(n)))
            d.settle()
        check("one lead already" in d.ctl("merge", "L-1", "L-1", check_code=1).stderr, True)
        check("was not merged" in d.ctl("unmerge", "L-1", check_code=1).stderr, True)
        d.ctl("merge", "L-1", "L-9", check_code=3)
        d.ctl("unmerge", "L-9", check_code=3)
        d.ctl("merge", "L-1", check_code=2)
        d.ctl("merge", "L-1", "L-2", "--as", "anna")
        check("merge that one, or unmerge it first" in d.ctl("merge", "L-1", "L-2", check_code=1).stderr, True)
        # What leadd itself says of leads is for no integration to say.
        d.drop("web", "x.json", lead("p1@a1.example", id="x", type="lead.merged"))
        d.settle()
        check(d.held("web"), ["x.json.rejects.ndjson"])


main(noticed_merged_and_undone, who_was_merged_by_mistake_and_parted_again_is_no_pair, what_cannot_be_merged_is_refused_in_words)
