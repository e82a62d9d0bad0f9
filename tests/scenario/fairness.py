#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`leadctl report fairness`: who was entitled to what, who got it, what became of it, and why somebody was passed over."""
import csv, io, os, pathlib, shutil, sys, xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, check, lead, main  # noqa: E402

THURSDAY = "2026-03-05T10:00:00+01:00"
RULES = """
settings "site" { zone = "Europe/Berlin" }
calendar "berlin" { zone = "Europe/Berlin", open = { mon_fri = "09:00-17:00" } }
team "marketing" {}
team "desk" { calendar = "berlin", head = "petra", strategy = "weighted", on_absence = "deputy", deputy = "petra",
  members = { anna = { weight = 2 }, ben = { max_unaccepted = 2 }, ["c<d>"] = { per_day = 1 }, petra = { weight = 0 } } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "new" }
status "mql" { team = "desk", kind = "sla", meaning = "offered" }
status "sal" { team = "desk", kind = "open", meaning = "accepted" }
status "lost" { team = "marketing", kind = "final", meaning = "no" }
move "raise" { from = "inquiry", to = "mql", by = "rules" }
move "accept" { from = "mql", to = "sal", by = "owner" }
move "reject" { from = { "mql", "sal" }, by = "owner", reasons = { "bad_data", "no_fit" } }
reason "bad_data" { to = "lost", credit = true }
reason "no_fit" { to = "lost" }
route "SAME" { owner = "account" }
route "ALL" { team = "desk" }
sla "ANSWER" { status = "mql", within = "10wd", clock = "team", steps = { { at = "5wd", reassign = true }, { at = "10wd", every = "1wd", remind = { "head" } } } }
"""


def daemon():
    d = Daemon(clock=THURSDAY)
    shutil.rmtree(d.rules)
    d.rules.mkdir()
    (d.rules / "rules.lua").write_text(RULES)
    return d


def come(d, n, **more):
    first = d.json("status")["leads"] + 1
    for i in range(first, first + n):
        d.drop("web", f"{i}.json", lead(f"p@firm{i}.example", id=f"r{i}", **more))
        d.settle()
    return [d.show(f"L-{i}")["owner"] for i in range(first, first + n)]


def fairness(d, *arguments):
    report = d.json("report", "fairness", *arguments)
    return report, {(x["route"], x["owner"]): x for x in report["lines"]}


def kept(line, *names):
    """What is not 0 of a line."""
    return {k: v for k, v in line.items() if v and k not in ("team", "route", "owner", "skipped", "received")} | {k: v for k, v in line["skipped"].items() if v}


def it_counts_what_happened():
    with daemon() as d:
        check("Nothing was routed." in d.ctl("report", "fairness").stdout, True)
        check(come(d, 4), ["anna", "ben", "c<d>", "anna"])  # 2:1:1
        d.ctl("accept", "L-1", "--as", "anna")
        d.ctl("reject", "L-2", "--reason", "bad_data", "--as", "ben")
        d.ctl("reject", "L-3", "--reason", "no_fit", "--as", "c<d>")
        check(come(d, 1), ["ben"], "for the turn given back; c<d> got 1 of 1 today")
        check(come(d, 1), ["anna"])  # of the two
        d.ctl("away", "anna", "..2026-03-06T09:00:00+01:00")
        check(d.show("L-4")["owner"], "petra", "the deputy")
        check(come(d, 1), ["ben"], "alone")
        check(come(d, 1), [None])
        d.ctl("assign", "L-8", "c<d>")
        check(come(d, 1, company={"domain": "firm.example"}), [None])
        d.ctl("assign", "L-9", "ben")
        check(come(d, 1, company={"domain": "firm.example"}), ["ben"], "the account is his, whatever his caps")

        report, lines = fairness(d)
        check((report["from"], report["recorded_since"], report["more"]), ("2026-02-02T23:00:00Z", "2026-03-05T09:00:00Z", False))
        # Three turns of three, two of two (c<d> has had the one of the day), one alone; one in the place of one given back.
        check(kept(lines["ALL", "anna"]), {"entitled": 2.833, "by_turn": 3, "accepted": 1, "left": 2, "away": 1})
        check(kept(lines["ALL", "ben"]), {"entitled": 2.417, "by_turn": 2, "made_good": 1, "returned": 1, "given_back": 1})
        check(kept(lines["ALL", "c<d>"]), {"entitled": 0.75, "by_turn": 1, "returned": 1, "today": 4})
        check(kept(lines["ALL", "petra"]), {"weight": 7})
        check(kept(lines["deputy", "petra"]), {"as_deputy": 2})
        check(kept(lines["assign", "c<d>"]), {"by_hand": 1})
        check((kept(lines["SAME", "ben"]), lines["SAME", "ben"]["received"]), ({"by_account": 1}, 1))
        # What is entitled is what was given by turn.
        check(round(sum(x["entitled"] for x in report["lines"]), 2), float(sum(x["by_turn"] for x in report["lines"])))
        # What was not got of it is owed.
        check([(o["owner"], o["weight"], o["owed"], o["credits"]) for o in report["owed"]],
              [("anna", 2, -0.167, 0), ("ben", 1, 0.417, 0), ("c<d>", 1, -0.25, 0), ("petra", 0, 0.0, 0)])

        d.kill()
        d.start()
        check(fairness(d)[0]["lines"], report["lines"])
        # Whole days of the site: from this one, and from the next.
        check(fairness(d, "--since", "2026-03-05")[0]["lines"], report["lines"])
        check(fairness(d, "--since", "1h")[0]["from"], "2026-03-04T23:00:00Z")
        d.advance("1d")
        later = fairness(d, "--since", "2026-03-06")[0]
        check((later["from"], [x for x in later["lines"] if x["by_turn"]] == []), ("2026-03-05T23:00:00Z", True))


