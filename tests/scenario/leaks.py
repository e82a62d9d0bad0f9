#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Leaks are told once a day and named; figures say what happened and go on after a kill; health speaks as monitoring plugins do."""
import pathlib, subprocess, sys, tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import metrics
from support.harness import BUILD, Daemon, activity, check, lead, main, wait_for

START = "2026-03-05T10:00:00+01:00"  # a Thursday


def demo(email):
    return lead(email, id=email, attribution={"form_name": "demo"})


def lines(d):
    return [line.split("leaks=", 1)[1].split(" LEAD_LEAKS")[0] for line in d.log().splitlines() if "leaks=" in line]


def wait_for_lines(d, n):
    wait_for(lambda: len(lines(d)) >= n, f"{n} lines about leaks")
    check(len(lines(d)), n, "lines about leaks")
    return lines(d)[-1]


def looked(d):
    """Waits until the look as of the clock's now was made."""
    now = d.json("status")["now"]
    wait_for(lambda: d.json("status")["leaks_looked"] == now, "a look for leaks")
    return d.json("status")["leaks"]


def leaks_are_told_once_a_day_and_named():
    with Daemon(clock=START) as d:
        check(wait_for_lines(d, 1), "0")
        d.drop("web", "a.json", demo("m@keller.example"))
        d.settle()
        d.ctl("--as", "anna", "accept", "1")
        d.ctl("--as", "anna", "did", "1", "call_made")
        d.ctl("--as", "anna", "contacted", "1")
        d.ctl("clock", "advance", "6h")
        check(looked(d), 0, "nothing leaks yet")
        check(len(lines(d)), 1, "the same day")
        d.advance("1d")
        check(wait_for_lines(d, 2), "0")
        # A restart on the same day tells nothing, nor does one with the clock set back.
        for clock in (d.json("status")["now"], "2026-03-05T12:00:00+01:00"):
            check(d.stop(), 0)
            d.clock = clock
            d.start()
            looked(d)
            check(len(lines(d)), 2, f"lines after a restart at {clock}")
        d.ctl("clock", "advance", "2026-03-20T10:00:00+01:00")
        check(wait_for_lines(d, 3), "1: 1 stale; `leadctl report leaks` names them")
        check(looked(d), 1, "status")
        report = d.json("report", "leaks")
        check(report["kinds"][0] | {"meaning": "", "share": 0}, {"kind": "stale", "leads": 1, "meaning": "", "share": 0})
        row = report["leads"][0]
        check((row["lead"], row["kind"], row["owner"], row["status"], row["rule"]), ("L-1", "stale", "anna", "working", "working"))
        file, line = row["at"].split(":")
        check('status "working"' in (d.rules / file).read_text().splitlines()[int(line) - 1], True, "the rule's place")
        check([(day["day"], day["leads"]) for day in report["days"]], [("2026-03-05", 0), ("2026-03-06", 0), ("2026-03-20", 1)])
        # What people do mends it, and the next look sees it.
        d.ctl("--as", "anna", "note", "1", "spoke to her")
        wait_for(lambda: d.json("status")["leaks"] == 0, "the leak to be mended")
        d.advance("13d")
        check(looked(d), 0, "not yet 14 days later")
        # A limit in the rules is an agreement: with another one the same lead leaks at once.
        path = d.rules / "00-site.lua"
        path.write_text(path.read_text().replace('keep_done = "7d",', 'keep_done = "7d", leaks = { stale = "5d" },'))
        d.ctl("reload")
        wait_for(lambda: d.json("status")["leaks"] == 1, "the new limit to hold")
        # A clock that is wrong by a year for a while does not silence the year.
        before = len(lines(d))
        for n, clock in ((1, "2027-03-05T12:00:00+01:00"), (2, "2026-04-10T10:00:00+01:00")):
            check(d.stop(), 0)
            d.clock = clock
            d.start()
            wait_for_lines(d, before + n)


def text_of(d):
    return d.ctl("metrics").stdout


