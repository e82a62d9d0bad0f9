#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The end, on every path: a stop in the middle of everything, a database that breaks, rejects that cannot be written."""
import json, pathlib, random, resource, shutil, subprocess, sys, tempfile, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, check, lead, main, wait_for  # noqa: E402

LOAD = 45000  # more than the queue between reading and judging holds
CLOCK = "2026-03-05T10:00:00+01:00"


def stops_in_the_middle_lose_and_repeat_nothing():
    d, n = Daemon(clock=CLOCK), 0
    randomness = random.Random(7)
    for _ in range(6):
        d.start()
        for _ in range(150):
            d.drop(randomness.choice(("web", "site", "crm")), f"{n}.json", lead(f"p{n}@example.com", id=f"n{n}"))
            n += 1
        d.drop("bulk", f"{n}.ndjson", "".join(json.dumps(lead(f"b{n}-{i}@example.com", id=f"b{n}-{i}")) + "\n" for i in range(1500)))
        n += 1
        time.sleep(randomness.random() * 0.05)
        check(d.stop(), 0)
    with d:
        d.settle()
        check(d.json("status")["accepted"], 6 * 1650)
        check(d.json("status")["duplicates"], 0)
    shutil.rmtree(d.directory, ignore_errors=True)


def an_input_output_error_under_load_ends_the_daemon_at_once():
    # The signal of the limit is ignored, so that a write beyond it is an error.
    d = Daemon(clock=CLOCK, directory=tempfile.mkdtemp(prefix="leadd-test."), wrapper=("sh", "-c", 'trap "" XFSZ; exec "$@"', "sh"))
    # Judging is made slower than reading, so that the reader waits for room when it happens.
    slow = d.rules / "45-slow.lua"
    slow.write_text('score "SLOW" { group = "fit", points = function(lead) local n = 0 for i = 1, 10000 do n = n + i end end }\n')
    d.start()
    d.drop("bulk", "big.ndjson", "".join(json.dumps(lead(f"b{i}@example.com", id=f"b{i}")) + "\n" for i in range(LOAD)))
    wait_for(lambda: d.json("status")["accepted"] > 0, "the load to begin")
    resource.prlimit(d.process.pid, resource.RLIMIT_FSIZE, (65536, 65536))
    try:
        check(d.process.wait(20) != 0, True, "it says that something broke")
    except subprocess.TimeoutExpired:
        d.kill()
        raise
    check("ends here" in d.log(), True, "and the journal says what")
    d.process = None
    slow.unlink()
    d.start()
    d.settle()
    check((d.json("status")["accepted"], d.json("status")["duplicates"]), (LOAD, 0))
    check(d.stop(), 0)
    d.replay()
    shutil.rmtree(d.directory, ignore_errors=True)


def rejects_that_cannot_be_written_wait_and_nothing_is_judged_again():
    with Daemon(clock=CLOCK) as d:
        (d.spool / "held/web").parent.mkdir(parents=True, exist_ok=True)
        (d.spool / "held/web").write_text("in the way")
        d.drop("web", "two.ndjson", json.dumps(lead("a@example.com", id="a")) + "\n{\"broken\": \n")
        wait_for(lambda: "could not be written" in d.log(), "the attempt")
        time.sleep(2.5)  # a file that is handed out again is so after a second
        status = d.json("status")
        check((status["accepted"], status["duplicates"], status["refused"]), (1, 0, 1))
        check([p.name for p in d.waiting()], ["two.ndjson"])
        (d.spool / "held/web").unlink()
        d.settle()
        check(d.held("web"), ["two.ndjson.rejects.ndjson"])
        check(d.json("status")["duplicates"], 0)


main(stops_in_the_middle_lose_and_repeat_nothing, an_input_output_error_under_load_ends_the_daemon_at_once,
     rejects_that_cannot_be_written_wait_and_nothing_is_judged_again)
