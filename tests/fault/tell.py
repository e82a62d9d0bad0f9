#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Daemon and notifier are killed while they tell people and programs. The receivers count: everything arrives, what was under way at a kill
may arrive once more, nothing else does, and whatever comes again has the same id and the same content. Leads are told, too, by a track:
one mail a step.

    tests/fault/tell.py [--kills N] [--seed N] [--broken NAME]

The same then runs on builds broken on purpose, and must fail there."""
import argparse, collections, email, email.policy, hashlib, json, os, pathlib, random, re, shutil, sqlite3, subprocess, sys, tempfile, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import TOP, Daemon, Failed, lead, wait_for  # noqa: E402
from receivers import MailServer, Notifier, WebServer  # noqa: E402

BREAKS = ("new_id", "mark_first", "gather_again")
N_LEADS = 120
RUNS_BROKEN = 5
RULES = """
settings "site" { zone = "UTC", ops = "ops@firm.de" }
calendar "always" { zone = "UTC", open = { mon_sun = "00:00-24:00" } }
team "marketing" { doc = "asks" }
team "sales" { calendar = "always", head = "petra", members = { petra = { email = "petra@firm.de", weight = 0 }, MEMBERS } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "asked" }
status "mql" { team = "sales", kind = "sla", marketing_may_contact = true, meaning = "fits" }
status "done" { team = "sales", kind = "final", meaning = "over" }
move "ask" { from = "inquiry", to = "mql", by = "rules" }
move "win" { from = "mql", to = "done", by = "owner" }
route "ALL" { team = "sales" }
sla "ANSWER" { status = "mql", within = "1h", clock = "wall", steps = {
  { at = "1h", remind = { "owner" } }, { at = "2h", remind = { "owner" }, message = "hook" },
  { at = "365d", every = "365d", remind = { "head" } } } }
channel "mail" { via = "smtp", target = "127.0.0.1:MAIL", from = "leads@firm.de", gather = "2m" }
channel "web" { via = "webhook", target = "http://127.0.0.1:WEB/hook" }
message "reminder" { channel = "mail", subject = "Lead ${lead.id} waits", body = "${lead.person.email}" }
message "news" { channel = "mail", to = "lead", subject = "News for ${lead.id}", body = "news" }
track "news" { enter = { status = "mql" }, needs_consent = false, steps = { { wait = "100m", send = "news" }, { wait = "20m", send = "news" } } }
message "hook" { channel = "web", subject = "Lead ${lead.id} waits", body = "${lead.person.email}" }
"""


def leased(database):
    """What is under way: each may be told once more."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        return db.execute("SELECT count(DISTINCT coalesce(mail, id)) FROM outbox WHERE lease IS NOT NULL AND next IS NOT NULL").fetchone()[0]