def figures_say_what_happened_and_go_on_after_a_kill():
    with Daemon(clock=START) as d:
        before = metrics.parse(text_of(d))
        check(before["leadd_build_info", tuple(sorted({"version": "0.1.0", "sqlite": d.json("status")["sqlite"], "schema": "7"}.items()))], 1)
        d.drop("web", "a.json", demo("m@keller.example"))
        d.drop("web", "b.json", demo("m@keller.example"))
        d.drop("crm", "c.json", lead(None, id="x"))
        d.settle()
        d.advance("30m")
        d.ctl("--as", "anna", "accept", "1")
        d.drop("site", "d.json", demo("n@keller.example"))
        d.settle()
        d.advance("3d")
        text = text_of(d)
        after = metrics.parse(text)

        def grown(name, **labels):
            key = (name, tuple(sorted(labels.items())))
            return after.get(key, 0) - before.get(key, 0)

        check(grown("leadd_records_total", source="web", outcome="accepted"), 1)
        check(grown("leadd_records_total", source="web", outcome="duplicate"), 1)
        check(grown("leadd_records_total", source="crm", outcome="refused"), 1)
        check(grown("leadd_records_total", source="site", outcome="accepted"), 1)
        check(grown("leadd_transitions_total", **{"from": "inquiry", "to": "mql"}), 2)
        check(grown("leadd_transitions_total", **{"from": "mql", "to": "sal"}), 1)
        check(grown("leadd_acceptance_seconds_count"), 1)
        check(grown("leadd_acceptance_seconds_sum"), 1800, "30 minutes of working time")
        check([grown("leadd_acceptance_seconds_bucket", le=le) for le in ("900", "1800", "+Inf")], [0, 1, 1])
        check(grown("leadd_rule_hits_total", kind="move", rule="accept"), 1)
        check(grown("leadd_files_total"), 4)
        reminded = sum(v for (name, labels), v in after.items() if name == "leadd_reminders_total" and dict(labels)["result"] == "reminded")
        check(reminded > 0, True, "reminders")
        check(sum(v for (name, _), v in after.items() if name == "leadd_leads"), 2, "leads by status")
        for word in ("anna", "ben", "petra", "keller"):
            check(word in text, False, f"{word} in the figures")
        said = metrics.ask_promtool(text)
        if said:
            raise AssertionError(f"promtool: {said}")
        # A kill loses nothing that was counted, and counts nothing twice.
        kept = {key: value for key, value in metrics.counters(after).items() if key[0] not in ("leadd_commits_total", "leadd_commit_seconds_total", "leadd_checkpoints_total")}
        d.clock = d.json("status")["now"]
        d.kill()
        d.start()
        again = metrics.parse(text_of(d))
        check({key: again.get(key) for key in kept if again.get(key) != kept[key]}, {}, "counters after a kill")
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "leadd.prom"
            d.ctl("metrics", "--output", path)
            check(set(metrics.parse(path.read_text())), set(again))
            check([p.name for p in pathlib.Path(directory).iterdir()], ["leadd.prom"])
            check(path.stat().st_mode & 0o444, 0o444, "everybody may read it")


def health_speaks_as_monitoring_plugins_do():
    with Daemon(clock=START) as d:
        looked(d)

        def health(*arguments):
            done = d.ctl("health", *arguments, check_code=None)
            check(done.stdout.count("\n"), 1, "one line")
            return done.returncode, done.stdout

        code, line = health("-w", "room=0:", "-c", "room=0:")
        check((code, line.split(" - ")[0]), (0, "LEADD OK"), line)
        figures = dict(word.split("=", 1) for word in line.split(" | ")[1].split())
        check(figures["spool"], "0s;300;3600;0")
        check(figures["leaks"], "0;0;;0")
        check(health("-c", "leaks=1:", "-w", "room=0:")[0], 2, "at least one leak is asked for")
        check(health("-w", "leaks=@0:0,room=0:", "-c", "room=0:")[0], 1, "none is not well")
        check(health("-w", "leeks=1")[0], 3)
        check(health("-w", "leaks=many")[0], 3)
        check(d.ctl("health", "--nonsense", check_code=None).returncode, 3)
        # A file nobody can read for long, and rules that do not load.
        (d.rules / "99-broken.lua").write_text("this is no rule\n")
        d.ctl("reload", check_code=1)
        code, line = health("-w", "room=0:", "-c", "room=0:")
        check((code, "rules on disk are refused" in line), (1, True), line)
        (d.rules / "99-broken.lua").unlink()
        code, line = health("-w", "spool=~:-1,room=0:", "-c", "room=0:")
        check(code, 1, line)
    done = subprocess.run([str(BUILD / "leadctl"), f"--socket={d.socket}", "health"], capture_output=True, text=True)
    check((done.returncode, done.stdout), (2, "LEADD CRITICAL - no leadd answers\n"))


def nothing_is_looked_at_while_nothing_happens():
    """The reporting thread sleeps: no look, and no processor time, without a reason."""
    with Daemon() as d:
        d.drop("web", "a.json", demo("m@keller.example"))
        d.settle()
        wait_for(lambda: d.json("status")["leaks_looked"], "the first look")

        def used():
            fields = pathlib.Path(f"/proc/{d.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            return int(fields[11]) + int(fields[12])

        first = d.json("status")["leaks_looked"]
        ticks = used()
        import time
        time.sleep(1.0)
        check(used() - ticks <= 2, True, f"{used() - ticks} ticks of a second without work")
        check(d.json("status")["leaks_looked"], first)


main(leaks_are_told_once_a_day_and_named, figures_say_what_happened_and_go_on_after_a_kill, health_speaks_as_monitoring_plugins_do, nothing_is_looked_at_while_nothing_happens)
