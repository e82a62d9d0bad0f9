#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A full disk stops intake and nothing else: the daemon answers, loses nothing, and goes on by itself when there is room. Needs root (a small tmpfs)."""
import json, os, pathlib, subprocess, sys, tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, check, lead, main, wait_for  # noqa: E402

N = 4000


def intake_waits_for_room_and_answers_meanwhile():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="leadd-full."))
    d = Daemon(clock="2026-03-05T10:00:00+01:00", directory=directory)
    d.state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(d.state)], check=True)
    try:
        with d:
            (d.state / "ballast").write_bytes(b"\0" * 1024 * 1024)
            for part in range(8):
                d.drop("web", f"{part}.ndjson", "".join(json.dumps(lead(f"p{i}@example.com", id=f"n{i}", company={"name": "x" * 300})) + "\n" for i in range(part, N, 8)))
            wait_for(lambda: d.json("status")["disk_full"], "the disk to be full", 60)
            before = d.json("status")["accepted"]
            check(before < N, True, "not all fitted")
            check(d.ctl("list", "--limit", "5").returncode, 0, "it answers")
            check("full" in d.log(), True, "the journal says so")
            subprocess.run(["mount", "-o", "remount,size=64m", str(d.state)], check=True)
            d.settle()
            check(d.json("status")["accepted"], N)
            check(d.json("status")["duplicates"], 0)
            check(d.json("status")["disk_full"], False)
    finally:
        subprocess.run(["umount", "-l", str(d.state)], check=False)


if os.geteuid() != 0:
    print("needs root to mount a small file system")
    sys.exit(77)
main(intake_waits_for_room_and_answers_meanwhile)
