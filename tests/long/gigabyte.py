#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One NDJSON file of almost 1 GiB: killed in the middle, resumed where the ledger stands, each record once; a small file passes by meanwhile.

    tests/long/gigabyte.py [--kills N] [--size BYTES]
"""
import argparse, json, pathlib, random, sqlite3, sys, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, check, lead, wait_for  # noqa: E402


def resident_mib(d):
    for line in pathlib.Path(f"/proc/{d.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--size", type=int, default=(1 << 30) - (1 << 20))
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    chooser = random.Random(arguments.seed)
    with Daemon(clock="2026-03-05T10:00:00+01:00") as d:
        path = d.spool / "incoming/bulk/tmp/big.ndjson"
        n = size = 0
        with open(path, "w") as f:
            while size < arguments.size:
                size += f.write(json.dumps(lead(f"b{n}@example.com", id=f"b{n}", company={"name": "x" * 330, "employees": n % 999})) + "\n")
                n += 1
        path.rename(d.spool / "incoming/bulk/new/big.ndjson")
        print(f"{n} records, {size / 2 ** 20:.0f} MiB", flush=True)
        start, peak = time.monotonic(), 0
        for _ in range(arguments.kills):
            target = d.json("status")["accepted"] + chooser.randrange(n // (2 * arguments.kills))
            wait_for(lambda: d.json("status")["accepted"] > target, "progress", 600)
            peak = max(peak, resident_mib(d))
            d.kill()
            d.start()
        d.drop("web", "small.json", lead("small@example.com", id="small"))
        dropped = time.monotonic()
        wait_for(lambda: d.ctl("show", "small@example.com", check_code=None).returncode == 0, "the small file of another source")
        passed = time.monotonic() - dropped
        wait_for(lambda: not d.waiting(), "the file to be finished", 3600)
        peak = max(peak, resident_mib(d))
        d.settle()
        seconds = time.monotonic() - start
        status = d.json("status")
        check((status["accepted"], status["duplicates"], status["refused"]), (n + 1, 0, 0), "each once")
        print(f"{arguments.kills} kills, {seconds:.0f} s, {n / seconds:.0f} records/s, another source's file after {passed * 1000:.0f} ms, at most {peak} MiB resident", flush=True)


main()
