#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills the daemon while a person is being erased, and looks whether anything of the person is left after the next start.

    tests/fault/erase_kill.py [--kills N] [--seed N]

The transaction of an erasure is one; its files are gone through after it. Wherever the kill falls, either the person is as before,
and a second order erases, or the next start goes on, and nothing is left: not in the book, its log, the spool, nor compressed.

Then the same is done with a build that forgets at its start what it had begun, and must be found out.
"""
import argparse, gzip, json, pathlib, random, subprocess, sys, threading, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import BUILD, TOP, Daemon, Failed, check, lead, wait_for  # noqa: E402

EMAIL = "maria.canary@canarywerk.example"
CANARIES = ("maria.canary", "canarywerk", "canaria", "canary-event", "sings in a canary cage")


def left(d):
    found = set()
    for path in [*d.state.rglob("*"), *d.spool.rglob("*"), d.log_path]:
        if path.is_file():
            data = path.read_bytes()
            data = gzip.decompress(data) if path.name.endswith(".gz") else data
            found |= {(str(path.relative_to(d.directory)), canary) for canary in CANARIES if canary.encode() in data.lower()}
    return sorted(found)


def maria(ident):
    return lead(EMAIL, id=ident, person={"name": "Maria Canaria"}, company={"name": "Canarywerk", "domain": "canarywerk.example"},
        attribution={"form_name": "demo"}, answers={"hobby": "sings in a canary cage"}, consent={"contact": True})


def plant(d):
    """Many files, so that going through them takes a while, with the person in the first and the last."""
    d.drop("web", "0.ndjson.gz", gzip.compress(json.dumps(maria("canary-event")).encode()))
    lines = [json.dumps({**lead(f"p{n}@other.example", id=f"p{n}"), "type": "lead.sold"}) for n in range(200)]
    d.drop("web", "1.ndjson", "\n".join([*lines, json.dumps({**maria("canary-event-2"), "type": "lead.sold"})]))
    for n in range(60):
        d.drop("site", f"{n}.json", lead(f"q{n}@other.example", id=f"q{n}"))
    d.drop("web", "9.json", maria("canary-event-3"))
    d.settle()


def round_of(seed, environment, leadd):
    """One kill; true when it fell between the commit and the end of the erasure."""
    draw = random.Random(seed)
    d = Daemon(leadd=leadd)
    site = d.rules / "00-site.lua"
    check('keep_done = "7d"' in site.read_text(), True, "finished files are kept")
    d.start(environment=environment)
    try:
        plant(d)
        number = d.show(EMAIL)["lead"]
        order = threading.Thread(target=d.ctl, args=("erase", EMAIL), kwargs={"check_code": None})
        order.start()
        time.sleep(draw.uniform(0.005, 0.08))  # the one sleep that is meant: the instant of the kill
        d.kill()
        order.join()
        was_left = left(d)
        d.start(environment=environment)
        erased = "was erased" in d.ctl("show", number, check_code=None).stderr
        if not erased:
            d.ctl("erase", EMAIL)
        try:
            wait_for(lambda: not left(d), "nothing to be left", limit=10)
        except Failed:
            raise Failed(f"seed {seed}: left after a kill: {left(d)}")
        check(len((d.spool / "held/web/1.ndjson.rejects.ndjson").read_text().splitlines()), 200, "records of others")
        check("was erased" in d.ctl("show", number, check_code=3).stderr, True)
        check(d.stop(), 0)
        d.replay()
        return erased and bool(was_left)
    finally:
        if d.process:
            d.kill()
        subprocess.run(["rm", "-rf", str(d.directory)])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    n_between = sum(round_of(arguments.seed + n, {}, BUILD / "leadd") for n in range(arguments.kills))
    print(f"{arguments.kills} kills, {n_between} of them between the commit and the end: nothing is left")
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(TOP), "-j2", "BREAKABLE=1", "BUILD=build/breakable", "OPTIMIZE=-O0", "build/breakable/leadd"], check=True)
    for n in range(arguments.kills):
        try:
            round_of(arguments.seed + n, {"LEADD_BREAK": "no_resume"}, TOP / "build/breakable/leadd")
        except Failed as failed:
            print(f"no_resume is found out: {str(failed)[:80]} ...")
            return
    raise Failed("a build that forgets what it had begun to erase is not found out")


if __name__ == "__main__":
    main()