def it_is_a_table_and_a_page():
    with daemon() as d:
        come(d, 4)
        said = d.ctl("report", "fairness").stdout
        rows = [line.split() for line in said.splitlines()]
        at = [row[:3] for row in rows].index(["TEAM", "ROUTE", "OWNER"])
        check(rows[at + 1][:5], ["desk", "ALL", "anna", "2.17", "2"])
        check((rows[at + 4][2], rows[at + 4][-2:]), ("petra", ["weight", "4"]))
        check("EXPIRED" in said, False, "nobody let one expire: no column")
        page = d.directory / "page.html"
        victim = d.directory / "victim"
        (d.directory / "page.html.tmp").symlink_to(victim)  # as somebody may in /tmp
        check(d.ctl("report", "fairness", "--html", page).stdout, "")
        check((victim.exists(), page.stat().st_mode & 0o777), (False, 0o666 & ~UMASK))
        (d.directory / "page.html.tmp").unlink()
        text = page.read_text()
        xml.etree.ElementTree.fromstring(text.split("\n", 1)[1])
        check(("c&lt;d&gt;" in text, "c<d>" in text, "<svg" in text, "http:" in text, "<script" in text), (True, False, True, False, False))
        check(sorted(p.name for p in d.directory.glob("page*")), ["page.html"])
        for arguments, code, said in ((("fairnes",), 3, 'did you mean "fairness"?'), (("fairness", "--since", "ever"), 2, "a duration such as 90d"),
                                      (("fairness", "--until", "40d", "--since", "30d"), 2, "the period ends before it begins"),
                                      (("fairness", "--by", "source"), 2, "always of everything"), (("fairness", "--table", "line"), 3, 'mean "lines"?'),
                                      (("fairness", "--json", "--csv"), 2, "two answers"), (("fairness", "--html", "/nowhere/x.html"), 1, "cannot write")):
            check(said in d.ctl("report", *arguments, check_code=code).stderr, True, said)


def it_is_for_a_spreadsheet():
    with daemon() as d:
        come(d, 4)
        text = d.ctl("report", "fairness", "--csv").stdout
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        check((rows[0]["team"], rows[0]["owner"], float(rows[0]["entitled"]), rows[0]["skipped_away"]), ("desk", "anna", 2.167, "0"))
        report = d.json("report", "fairness")
        check(len(rows), len(report["lines"]))
        owed = list(csv.DictReader(io.StringIO(d.ctl("report", "fairness", "--csv", "--table", "owed").stdout, newline="")))
        check([(o["owner"], float(o["owed"])) for o in owed], [(o["owner"], o["owed"]) for o in report["owed"]])
        check(d.json("report", "fairness", "--table", "owed"), report["owed"])
        # Days are meant whole: the day on which they came, and the one before.
        for until, n in (("2026-03-05", 4), ("2026-03-04", 0)):
            report = d.json("report", "fairness", "--until", until)
            check((report["until"], sum(x["by_turn"] for x in report["lines"])), (f"{until}T23:00:00Z", n))
        check("fairness" in d.ctl("report").stdout, True)


UMASK = os.umask(0o022)
os.umask(UMASK)
main(it_counts_what_happened, it_is_a_table_and_a_page, it_is_for_a_spreadsheet)
