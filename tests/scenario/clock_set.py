#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The machine's clock is set. Forward by more than five minutes: what became due by it alone waits ten minutes, whatever else looks at the
leads. Back: what was done is not done again."""
import os, pathlib, shutil, struct, subprocess, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, check, lead, main, wait_for  # noqa: E402

# The daemon's clocks are moved by two numbers of seconds in a file: the first sets CLOCK_REALTIME, the second lets time pass on all of
# them. Its timer rings by the same clock, once it is armed again. Nobody may set the clock of the machine that tests run on.
MOVED = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *moved; /* set, passed */

__attribute__((constructor)) static void open_file(void) {
        int fd = open(getenv("CLOCK_MOVED"), O_RDONLY | O_CLOEXEC);
        moved = mmap(NULL, 2 * sizeof *moved, PROT_READ, MAP_SHARED, fd, 0);
}

int clock_gettime(clockid_t id, struct timespec *ts) {
        int r = (int) syscall(SYS_clock_gettime, id, ts);
        ts->tv_sec += moved[1] + (id == CLOCK_REALTIME ? moved[0] : 0);
        return r;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *spec, struct itimerspec *before) {
        struct itimerspec moved_back = *spec;
        if (spec->it_value.tv_sec != 0x7fffffff)
                moved_back.it_value.tv_sec -= moved[0] + moved[1];
        if (moved_back.it_value.tv_sec < 1)
                moved_back.it_value.tv_sec = 1;
        return (int) syscall(SYS_timerfd_settime, fd, flags, &moved_back, before);
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
    """One whose clock can be set."""

    def __init__(self):
        super().__init__()
        shutil.rmtree(self.rules)
        self.rules.mkdir()
        (self.rules / "rules.lua").write_text(RULES)
        (self.directory / "moved.c").write_text(MOVED)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", self.directory / "moved.so", self.directory / "moved.c"], check=True)
        self.is_set, self.passed, self.n_poked = 0, 0, 0
        (self.directory / "moved").write_bytes(bytes(16))

    def start(self, **more):
        return super().start(environment={"LD_PRELOAD": str(self.directory / "moved.so"), "CLOCK_MOVED": str(self.directory / "moved")}, **more)

    def move(self, is_set=0, passed=0):
        self.is_set += is_set
        self.passed += passed
        with open(self.directory / "moved", "r+b") as f:
            f.write(struct.pack("<qq", self.is_set, self.passed))

    def poke(self):
        """Something else happens, so that the timer is armed anew, and is heard."""
        for _ in range(2):
            self.n_poked += 1
            self.drop("web", f"poke{self.n_poked}.json", lead("poke@example.com", id=f"poke{self.n_poked}", type="activity.poked"))
            self.settle()
            self.json("status")

    def set_clock(self, seconds):
        n = self.log().count("the machine's clock was set")
        self.move(is_set=seconds)
        self.poke()
        if seconds > 300:  # set back nothing rings here, where the kernel would
            wait_for(lambda: self.log().count("the machine's clock was set") > n, "the clock to be noticed")

    def let_pass(self, seconds):
        self.move(passed=seconds)
        self.poke()


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
        d.move(is_set=7200)
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


def offered(d):
    d.drop("web", "poke0.json", lead("poke@example.com", id="poke0", person={"title": "rest"}))
    d.settle()
    d.drop("web", "a.json", lead("a@example.com", id="a"))
    d.settle()
    return "L-2"


def set_forward_by_more_than_five_minutes_steps_wait_for_ten():
    with Hasty() as d:
        name = offered(d)
        d.let_pass(3500)
        check(steps_of(d, name), [], "a hundred seconds are left")
        d.set_clock(301)
        check(steps_of(d, name), [], "the step is due, by the clock that was set")
        d.let_pass(590)
        check(steps_of(d, name), [], "ten minutes are not over")
        d.let_pass(11)
        wait_for(lambda: len(steps_of(d, name)) == 1, "the step, ten minutes later")


def set_forward_by_less_than_five_minutes_it_is_believed():
    with Hasty() as d:
        name = offered(d)
        d.let_pass(3500)
        d.set_clock(290)
        wait_for(lambda: len(steps_of(d, name)) == 1, "the step")
        check("the machine's clock was set" in d.log(), False)


def time_that_passes_while_the_machine_sleeps_is_no_jump():
    with Hasty() as d:
        name = offered(d)
        d.let_pass(36000)
        wait_for(lambda: len(steps_of(d, name)) == 1, "the step, at once")
        check("the machine's clock was set" in d.log(), False)


def set_back_nothing_is_repeated():
    with Hasty() as d:
        name = offered(d)
        d.let_pass(3601)
        wait_for(lambda: len(steps_of(d, name)) == 1, "the first step")
        d.set_clock(-7200)
        for _ in range(2):
            d.let_pass(3600)  # to where the first step was due, again
        check(len(steps_of(d, name)), 1, "the first step is not repeated")
        d.let_pass(3600)
        wait_for(lambda: len(steps_of(d, name)) == 2, "the second, at its time")
        check("the machine's clock was set back by 7" in d.log(), True)
        # Set back while nobody runs, it is no different.
        d.stop()
        d.move(is_set=-86400)
        d.start()
        d.let_pass(86400 - 3600)
        check(len(steps_of(d, name)), 2)


if os.environ.get("LEADD_SANITIZED"):
    print("not under sanitizers: their runtime must be loaded first, and so must the library that sets the clock")
    sys.exit(77)
main(set_forward_by_more_than_five_minutes_steps_wait_for_ten, set_forward_by_less_than_five_minutes_it_is_believed, time_that_passes_while_the_machine_sleeps_is_no_jump, set_back_nothing_is_repeated,
     neither_a_reload_nor_who_is_away_or_back_takes_the_steps_that_wait)
