#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Books of version 5 replay as they were decided, whatever was decided otherwise since, and go on as all books do."""
import pathlib, shutil, sqlite3, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import TOP, Daemon, check, lead, main  # noqa: E402

DUMP = TOP / "tests/data/store/version-5-told.sql"


def daemon(clock):
    """Two people of one name at one company, and a third there whom the owner rejected; petra is away and never had a turn. Then nobody
    ran for an hour and a half, and each of the two steps of each lead that were missed fired, one after the other. Both
    were accepted: one asked twice, the newer question first, and was answered too late; the other asked after the answer, in vain."""
    d = Daemon(clock=clock)
    shutil.rmtree(d.rules)
    d.rules.mkdir()
    d.state.mkdir()
    with sqlite3.connect(d.state / "leadd.db") as book:
        book.executescript(DUMP.read_text())
        archive = book.execute("SELECT archive FROM ruleset").fetchone()[0]
    book.close()
    (d.rules / "rules.lua").write_text(archive[archive.index(b"settings"):].decode())
    return d


def steps_of(d, number):
    return [e["summary"] for e in d.log_of(number) if e["type"] == "timer.step"]


def an_older_book_replays_and_what_comes_next_is_decided_as_now():
    with daemon("2026-03-05T17:30:00+01:00") as d:
        d.replay()
        check(len(steps_of(d, "L-1")), 5)
        check(d.lines("duplicates"), [], "nobody asked then")
        # From the next event on two of one name are told, and of several steps that were missed one fires.
        for name in "de":
            d.drop("web", f"{name}.json", lead(f"{name}@acme.example", id=name, person={"name": "Dora Dean"},
                company={"name": "Acme", "domain": "acme.example"}))
            d.settle()
        check([(pair["lead"], pair["other"]) for pair in d.lines("duplicates")], [("L-5", "L-4")])
        d.stop()
        d.clock = "2026-03-05T20:30:00+01:00"
        d.start()
        d.advance("1s")
        check(["missed" in text for text in steps_of(d, "L-4")], [True], steps_of(d, "L-4"))


main(an_older_book_replays_and_what_comes_next_is_decided_as_now)