def tell(d, notifier, dice, kills, environment, busy):
    """Lets time pass until everything is told, and kills meanwhile. How many deliveries the kills may have repeated."""
    may_repeat, n_kills = 0, 0
    for _ in range(400):
        d.ctl("clock", "advance", "1m")
        # Half of the kills while mails are under way, the rest while the web server is told.
        while n_kills < (kills // 2 if d.json("status")["now"] < "2026-03-05T11:30" else kills) and (leased(d.state / "leadd.db") > 0 or busy()):
            time.sleep(dice.random() * 0.05)
            n_kills += 1
            if dice.random() < 0.3:
                may_repeat += leased(d.state / "leadd.db")
                notifier.__exit__()
                notifier.__enter__()
            else:
                now = d.json("status")["now"]
                d.kill()
                may_repeat += leased(d.state / "leadd.db")
                d.clock = now
                d.start(environment=environment)
        if d.json("status")["outbox"] == 0 and d.json("status")["now"] > "2026-03-05T12:10":
            return may_repeat, n_kills
    raise Failed("not everything was told within 400 minutes")


def judge(database, web, mails, may_repeat):
    problems = []
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        n_web = db.execute("SELECT count(*) FROM outbox WHERE via = 4").fetchone()[0]
        wanted = collections.Counter(f"L-{number}" for number, in db.execute("SELECT lead FROM outbox WHERE via = 2 AND kind = 3"))
        n_news = collections.Counter(f"L-{number}" for number, in db.execute("SELECT lead FROM outbox WHERE kind = 6"))
        twice = db.execute("SELECT count(*) - count(DISTINCT lead || '/' || step) FROM outbox WHERE kind = 6").fetchone()[0]
    if twice:
        problems.append(f"{twice} steps of tracks were taken twice")
    contents, counts = collections.defaultdict(set), collections.Counter()
    for _, headers, body in web.requests:
        contents[headers["webhook-id"]].add(hashlib.sha256(body).hexdigest())
        counts[headers["webhook-id"]] += 1
    if len(contents) != n_web:
        problems.append(f"{n_web} things were to be told to the web server, and {len(contents)} ids arrived")
    told, news = collections.defaultdict(set), collections.defaultdict(set)
    for _, recipients, raw in mails.mails:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        ident, text = message["Message-ID"], message.get_content().replace("\r\n", "\n")
        contents[ident].add(hashlib.sha256(text.encode()).hexdigest())
        counts[ident] += 1
        if (message["Subject"] or "").startswith("News for "):
            news[message["Subject"].removeprefix("News for ")].add(ident)
            continue
        for name in re.findall(r"^\* Lead (L-\d+) waits$", text, re.M) or re.findall(r"Lead (L-\d+) waits$", message["Subject"] or ""):
            told[name].add(ident)
    for name in wanted:
        if len(told[name]) != 1:
            problems.append(f"{name} was told in {len(told[name])} mails")
            break
    for name in n_news:
        if len(news[name]) != n_news[name]:
            problems.append(f"{name} was to get {n_news[name]} mails of a track, and {len(news[name])} ids arrived")
            break
    for ident, versions in contents.items():
        if len(versions) > 1:
            problems.append(f"the id {ident} arrived with different contents")
    repeats = sum(counts.values()) - len(counts)
    if repeats > may_repeat:
        problems.append(f"{repeats} deliveries came again, of {may_repeat} that were under way")
    return problems, repeats, len(counts)


def run(kills, seed, leadd=None, broken=None, quiet=False):
    dice = random.Random(seed)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="leadd-tell."))
    environment = {"LEADD_BREAK": broken} if broken else {}
    web, mails = WebServer(), MailServer()
    web.answers = [(200, {})]
    web.pause = mails.pause = lambda: time.sleep(dice.random() * 0.05)  # between taking and saying so
    web.start()
    mails.start()
    d = Daemon(clock="2026-03-05T10:00:00Z", directory=directory, leadd=leadd)
    shutil.rmtree(d.rules)
    d.rules.mkdir()
    members = ", ".join(f'm{i} = {{ email = "m{i}@firm.de" }}' for i in range(30))
    (d.rules / "rules.lua").write_text(RULES.replace("MEMBERS", members).replace("MAIL", str(mails.port)).replace("WEB", str(web.port)))
    plain = d.arguments
    d.arguments = lambda *more: plain(f"--notifier={directory / 'notify'}", *more)
    start = time.monotonic()
    notifier = Notifier(directory).__enter__()
    try:
        d.start(environment=environment)
        for part in (0, 1):
            # The second half comes too late for the mails about the first, but before they are tried again.
            d.drop("web", f"{part}.ndjson", "\n".join(json.dumps(lead(f"p{i}@reader.de", id=str(i))) for i in range(part, N_LEADS, 2)))
            d.settle()
            d.advance(f"{121 - part}s")
        d.advance("57m")
        try:
            may_repeat, n_kills = tell(d, notifier, dice, kills, environment, lambda: web.n_busy + mails.n_busy > 0)
            problems, repeats, n = judge(d.state / "leadd.db", web, mails, may_repeat)
        except Failed as failed:
            problems, repeats, n, may_repeat, n_kills = [str(failed).splitlines()[0]], 0, 0, 0, kills
        d.stop()
    finally:
        if d.process:
            d.kill()
        notifier.__exit__()
    if not broken:
        d.replay()
    if not quiet:
        print(f"  seed {seed}: {n_kills} kills, {n} things told, {repeats} of them again, of {may_repeat} that were under way, {time.monotonic() - start:.0f} s: " + ("; ".join(problems) if problems else "each under one id, nothing lost"), flush=True)
    if problems and not broken:
        print(f"  kept for a look: {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("LEADD_SEED", time.time_ns() % 1_000_000_000)))
    parser.add_argument("--broken", choices=BREAKS, help="only this variant of the broken build")
    arguments = parser.parse_args()
    if not arguments.broken and run(arguments.kills, arguments.seed):
        return 1
    subprocess.run(["make", "--no-print-directory", "-s", "-C", str(TOP), "-j2", "BREAKABLE=1", "BUILD=build/breakable", "OPTIMIZE=-O0", "build/breakable/leadd"], check=True)
    bad = 0
    for broken in [arguments.broken] if arguments.broken else BREAKS:
        # Whether a kill falls between a delivery and its mark is chance, and on an idle machine twelve have all missed.
        for again in range(RUNS_BROKEN):
            problems = run(12, arguments.seed + again, leadd=TOP / "build/breakable/leadd", broken=broken, quiet=True)
            if problems:
                break
        print(f"  broken on purpose ({broken}): " + (problems[0] if problems else "NOT NOTICED"), flush=True)
        bad += not problems
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
