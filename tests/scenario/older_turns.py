#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A book whose turns were counted in weights: it replays as it was decided, and from its next event on turns are in leads."""
import pathlib, shutil, sqlite3, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import TOP, Daemon, check, lead, main  # noqa: E402

DUMP = TOP / "tests/data/store/version-5-turns.sql"


def daemon(clock):
    """Six leads to anna (weight 3), ben and carl (1 each); one returned with a credit; an absence of carl that another takes the place of;
    four more; five hours, in which nobody answers; anna and ben away as well; two more, that nobody can take."""
    d = Daemon(clock=clock)
    shutil.rmtree(d.rules)
    d.rules.mkdir()
    d.state.mkdir()
    with sqlite3.connect(d.state / "leadd.db") as book:
        book.executescript(DUMP.read_text())
        archive = book.execute("SELECT archive FROM ruleset").fetchone()[0]
    book.close()
    # The rules it was judged by, as they stand in it.
    (d.rules / "rules.lua").write_text(archive[archive.index(b"settings"):].decode())
    return d


def an_older_book_replays_and_goes_on():
    with daemon("2026-03-05T15:30:00+01:00") as d:
        d.replay()
        check([d.show(f"L-{i}")["owner"] for i in (2, 3, 10, 11, 12)], ["anna", "ben", "petra", None, None])
        # They are looked at when it was said that they would be; somebody is back at midnight.
        check([d.show(f"L-{i}")["held"]["next_look"] for i in (11, 12)], ["2026-03-06T08:00:00Z"] * 2)
        d.drop("web", "n.json", lead("n@example.com", id="n"))
        d.settle()
        check(d.show("L-13")["held"]["next_look"], "2026-03-05T23:00:00Z")
        d.advance("18h")
        check([d.show(f"L-{i}")["owner"] for i in (11, 12, 13)], ["carl"] * 3)
        # All are back: nobody is owed anything from before, and turns go by weight.
        d.advance("3d")
        for i in range(5):
            d.drop("web", f"m{i}.json", lead(f"m{i}@example.com", id=f"m{i}"))
            d.settle()
        owners = [d.show(f"L-{i}")["owner"] for i in range(14, 19)]
        check((sorted(owners), owners[0]), (["anna"] * 3 + ["ben", "carl"], "anna"))


main(an_older_book_replays_and_goes_on)
