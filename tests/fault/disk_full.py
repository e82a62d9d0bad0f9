#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A full disk stops intake and nothing else: the daemon answers, loses nothing, and goes on by itself when there is room. Needs root (a small tmpfs)."""
import contextlib, json, os, pathlib, shutil, subprocess, sys, tempfile, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import BUILD, TOP, Daemon, check, lead, main, wait_for  # noqa: E402

N = 4000


@contextlib.contextmanager
def small_disk(size, **options):
    """A daemon, not started yet, whose state directory is a small file system."""
    d = Daemon(directory=pathlib.Path(tempfile.mkdtemp(prefix="leadd-full.")), **{"clock": "2026-03-05T10:00:00+01:00", **options})
    d.state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(d.state)], check=True)
    try:
        yield d
    finally:
        subprocess.run(["umount", "-l", str(d.state)], check=False)
        shutil.rmtree(d.directory, ignore_errors=True)


def make_room(d):
    subprocess.run(["mount", "-o", "remount,size=64m", str(d.state)], check=True)


def fill(d):
    """Leaves not a page."""
    with open(d.state / "ballast", "ab", buffering=0) as ballast:
        try:
            while ballast.write(b"\0" * 4096):
                pass
        except OSError:
            pass


def drop_bulk(d):
    for part in range(8):
        d.drop("web", f"{part}.ndjson", "".join(json.dumps(lead(f"p{i}@example.com", id=f"n{i}", company={"name": "x" * 300})) + "\n" for i in range(part, N, 8)))


def cpu_seconds(d):
    fields = pathlib.Path(f"/proc/{d.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def intake_waits_for_room_and_answers_meanwhile():
    with small_disk("3m") as d, d:
        (d.state / "ballast").write_bytes(b"\0" * 1024 * 1024)
        drop_bulk(d)
        wait_for(lambda: d.json("status")["disk_full"], "the disk to be full", 60)
        before = d.json("status")["accepted"]
        check(before < N, True, "not all fitted")
        check(d.ctl("list", "--limit", "5").returncode, 0, "it answers")
        d.ctl("show", "L-1", "--as", "anna")
        check(d.json("show", "L-1", "--as", "anna")["changed"]["events"], 0, "a look is remembered without room to write it")
        check("full" in d.log(), True, "the journal says so")
        make_room(d)
        d.settle()
        check(d.json("status")["accepted"], N)
        check(d.json("status")["duplicates"], 0)
        check(d.json("status")["disk_full"], False)


def a_stop_just_when_room_comes_back_loses_nothing():
    """The batch that waited is left to the next start, so all that was read behind it must be, too."""
    with small_disk("3m") as d:
        d.start()
        (d.state / "ballast").write_bytes(b"\0" * 1024 * 1024)
        drop_bulk(d)
        wait_for(lambda: d.json("status")["disk_full"], "the disk to be full", 60)
        waiting = subprocess.Popen([str(BUILD / "leadctl"), f"--socket={d.socket}", "submit", "-", "--format", "json"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        waiting.stdin.write(json.dumps(lead("waits@example.com", id="waits")).encode())
        waiting.stdin.close()
        wait_for(lambda: list((d.spool / "incoming/leadctl/new").glob("*.json")), "the submitted file")
        make_room(d)
        check(d.stop(), 0)
        check(waiting.wait(20) != 0, True, "who waited is told, and that it is not done")
        waiting.stdout.close()
        d.start()
        d.settle()
        check(d.json("status")["accepted"], N + 1)
        check(d.json("status")["duplicates"], 0)
        check(d.stop(), 0)
        d.replay()


def timers_wait_for_room_without_spinning_and_fire_once():
    with small_disk("3m", rules=TOP / "tests/data/rules/kill", clock=None) as d, d:
        d.drop("web", "a.json", lead("a@example.com", id="a", attribution={"form_name": "demo"}))
        d.settle()
        check(d.stop(), 0)  # takes the write-ahead log away, whose pages would be used again
        d.start()
        fill(d)
        wait_for(lambda: d.json("status")["disk_full"], "the disk to be full", 20)
        before, end = cpu_seconds(d), time.monotonic() + 2
        while time.monotonic() < end:
            d.ctl("ping")
            time.sleep(0.1)
        check(cpu_seconds(d) - before < 0.5, True, f"two idle seconds cost {cpu_seconds(d) - before:.2f} s of CPU")
        make_room(d)
        wait_for(lambda: d.show("L-1")["status"] == "closed", "the last step")
        wait_for(lambda: sum(e["type"] == "org.leadd.reminded" for e in d.outgoing("told")) >= 2, "the reminders")
        steps = [e["summary"] for e in d.log_of("L-1") if e["type"] == "timer.step"]
        check(len(steps), 3, steps)


def clock_advance_gives_up_on_a_full_disk():
    with small_disk("3m") as d, d:
        d.drop("web", "a.json", lead("a@example.com", id="a", attribution={"form_name": "demo"}, person={"phone_number": "+4930123456"}))
        d.settle()
        check(d.stop(), 0)
        d.start()
        fill(d)
        check(d.ctl("clock", "advance", "30d", check_code=None).returncode != 0, True, "refused, and it comes back")
        make_room(d)
        time.sleep(5.5)  # the next attempt after a full disk
        d.advance("1d")
        check(any(e["type"] == "timer.step" for e in d.log_of("L-1")), True)


if os.geteuid() != 0:
    print("needs root to mount a small file system")
    sys.exit(77)
main(intake_waits_for_room_and_answers_meanwhile, a_stop_just_when_room_comes_back_loses_nothing, timers_wait_for_room_without_spinning_and_fire_once,
     clock_advance_gives_up_on_a_full_disk)
