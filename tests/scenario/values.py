#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rules that wait for a word nobody says: `leadctl check DIR --state=DIR` compares the rules with what the book has really heard."""
import pathlib, sqlite3, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import TOP, Daemon, activity, check, lead, main  # noqa: E402

CLOCK = "2026-03-05T10:00:00+01:00"
N = 60
MINE = """score "CHANNEL" { group = "fit", when = { ["attribution.channel"] = "serach" }, points = 1 }
score "RIGHT" { group = "fit", when = { ["attribution.channel"] = one_of{ "SEARCH", "social" } }, points = 1 }
score "VIEWS" { group = "engagement", on = { type = "page_veiwed" }, each = 1 }
score "FLEET2" { group = "fit", field = "answers.fleet_size", map = { ["1-10"] = 1, ["51-200"] = 2 } }
segment "demo" { when = did{ type = "form_submitted", name = starts("dmeo") } }
segment "from_fair" { when = { source = "fiar" } }
-- Nothing is said of these: e-mails, names and free text are no vocabulary, a list says what there may be, and ranks are known.
segment "somebody" { when = { ["person.email"] = "nobody@example.com" } }
segment "company" { when = { ["company.name"] = has("keller") } }
segment "wordy" { when = { ["answers.comment"] = "never said" } }
segment "listed" { when = { ["attribution.channel"] = in_list "mine" } }
segment "rank" { when = { ["person.seniority"] = "c_level" } }
segment "rare" { when = { ["answers.rare"] = "y" } }
list "mine" { "billboard" }
"""


def mine(d, *arguments):
    done = d.ctl("check", d.rules, *arguments)
    return [line for line in done.stdout.splitlines() if line.startswith("45-mine.lua:")]


def what_no_source_ever_sent_is_named_with_what_was_probably_meant():
    with Daemon(clock=CLOCK) as d:
        for i in range(N):
            d.drop("web", f"{i}.json", lead(f"p{i}@example.com", id=f"r{i}", source="fair/berlin", person={"seniority": "director"},
                                            company={"name": f"Company {i}"}, answers={"fleet_size": "51-200", "comment": f"something {i}", **({"rare": "x"} if i < 20 else {})},
                                            attribution={"channel": ("search", "social")[i % 2], "form_name": "demo"}))
            d.drop("site", f"{i}.json", activity(f"p{i}@example.com", "page_viewed", id=f"a{i}", url="/pricing"))
        d.settle()
        (d.rules / "45-mine.lua").write_text(MINE)
        check(mine(d), [], "without the book the loader cannot know")
        warnings = mine(d, f"--state={d.state}")
        check(warnings, [
            f'45-mine.lua:1: warning: score "CHANNEL": attribution.channel is never "serach" in {N} records; did you mean "search"?',
            f'45-mine.lua:3: warning: score "VIEWS": type is never "page_veiwed" in {2 * N} records; did you mean "page_viewed"?',
            f'45-mine.lua:4: warning: score "FLEET2": answers.fleet_size is never "1-10" in {N} records',
            f'45-mine.lua:5: warning: segment "demo": name is never starts("dmeo") in {2 * N} records; did you mean "demo"?',
            f'45-mine.lua:6: warning: segment "from_fair": source is never "fiar" in {2 * N} records; did you mean "fair"?',
        ])
        found = d.lines("check", d.rules, f"--state={d.state}")
        check({"severity": "warning", "file": "45-mine.lua", "line": 1, "text": warnings[0].split(": warning: ")[1]} in found, True, found)
        check(d.ctl("check", d.rules, "--state=/nonexistent", check_code=3).stderr.startswith("leadctl: cannot read /nonexistent/leadd.db"), True)
        (d.directory / "foreign").mkdir()
        (d.directory / "foreign/leadd.db").write_text("this is no database, but long enough to look into" * 100)
        check("no file of this leadd's" in d.ctl("check", d.rules, f"--state={d.directory}/foreign", check_code=65).stderr, True)
        (d.directory / "older").mkdir()
        with sqlite3.connect(d.directory / "older/leadd.db") as book:
            book.executescript((TOP / "tests/data/store/version-1.sql").read_text())
        book.close()
        check("an older leadd has written it; this one brings it up to date at its next start"
              in d.ctl("check", d.rules, f"--state={d.directory}/older", check_code=65).stderr, True)


def a_young_book_says_nothing():
    with Daemon(clock=CLOCK) as d:
        for i in range(49):
            d.drop("web", f"{i}.json", lead(f"p{i}@example.com", id=f"r{i}", attribution={"channel": "search"}))
        d.settle()
        (d.rules / "45-mine.lua").write_text(MINE.splitlines()[0] + "\n")
        check(mine(d, f"--state={d.state}"), [])
        d.drop("web", "more.json", lead("more@example.com", id="more", attribution={"channel": "search"}))
        d.settle()
        check(len(mine(d, f"--state={d.state}")), 1)


main(what_no_source_ever_sent_is_named_with_what_was_probably_meant, a_young_book_says_nothing)
