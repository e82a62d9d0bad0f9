#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The benches run: the floor writes the rows of today's schema, and a small book of timers is made, started and fired."""
import os, pathlib, subprocess, sys, tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import BUILD, TOP, check, main  # noqa: E402


def the_floor_writes_leads_and_files():
    with tempfile.TemporaryDirectory(prefix="leadd-test.") as directory:
        for mode in ([], ["files"]):
            done = subprocess.run([str(BUILD / "tests/bench/floor"), f"{directory}/{len(mode)}.db", "2000", *mode], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            check((done.returncode, "2000 leads in" in done.stdout), (0, True), done.stdout)


def a_book_of_timers_is_ready_and_fires_each_that_is_due():
    with tempfile.TemporaryDirectory(prefix="leadd-test.") as directory:
        done = subprocess.run([str(TOP / "tests/bench/timers"), "--timers=1000", "--due=20", "--runs=1", f"--directory={directory}", f"--cache={directory}/cache"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        check((done.returncode, "1000 open, 20 due" in done.stdout, "of the floor" in done.stdout), (0, True, True), done.stdout)
        check(os.listdir(directory), ["cache"], "nothing is left")


main(the_floor_writes_leads_and_files, a_book_of_timers_is_ready_and_fires_each_that_is_due)
