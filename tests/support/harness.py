# SPDX-License-Identifier: MIT
"""A real daemon on a temporary spool, spoken to through leadctl. What scenario and fault tests stand on.

    with Daemon(clock="2026-03-05T10:00:00+01:00") as d:
        d.drop("web", "a.json", {...})
        d.settle()
        lead = d.show("L-1")

Nothing sleeps for a fixed time: waiting is always for something, with a limit.
"""
import json, os, pathlib, shutil, signal, subprocess, tempfile, time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = TOP / os.environ.get("LEADD_BUILD", "build")
WAIT = 60.0 if os.environ.get("LEADD_SANITIZED") else 30.0
os.environ["TZ"] = "UTC"  # leadctl shows people their own zone


SOURCES = ("web", "site", "crm", "sheet", "bulk", "ads", "fair", "partner", "google", "meta", "linkedin", "hubspot", "typeform", "salesforce", "zapier", "segment", "leadd")


class Failed(AssertionError):
    pass


def check(got, want, what=""):
    if got != want:
        raise Failed(f"{what}\n   got: {got!r}\n  want: {want!r}")


def wait_for(condition, what, limit=WAIT):
    """Calls condition until it gives something true, and returns that."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"waited {limit:.0f} s in vain for {what}")
        time.sleep(0.01)


class Daemon:
    def __init__(self, rules=None, clock=None, leadd=None, wrapper=(), directory=None, keep=False):
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="leadd-test."))
        self.keep = keep or directory is not None
        self.spool, self.state = self.directory / "spool", self.directory / "state"
        self.socket = self.directory / "socket"
        self.rules = self.directory / "rules"
        if not self.rules.exists():
            # Without the rules' own tests: scenarios change the policy, and a reload whose tests fail is refused.
            shutil.copytree(rules or TOP / "rules", self.rules, ignore=shutil.ignore_patterns("*_test.lua"))
        self.clock, self.leadd, self.wrapper = clock, leadd or BUILD / "leadd", list(wrapper)
        self.more = []  # arguments besides
        self.process, self.log_path, self.n_dropped = None, self.directory / "log", 0

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        failed = kind is not None
        try:
            code = self.stop()
            if not failed:
                check(code, 0, "the daemon's exit code")
                self.replay()
        finally:
            if failed:
                print(f"--- journal of the daemon ({self.log_path})")
                print("\n".join(self.log().splitlines()[-60:]))
            if not self.keep and not failed:
                shutil.rmtree(self.directory, ignore_errors=True)
        return False

    def arguments(self, *more):
        clock = [f"--virtual-clock={self.clock}"] if self.clock else []
        return [*self.wrapper, str(self.leadd), f"--rules={self.rules}", f"--spool={self.spool}", f"--state={self.state}", f"--socket={self.socket}", *clock, *self.more, *more]

    def start(self, wait=True, environment=None):
        # Directories of sources are made by an administrator, long before the first file: found by a scan only, that would wait two seconds.
        for source in SOURCES:
            for part in ("tmp", "new"):
                (self.spool / "incoming" / source / part).mkdir(parents=True, exist_ok=True)
        log = open(self.log_path, "ab")
        env = {k: v for k, v in os.environ.items() if k not in ("NOTIFY_SOCKET", "JOURNAL_STREAM")}
        self.process = subprocess.Popen(self.arguments(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**env, **(environment or {})})
        log.close()
        if wait:
            wait_for(self.is_ready, "the daemon to answer")
            time.sleep(0.03)  # only saves time: a file dropped before the first scan is found by that scan, and waits two seconds
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise Failed(f"the daemon ended with {self.process.returncode} instead of starting\n{self.log()[-4000:]}")
        return self.ctl("ping", check_code=None).returncode == 0

    def once(self, timeout=120):
        """--once: takes everything in the spool, fires what is due, and exits."""
        done = subprocess.run(self.arguments("--once"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
        with open(self.log_path, "ab") as log:
            log.write(done.stdout)
        return done.returncode

    def stop(self):
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=WAIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed("the daemon does not stop on SIGTERM")
        self.process = None
        return code

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def replay(self):
        """The log alone gives the same state: holds after everything any test ever fed in."""
        done = subprocess.run([str(BUILD / "tests/fault/replay"), str(self.state / "leadd.db")], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"replay differs (exit {done.returncode})\n{done.stdout}{done.stderr}")
        return done.stdout

    # ---- leadctl

    def ctl(self, *arguments, check_code=0, json_output=False, stdin=None):
        command = [str(BUILD / "leadctl"), f"--socket={self.socket}", *(["--json"] if json_output else []), *map(str, arguments)]
        done = subprocess.run(command, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=WAIT * 2)
        if check_code is not None and done.returncode != check_code:
            raise Failed(f"leadctl {' '.join(map(str, arguments))}: exit {done.returncode}, want {check_code}\n{done.stdout}{done.stderr}")
        return done

    def json(self, *arguments):
        return json.loads(self.ctl(*arguments, json_output=True).stdout)

    def lines(self, *arguments):
        return [json.loads(line) for line in self.ctl(*arguments, json_output=True).stdout.splitlines() if line.strip()]

    def show(self, lead):
        return self.json("show", lead)

    def log_of(self, lead):
        return self.lines("log", lead)

    def advance(self, by):
        return self.ctl("clock", "advance", by)

    # ---- the spool

    def drop(self, source, name, content):
        """As a well-behaved integration does: tmp, rename into new."""
        base = self.spool / "incoming" / source
        for part in ("tmp", "new"):
            (base / part).mkdir(parents=True, exist_ok=True)
        if not isinstance(content, (str, bytes)):
            content = json.dumps(content)
        if isinstance(content, str):
            content = content.encode()
        temporary = base / "tmp" / name
        with open(temporary, "wb") as f:
            f.write(content)
        os.rename(temporary, base / "new" / name)

    def waiting(self):
        return [p for p in (self.spool / "incoming").glob("*/new/*") if not p.name.startswith(".")]

    def settle(self):
        """Waits until the spool is empty and every file is settled."""
        def is_empty():
            if self.process.poll() is not None:
                raise Failed(f"the daemon ended with {self.process.returncode}\n{self.log()[-4000:]}")
            return not self.waiting() and self.json("status")["files_waiting"] == 0
        wait_for(is_empty, "the spool to be empty")

    def held(self, source):
        return sorted(p.name for p in (self.spool / "held" / source).glob("*"))

    def outgoing(self, channel):
        events = []
        for p in sorted((self.spool / "outgoing" / channel / "new").glob("*.ndjson")):
            events += [json.loads(line) for line in p.read_text().splitlines()]
        return events


def lead(email, id=None, time=None, type="lead.submitted", source=None, **data):
    record = {"specversion": "1.0", "type": type, "data": {"person": {"email": email, **data.pop("person", {})}, **data}}
    for key, value in (("id", id), ("time", time), ("source", source)):
        if value is not None:
            record[key] = value
    return record


def activity(email, type, time=None, id=None, **fields):
    return lead(email, type="activity." + type, time=time, id=id, activity={"name": fields.pop("name", type), **fields})


def main(*tests):
    """Runs the tests of a scenario file in order; their names are what they show."""
    for test in tests:
        print(f"- {test.__name__.replace('_', ' ')}", flush=True)
        test()
