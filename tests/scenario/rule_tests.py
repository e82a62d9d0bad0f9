#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ops: the tests beside the rules. The shipped ones pass and reach every rule; a failing one says why, in words any TAP reader knows."""
import json, pathlib, re, shutil, subprocess, sys, tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import BUILD, TOP, Daemon, check, lead, main  # noqa: E402

LEADCTL = str(BUILD / "leadctl")
# What decides, reads or tells: the shipped policy has each, and its tests reach each rule of it.
REACHED = "status criterion move reason fence segment score junk grade route sla track campaign message feed adapter".split()
# What the others stand on, or say: nothing that could be reached.
STANDING = "principle settings calendar team member list group channel digest stage target test".split()


class Rules:
    """A directory of rules that may be changed."""

    def __init__(self, source=TOP / "rules"):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="leadd-test."))
        self.path = self.top / "rules"
        shutil.copytree(source, self.path) if source else self.path.mkdir()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.top)

    def write(self, name, text):
        (self.path / name).write_text(text)

    def test(self, *arguments):
        return leadctl("test", str(self.path), *arguments)


def rules_of(daemon):
    return [json.loads(line) for line in daemon.ctl("--json", "rules").stdout.splitlines()]


def kinds_of_the_language():
    """As the loader's own table names them, which has the other lists of kinds written from it."""
    table = (TOP / "daemon/policy/load.c").read_text().split("const KindInfo load_kinds[] = {")[1].split("\n};")[0]
    return [a or b for a, b in re.findall(r'KIND\(RULE_\w+, "(\w+)"|\.name = "(\w+)"', table)]


def leadctl(*arguments):
    return subprocess.run([LEADCTL, *arguments], capture_output=True, text=True, timeout=120)


def the_shipped_tests_pass_and_reach_every_rule():
    done = leadctl("test", str(TOP / "rules"), "--coverage")
    check(done.returncode, 0, done.stdout + done.stderr)
    lines = done.stdout.splitlines()
    check(lines[0], "TAP version 14")
    n = sum(line.startswith("ok ") for line in lines)
    check(n >= 30, True, f"{n} tests")
    check([line for line in lines if line.startswith("not ok")], [])
    check(lines[-2], f"1..{n}", "the plan")
    check(lines[-1], "# coverage: every rule was hit, every condition came out both ways", done.stdout)


def every_kind_that_decides_something_is_shipped_and_missed_when_no_test_reaches_it():
    check(set(kinds_of_the_language()), set(REACHED + STANDING), "a new kind: is it reached by a shipped test, or does it only stand there?")
    with Rules() as rules:
        shipped = "".join(p.read_text() for p in rules.path.rglob("*.lua"))
        check([kind for kind in REACHED if not re.search(rf'^{kind} "', shipped, re.M)], [], "kinds that the shipped rules lack")
        for file in rules.path.rglob("*_test.lua"):
            file.unlink()
        rules.write("99_test.lua", 'test "nothing" { at = "2026-03-02T10:00:00Z", given = {}, expect = { refused = false } }')
        done = rules.test("--coverage", "--json")
        check(done.returncode, 0, done.stdout + done.stderr)
        missed = {json.loads(line)["kind"] for line in done.stdout.splitlines() if '"gap"' in line}
        check(missed, set(REACHED), "kinds whose rules are missed where no test reaches them")


def tests_are_not_counted_as_rules():
    with Rules() as rules:
        def counted():
            done = subprocess.run([str(BUILD / "leadd"), "--check", f"--rules={rules.path}"], capture_output=True, text=True, timeout=60)
            check(done.returncode, 0, done.stderr)
            return [int(n) for n in re.search(r": (\d+) rules, (\d+) tests, set ", done.stdout).groups()]
        files = sorted(rules.path.rglob("*_test.lua"))
        n_rules, n_tests = counted()
        check(n_tests, sum(len(re.findall(r'^test "', file.read_text(), re.M)) for file in files))
        for file in files:
            file.unlink()
        check(counted(), [n_rules, 0])


def without_one_of_the_shipped_tests_something_is_not_reached():
    with Rules() as rules:
        for file in sorted(rules.path.rglob("*_test.lua")):
            text = file.read_text()
            file.unlink()
            done = rules.test("--coverage", "--json")
            gaps = [json.loads(line) for line in done.stdout.splitlines() if '"gap"' in line]
            check(done.returncode, 0, file.name)
            check(len(gaps) > 0, True, f"{file.name} reaches nothing that others do not")
            check(set(gaps[0]), {"rule", "kind", "file", "line", "gap"})
            file.write_text(text)


def a_failing_test_says_where_what_was_wanted_and_why_it_is_not_so():
    with Rules() as rules:
        rules.write("99_test.lua", """
test "A # of 'odd' \\\\ things" {
  at = "2026-03-02T10:00:00+01:00",
  given = { lead{ form = "White paper", person = { email = "m@keller.example", title = "Head of \\"everything\\"" }, company = { employees = 60 } } },
  expect = { status = "mql", fit = 21, hits = { "SENIOR" } },
}
""")
        done = rules.test("--filter", "odd")
        check(done.returncode, 1, done.stderr)
        out = done.stdout
        for wanted in ("not ok 1 - A \\# of 'odd' \\\\ things\n", '  file: "99_test.lua"\n  line: 2\n', 'key: "status"\n      want: "\\"mql\\""\n      got: "\\"inquiry\\""\n',
                       "+ score SIZE (40-scores.lua:", "company.employees = 60", "\n  ...\n1..1\n"):
            check(wanted in out, True, f"{wanted!r} in\n{out}")
        check("m@keller.example" in done.stderr, False)
        found = [json.loads(line) for line in rules.test("--filter", "odd", "--json").stdout.splitlines()]
        check(len(found), 1)
        check((found[0]["ok"], found[0]["file"], found[0]["line"], found[0]["misses"][0]["key"]), (False, "99_test.lua", 2, "status"))


