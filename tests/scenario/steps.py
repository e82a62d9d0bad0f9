#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each step of an agreement is taken once, never early, and at most 5 s late: many leads, random steps, kills, and clocks that are set back."""
import datetime, json, os, pathlib, random, shutil, sqlite3, subprocess, sys, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, check, lead, main, wait_for  # noqa: E402

SEED = int(os.environ.get("LEADD_SEED", time.time_ns() % 1_000_000))
SLOW = 4 if os.environ.get("LEADD_SANITIZED") else 1
LATE = 5  # seconds
BASE = """
settings "site" { zone = "UTC" }
calendar "always" { zone = "UTC", open = { mon_sun = "00:00-24:00" } }
team "marketing" { doc = "asks" }
team "sales" { calendar = "always", members = { anna = {}, ben = {} } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "asked" }
status "mql" { team = "sales", kind = "sla", meaning = "fits" }
status "done" { team = "sales", kind = "final", meaning = "over" }
move "ask" { from = "inquiry", to = "mql", by = "rules" }
move "win" { from = "mql", to = "done", by = "owner" }
route "ALL" { team = "sales" }
"""


def sla(name, steps, every):
    """steps: seconds after the start; the last repeats."""
    listed = ", ".join(f'{{ at = "{at}s", remind = {{ "owner" }}{f", every = {chr(34)}{every}s{chr(34)}" if at == steps[-1] else ""} }}' for at in steps)
    return f'sla "{name}" {{ status = "mql", when = {{ ["person.title"] = "{name}" }}, within = "{steps[0]}s", clock = "wall", steps = {{ {listed} }} }}\n'


class Timed(Daemon):
    """One whose leads come in kinds, each with steps of its own."""

    def __init__(self, kinds, **more):
        super().__init__(**more)
        shutil.rmtree(self.rules)
        self.rules.mkdir()
        self.kinds = kinds
        text = BASE + "".join(sla(name, *kind) for name, kind in kinds.items())
        text += 'sla "REST" { status = "mql", within = "900d", clock = "wall", steps = { { at = "900d", every = "900d", remind = { "owner" } } } }\n'
        (self.rules / "rules.lua").write_text(text)

    def fill(self, n, dice):
        self.kind_of = {f"L-{i + 1}": dice.choice(list(self.kinds)) for i in range(n)}
        self.drop("web", f"{n}.ndjson", "\n".join(json.dumps(lead(f"p{i}@example.com", id=str(i), person={"title": self.kind_of[f"L-{i + 1}"]})) for i in range(n)))
        self.settle()

    def check_steps(self, until=None):
        """What the book says of every lead beside what its kind says; once the daemon has ended. until: seconds after the start; None: as far as it got."""
        told = {}
        with sqlite3.connect(f"file:{self.state / 'leadd.db'}?mode=ro", uri=True) as db:
            for number, now, is_step in db.execute("SELECT lead, now, n.text = 'timer.step' FROM event e JOIN name n ON n.id = e.type WHERE lead > 0 ORDER BY e.id"):
                told.setdefault(f"L-{number}", []).append((now / 1e6, is_step))
        n, latest = 0, 0
        for name, kind in self.kind_of.items():
            start = told[name][0][0]
            steps = [at - start for at, is_step in told[name] if is_step]
            ats, every = self.kinds[kind]
            dues = list(ats)
            # On a busy machine the daemon lives long enough for one that repeats: it has its moment, too.
            while dues[-1] + every <= (steps[-1] if until is None and steps else until or 0):
                dues.append(dues[-1] + every)
            if until is not None:
                dues = [due for due in dues if due <= until]
            check(len(steps), len(dues), f"steps of {name} ({kind})")
            for i, (after, due) in enumerate(zip(steps, dues)):
                late = round(after - due, 6)
                check(0 <= late <= (LATE if until is None else 0), True, f"{name} ({kind}) step {i + 1} came {late} s late")
                latest = max(latest, late)
            n += len(steps)
        print(f"  {n} steps of {len(self.kind_of)} leads" + (f", at most {latest:.3f} s late" if until is None else ""))


def in_virtual_time_each_step_comes_at_its_instant_whatever_kills_the_daemon_and_sets_its_clock_back():
    dice = random.Random(SEED)
    kinds = {f"K{i}": (sorted(dice.sample(range(60, 20000, 60), dice.randint(1, 6))), dice.randrange(900, 6000, 60)) for i in range(8)}
    start = datetime.datetime(2026, 3, 5, 10, 0, 0, tzinfo=datetime.timezone.utc)
    at = lambda seconds: (start + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: E731
    with Timed(kinds, clock=at(0)) as d:
        d.fill(150 // SLOW, dice)
        now = 0
        while now < 24000:
            to = now + dice.choice([1, 60, 1800, 3600, 7000])
            if dice.random() < 0.35:
                # Killed on the way there. The next daemon's clock begins where this one's began: what was taken is not taken again.
                client = subprocess.Popen([str(d.leadd.parent / "leadctl"), f"--socket={d.socket}", "clock", "advance", at(to)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(dice.random() * 0.05)
                d.kill()
                client.wait()
                d.clock = at(now)
                d.start()
            else:
                d.ctl("clock", "advance", at(to))
                now = to
                if dice.random() < 0.2:
                    # A clock that is set back by up to an hour, and runs on from there.
                    d.stop()
                    d.clock = at(max(0, now - dice.randint(1, 3600)))
                    d.start()
                    d.ctl("clock", "advance", at(now))
        d.stop()
        d.check_steps(now)


def in_real_time_no_step_is_early_and_none_5_s_late():
    dice = random.Random(SEED)
    kinds = {f"K{i}": ([s for s in (1, 2, 3) if s == 3 or dice.random() < 0.7], 3600) for i in range(4)}
    with Timed(kinds) as d:
        n = 2000 // (SLOW * SLOW)
        d.fill(n, dice)
        n_events = n + 1 + sum(len(kinds[kind][0]) for kind in d.kind_of.values())  # and rules.activated
        wait_for(lambda: d.json("status")["events"] >= n_events, "all steps")
        d.stop()
        d.check_steps()


print(f"  seed {SEED}")
main(in_virtual_time_each_step_comes_at_its_instant_whatever_kills_the_daemon_and_sets_its_clock_back, in_real_time_no_step_is_early_and_none_5_s_late)
