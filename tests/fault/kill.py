#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills the daemon at random moments under a mixed load, and then counts.

    tests/fault/kill.py [--kills N] [--seed N] [--broken NAME]

More than 1,000 kills are made in rounds of 1,000, two at a time, each on a book of its own with the next seed.

Several sources drop files (single records, batches with a bad record, CSV, redeliveries), people accept and reject, reminders fall due every
second. When it is over: every record is in the log once, every bad one in the rejects once, every answer that was given is in the log, no
reminder step fired or was told twice under different ids, none was left out, and replaying the log gives the same state.

Without --broken the same driver then runs against a build broken on purpose, in each of its ways, and must fail there (--kills N fewer, with
wider windows): a test that cannot fail proves nothing.
"""
import argparse, collections, concurrent.futures, json, os, pathlib, random, shutil, socket, sqlite3, subprocess, sys, tempfile, threading, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import BUILD, TOP, Daemon, Failed, wait_for  # noqa: E402

BREAKS = ("unlink_first", "no_ledger", "two_transactions")
ROUND = 1000  # kills on one book
SOURCES = ("web", "ads", "fair", "partner")


class Load:
    """Drops and moves until told to stop; remembers what must be found afterwards."""

    def __init__(self, daemon, seed):
        self.daemon, self.random = daemon, random.Random(seed)
        self.stop, self.lock = threading.Event(), threading.Lock()
        self.records, self.bad, self.n_redelivered = set(), collections.Counter(), 0
        self.answered = {}  # request id -> (lead, move)
        self.n, self.threads = 0, []
        self.redeliver = []

    def record(self, source):
        self.n += 1
        ident = f"{source}-{self.n}"
        self.records.add(ident)
        # Old acquaintances and new ones, for ever: closed leads make room for others.
        person = {"email": f"p{self.n // 40 + self.random.randrange(200)}@example.com", "name": "P"}
        kind = self.random.random()
        data = {"person": person, "company": {"employees": self.random.randrange(300)}}
        if kind < 0.5:
            return {"specversion": "1.0", "id": ident, "type": "lead.submitted", "data": {**data, "attribution": {"form_name": self.random.choice(["demo", "paper"])}}}
        return {"specversion": "1.0", "id": ident, "type": "activity.page_viewed", "data": {"person": person, "activity": {"name": "page", "url": "/pricing"}}}

    def one_file(self):
        source, kind = self.random.choice(SOURCES), self.random.random()
        if kind < 0.55:
            record = self.record(source)
            self.daemon.drop(source, f"r{self.n}.json", record)
            if self.random.random() < 0.1:
                self.redeliver.append((source, record))
        elif kind < 0.75:
            lines = [json.dumps(self.record(source)) for _ in range(self.random.randrange(2, 120))]
            if self.random.random() < 0.7:
                marker = f"bad-{self.n}"
                lines.insert(self.random.randrange(len(lines)), json.dumps({"specversion": "1.0", "id": marker, "type": "lead.submitted", "data": {"person": {"name": marker}}}))
                self.bad[marker] += 1
            self.daemon.drop(source, f"b{self.n}.ndjson", "\n".join(lines) + "\n")
        elif kind < 0.9:
            rows = ["id,email,company,form_name"]
            for _ in range(self.random.randrange(1, 30)):
                self.n += 1
                self.records.add(f"{source}-{self.n}")
                rows.append(f"{source}-{self.n},c{self.n // 40 + self.random.randrange(200)}@example.com,Firm {self.n},demo")
            self.daemon.drop(source, f"c{self.n}.csv", "\r\n".join(rows) + "\r\n")
        elif self.redeliver:
            source, record = self.redeliver.pop()
            self.n += 1
            self.n_redelivered += 1
            self.daemon.drop(source, f"again{self.n}.json", record)

    def drop_forever(self):
        while not self.stop.is_set():
            with self.lock:
                self.one_file()
            # Never far ahead of the daemon: kills must hit work, not a backlog.
            while len(self.daemon.waiting()) > 40 and not self.stop.is_set():
                time.sleep(0.005)
            time.sleep(0.002)

    def call(self, connection, method, **parameters):
        connection.sendall(json.dumps({"method": method, "parameters": parameters}).encode() + b"\0")
        reply = b""
        while not reply.endswith(b"\0"):
            chunk = connection.recv(65536)
            if not chunk:
                raise ConnectionError
            reply += chunk
        return json.loads(reply[:-1])

    def move_forever(self):
        chooser, n = random.Random(self.random.random()), 0
        while not self.stop.is_set():
            try:
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.settimeout(10)
                    connection.connect(str(self.daemon.socket))
                    while not self.stop.is_set():
                        listed = self.call(connection, "org.leadd.Leads.List", status=chooser.choice(["mql", "sal"]), limit=20)
                        for lead in listed.get("parameters", {}).get("items", []):
                            if not lead.get("owner") or chooser.random() < 0.6:
                                continue
                            verb = chooser.choice(["accept", "accept", "reject"]) if lead["status"] == "mql" else "finish"
                            n += 1
                            request = f"kill-{n}"
                            more = {"reason": "bad_data"} if verb == "reject" else {}
                            answer = self.call(connection, "org.leadd.Leads.Move", move=verb, lead=lead["lead"], request_id=request, **{"as": lead["owner"]}, **more)
                            if "error" not in answer:
                                self.answered[(answer["parameters"]["lead"], answer["parameters"]["event"])] = verb
                        time.sleep(0.02)
            except (OSError, ConnectionError, ValueError):
                time.sleep(0.005)

    def start(self):
        for body in (self.drop_forever, self.move_forever):
            thread = threading.Thread(target=body, daemon=True)
            thread.start()
            self.threads.append(thread)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(30)


def judge(daemon, load):
    """What is wrong, as lines."""
    problems = []
    database = sqlite3.connect(f"file:{daemon.state / 'leadd.db'}?mode=ro", uri=True)
    names = dict(database.execute("SELECT id, text FROM name"))
    text = lambda v: names.get(v, v) if isinstance(v, int) else v  # noqa: E731
    events = collections.Counter()
    timers = []
    moves = {}
    for event, lead, kind, record in database.execute("SELECT id, lead, type, record_id FROM event"):
        kind = text(kind)
        if kind.startswith("timer."):
            timers.append(record if isinstance(record, str) else (record or b"").decode())
        elif kind.startswith("outcome."):
            moves[(f"L-{lead}", event)] = kind.split(".", 1)[1]
        elif not kind.startswith("rules."):
            events[record if isinstance(record, str) else record.decode()] += 1
    lost = [i for i in load.records if i not in events]
    double = [i for i, n in events.items() if n > 1]
    strange = [i for i in events if i not in load.records]
    for what, items in (("records lost", lost), ("records counted twice", double), ("records nobody sent", strange)):
        if items:
            problems.append(f"{len(items)} {what}: {sorted(items)[:5]}")
    accepted, duplicates, refused = database.execute("SELECT sum(accepted), sum(duplicates), sum(refused) FROM ledger").fetchone()
    if accepted != len(load.records):
        problems.append(f"the ledger counts {accepted} accepted records, {len(load.records)} were sent")
    if duplicates != load.n_redelivered:
        problems.append(f"the ledger counts {duplicates} duplicates, {load.n_redelivered} were redelivered")
    if refused != sum(load.bad.values()):
        problems.append(f"the ledger counts {refused} refused records, {sum(load.bad.values())} were bad")
    found = collections.Counter()
    for path in (daemon.spool / "held").glob("*/*.rejects.ndjson"):
        for line in path.read_text().splitlines():
            for marker in load.bad:
                if f'"{marker}"' in json.loads(line)["raw"]:
                    found[marker] += 1
    if found != load.bad:
        problems.append(f"rejects differ: {dict(found - load.bad)} too many, {dict(load.bad - found)} missing")
    for key, verb in load.answered.items():
        if moves.get(key) != verb:
            problems.append(f"the answered move {verb} of {key} is not in the log")
    if len(timers) != len(set(timers)):
        problems.append("a reminder step is in the log twice")
    told, bodies = collections.defaultdict(set), collections.Counter()
    for event in daemon.outgoing("told"):
        data = event["data"]
        told[(event["id"])].add(json.dumps(event, sort_keys=True))
        bodies[(data["lead"], data["sla"], data["step"], data["recipient"], event["id"].split("-")[0])] += 1
    for ident, contents in told.items():
        if len(contents) > 1:
            problems.append(f"the id {ident} was told with different contents")
    per_step = collections.defaultdict(set)
    for (lead, sla, step, recipient, event) in bodies:
        per_step[(lead, sla, step, recipient)].add(event)
    step_events = {t: 1 for t in timers}
    reminded = {(ident) for ident in told}
    wanted = {f"{event}-{n}" for event, n in database.execute(
        "SELECT event, 0 FROM outbox WHERE kind = 3")}
    delivered_events = {ident.split("-")[0] for ident in reminded}
    missing = {w.split("-")[0] for w in wanted} - delivered_events
    if missing:
        problems.append(f"{len(missing)} reminders were never told")
    if not step_events or not told:
        problems.append("no reminder fell due: the load does not test what it should")
    pending = database.execute("SELECT count(*) FROM outbox WHERE next IS NOT NULL").fetchone()[0]
    if pending:
        problems.append(f"{pending} rows are left in the outbox")
    # Who waits for an answer longer than the last step has had all three steps.
    late = database.execute("SELECT count(*) FROM sla WHERE next_due IS NOT NULL").fetchone()[0]
    if late:
        problems.append(f"{late} leads have steps that are due and did not fire")
    database.close()
    done = subprocess.run([str(BUILD / "tests/fault/replay"), str(daemon.state / "leadd.db")], capture_output=True, text=True)
    if done.returncode != 0:
        problems.append(f"replay: {done.stdout}{done.stderr}".strip())
    return problems


def run(kills, seed, leadd=None, broken=None, quiet=False):
    randomness = random.Random(seed)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="leadd-kill."))
    daemon = Daemon(rules=TOP / "tests/data/rules/kill", directory=directory, leadd=leadd)
    environment = {"LEADD_BREAK": broken} if broken else {}
    load = Load(daemon, seed)
    start = time.monotonic()
    daemon.start(environment=environment)
    load.start()
    for i in range(kills):
        time.sleep(randomness.random() ** 2 * 0.25)
        daemon.kill()
        daemon.start(wait=randomness.random() < 0.7, environment=environment)
        if not quiet and (i + 1) % 1000 == 0:
            print(f"  {i + 1} kills, {len(load.records)} records, {len(load.answered)} answers, {time.monotonic() - start:.0f} s", flush=True)
    load.end()
    wait_for(daemon.is_ready, "the daemon to answer")
    problems = []
    try:
        daemon.settle()
        def calm():
            status = daemon.json("status")
            copy = sqlite3.connect(f"file:{daemon.state / 'leadd.db'}?mode=ro", uri=True)
            try:
                busy = copy.execute("SELECT (SELECT count(*) FROM sla WHERE next_due IS NOT NULL) + (SELECT count(*) FROM outbox WHERE next IS NOT NULL)").fetchone()[0]
            finally:
                copy.close()
            return busy == 0 and status["files_waiting"] == 0
        wait_for(calm, "all reminders to fire", 60)
    except Failed as failed:
        problems.append(str(failed).splitlines()[0])
    daemon.stop()
    problems += judge(daemon, load)
    if not quiet:
        print(f"  {kills} kills, {len(load.records)} records, {load.n_redelivered} redelivered, {sum(load.bad.values())} bad, {len(load.answered)} answers, "
              f"{time.monotonic() - start:.0f} s: " + ("; ".join(problems) if problems else "nothing lost, nothing twice, replay equal"), flush=True)
    if problems and not broken:
        print(f"  kept for a look: {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    return problems


def run_rounds(kills, seed):
    start, total = time.monotonic(), 0
    rounds = [(min(ROUND, kills - first), seed + first // ROUND) for first in range(0, kills, ROUND)]

    def one(round_):
        done = subprocess.run([sys.executable, __file__, "--round", "--kills", str(round_[0]), "--seed", str(round_[1])], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return round_, done.returncode, done.stdout

    good = True
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for (n, round_seed), code, output in pool.map(one, rounds):
            total += n
            good &= code == 0
            print(output.strip().splitlines()[-1] if code == 0 else output, flush=True)
            print(f"  {total} of {kills} kills, seed {round_seed}, {time.monotonic() - start:.0f} s", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=150)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--broken", choices=BREAKS, help="only this variant of the broken build")
    parser.add_argument("--round", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    failed = False
    if not arguments.broken and arguments.kills <= ROUND:
        failed |= bool(run(arguments.kills, arguments.seed))
    elif not arguments.broken:
        failed |= not run_rounds(arguments.kills, arguments.seed)
    if arguments.round:
        return 1 if failed else 0
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(TOP), "-j2", "BREAKABLE=1", "BUILD=build/breakable", "OPTIMIZE=-O0", "build/breakable/leadd"], check=True)
    for broken in [arguments.broken] if arguments.broken else BREAKS:
        problems = run(40, arguments.seed, leadd=TOP / "build/breakable/leadd", broken=broken, quiet=True)
        print(f"  broken on purpose ({broken}): " + (problems[0] if problems else "NOT NOTICED"), flush=True)
        failed |= not problems
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
