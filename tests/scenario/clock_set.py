#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The machine's clock is set forward by hours: what became due by it alone waits ten minutes, whatever else looks at the leads."""
import os, pathlib, shutil, subprocess, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, check, lead, main, wait_for  # noqa: E402

# The daemon's CLOCK_REALTIME runs ahead by the seconds in a file. Nobody may set the clock of the machine that tests run on.
AHEAD = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *ahead;

__attribute__((constructor)) static void open_file(void) {
        int fd = open(getenv("CLOCK_AHEAD"), O_RDONLY | O_CLOEXEC);
        ahead = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, fd, 0);
}

int clock_gettime(clockid_t id, struct timespec *ts) {
        int r = (int) syscall(SYS_clock_gettime, id, ts);
        if (id == CLOCK_REALTIME)
                ts->tv_sec += *ahead;
        return r;
}
"""
RULES = """
settings "site" { zone = "UTC", spool = { crm = { "owner" } } }
calendar "always" { zone = "UTC", open = { mon_sun = "00:00-24:00" } }
team "marketing" { doc = "asks" }
team "sales" { calendar = "always", head = "petra", on_absence = "reassign_unaccepted", members = {
  anna = { max_unaccepted = 1 }, petra = { weight = 0 } } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "asked" }
status "mql" { team = "sales", kind = "sla", meaning = "fits" }
status "done" { team = "sales", kind = "final", meaning = "over" }
move "ask" { from = "inquiry", to = "mql", by = "rules" }
move "win" { from = "mql", to = "done", by = "owner" }
route "ALL" { team = "sales" }
sla "SOON" { status = "mql", when = { ["person.title"] = "tick" }, within = "1h", clock = "wall", steps = { { at = "2s", remind = { "head" } }, { at = "1h", every = "1h", remind = { "head" } } } }
sla "ANSWER" { status = "mql", within = "1h", clock = "wall", steps = { { at = "1h", every = "1h", remind = { "owner", "head" } } } }
"""
LEFT = RULES.replace("anna = { max_unaccepted = 1 }", "anna = { left = true }, zoe = {}")


class Hasty(Daemon):
    """One whose clock can be set forward."""

    def __init__(self):
        super().__init__()
        shutil.rmtree(self.rules)
        self.rules.mkdir()
        (self.rules / "rules.lua").write_text(RULES)
        (self.directory / "ahead.c").write_text(AHEAD)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", self.directory / "ahead.so", self.directory / "ahead.c"], check=True)
        (self.directory / "ahead").write_bytes(bytes(8))

    def start(self, **more):
        return super().start(environment={"LD_PRELOAD": str(self.directory / "ahead.so"), "CLOCK_AHEAD": str(self.directory / "ahead")}, **more)

    def set_forward(self, seconds):
        with open(self.directory / "ahead", "r+b") as f:
            f.write(seconds.to_bytes(8, "little"))


def steps_of(d, lead):
    return [event["type"] for event in d.log_of(lead) if event["type"] == "timer.step"]


def neither_a_reload_nor_who_is_away_or_back_takes_the_steps_that_wait():
    with Hasty() as d:
        d.drop("web", "a.json", lead("a@example.com", id="a"))
        d.settle()
        d.drop("web", "b.json", lead("b@example.com", id="b", person={"title": "tick"}))
        d.settle()
        check([d.show(f"L-{i}")["owner"] for i in (1, 2)], ["anna", None], "the second waits for room")
        check(steps_of(d, "L-2"), [])
        d.set_forward(7200)
        wait_for(lambda: "the machine's clock was set forward by" in d.log(), "the clock to be noticed")
        (d.rules / "rules.lua").write_text(LEFT)
        check(d.json("reload", "--no-wait")["loaded"], True)
        for name, data in (("away", {"name": "anna", "to": "2999-01-01T00:00:00Z"}), ("back", {"name": "zoe"})):
            d.drop("crm", f"{name}.json", {"specversion": "1.0", "id": name, "type": f"owner.{name}", "data": {"owner": data}})
        d.settle()
        d.ctl("ping")
        check((steps_of(d, "L-1"), steps_of(d, "L-2"), d.show("L-1")["owner"]), ([], [], "anna"), "nothing escalates because somebody mistyped the time")
        rederived = d.json("status")["rules"]["rederived"]
        check((rederived["leads"], rederived["runs"]), (0, True))
        # The clock is right after all: the next start believes it.
        check(d.stop(), 0)
        d.start()
        wait_for(lambda: steps_of(d, "L-1") and d.show("L-1")["owner"] == "zoe", "the step that was due")


if os.environ.get("LEADD_SANITIZED"):
    print("not under sanitizers: their runtime must be loaded first, and so must the library that sets the clock")
    sys.exit(77)
main(neither_a_reload_nor_who_is_away_or_back_takes_the_steps_that_wait)