def debians_prove_reads_it():
    def prove(rules, *arguments):
        script = rules.top / "rules.t"
        script.write_text(f"exec {LEADCTL} test {rules.path} {' '.join(arguments)}\n")
        done = subprocess.run(["prove", "--exec", "sh", str(script)], capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    with Rules() as rules:
        code, text = prove(rules, "--coverage")
        check((code, "Result: PASS" in text), (0, True), text)
        rules.write("99_test.lua", 'test "no" { at = "2026-03-02T10:00:00Z", given = { lead{ person = { email = "m@k.example" } } }, expect = { fit = 99 } }')
        code, text = prove(rules)
        check((code != 0, "Result: FAIL" in text, "Failed 1/" in text), (True, True, True), text)
        rules.write("99_test.lua", 'test "no" { at = "2026-03-02T10:00:00Z" }')
        code, text = prove(rules)
        check((code != 0, "Bailout called" in text), (True, True), text)
        rules.write("99_test.lua", "")
        code, text = prove(rules, "--filter", "nothing-is-called-so")
        check((code, "skipped" in text), (0, True), text)


def exit_codes_tell_what_it_was():
    with Rules(None) as rules:
        check(rules.test().returncode, 65, "no rules at all")
        check(leadctl("test", str(rules.path / "nowhere")).returncode, 3)
        check(leadctl("test", "--nonsense").returncode, 2)
    with Rules() as rules:
        for file in rules.path.rglob("*_test.lua"):
            file.unlink()
        done = rules.test()
        check((done.returncode, done.stdout.startswith("TAP version 14\n1..0 # SKIP ")), (0, True), done.stdout)
        rules.write("99_test.lua", 'test "x" { at = "2026-03-02T10:00:00Z", given = { leed{ person = { email = "m@k.example" } } }, expect = { status = "mqll" } }')
        done = rules.test()
        check(done.returncode, 65)
        check('99_test.lua:1: unknown name "leed"; did you mean "lead"?' in done.stderr, True, done.stderr)
        check('99_test.lua:1: test "x": unknown status "mqll"; did you mean "mql"?' in done.stderr, True, done.stderr)
        check("Bail out!" in done.stdout, True, done.stdout)


def section_5_of_the_language_passes_on_section_3():
    with Rules(None) as rules:
        for name in ("language.lua", "language_test.lua"):
            shutil.copy(TOP / "tests/data/rules" / name, rules.path)
        done = rules.test()
        check((done.returncode, done.stdout.splitlines()[1:]), (0, ["ok 1 - A director who asks for a demo is offered to Anna, who is reminded after 4 working hours", "1..1"]), done.stdout)


def tests_in(directory):
    return {str(p.relative_to(directory)) for p in pathlib.Path(directory).rglob("*_test.lua")}


def the_tests_are_installed_and_copied_with_the_rules():
    names = tests_in(TOP / "rules")
    check(len(names) >= 11, True)
    with tempfile.TemporaryDirectory() as top:
        done = leadctl("rules", "init", top + "/own", "--from", str(TOP / "rules"))
        check(done.returncode, 0, done.stderr)
        check(tests_in(top + "/own"), names)
        root = pathlib.Path(top, "root")
        done = subprocess.run(["make", "-s", "-C", str(TOP), "install", f"DESTDIR={root}"], capture_output=True, text=True)
        check(done.returncode, 0, done.stderr)
        check(tests_in(root / "usr/share/leadd/rules"), names)


def a_reload_whose_tests_fail_is_refused_and_the_running_rules_stay():
    with Daemon(clock="2026-03-05T10:00:00+01:00") as d:
        old = d.json("status")["rules"]["hash"]
        check([r["rule"] for r in rules_of(d) if r["kind"] == "test"], [], "tests are no rules that leads meet")
        mine = d.rules / "99_test.lua"
        mine.write_text('test "ours" { at = "2026-03-02T10:00:00Z", given = { lead{ person = { email = "m@k.example" } } }, expect = { status = "mql" } }\n')
        done = d.ctl("reload", check_code=1)
        check('99_test.lua:1: test "ours": fails: expect.status: want "mql", got "inquiry"' in done.stdout + done.stderr, True, done.stdout + done.stderr)
        check(d.json("status")["rules"]["hash"], old, "the running rules stay")
        check("99_test.lua:1" in (d.json("status")["rules"]["problem"] or ""), True, "and status says why")
        d.drop("web", "a.json", lead("a@example.com", id="a"))
        d.settle()
        check(d.show("L-1")["status"], "inquiry", "judging goes on, and nothing of the test is in the book")
        mine.write_text(mine.read_text().replace('"mql"', '"inquiry"'))
        d.ctl("reload")
        check(d.json("status")["rules"]["hash"] != old, True)
        check(d.json("status")["rules"]["problem"], None)


def two_runs_say_the_same():
    first, second = (leadctl("test", str(TOP / "rules"), "--coverage").stdout for _ in range(2))
    check(first, second)


main(the_shipped_tests_pass_and_reach_every_rule, tests_are_not_counted_as_rules, every_kind_that_decides_something_is_shipped_and_missed_when_no_test_reaches_it, without_one_of_the_shipped_tests_something_is_not_reached, a_failing_test_says_where_what_was_wanted_and_why_it_is_not_so,
     debians_prove_reads_it, exit_codes_tell_what_it_was, section_5_of_the_language_passes_on_section_3, the_tests_are_installed_and_copied_with_the_rules,
     a_reload_whose_tests_fail_is_refused_and_the_running_rules_stay, two_runs_say_the_same)
