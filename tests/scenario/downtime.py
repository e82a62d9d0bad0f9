#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Nobody ran for a while: of each lead the most urgent step is taken, once, and each person gets one mail, however many leads are overdue."""
import email, email.policy, json, os, pathlib, re, shutil, sqlite3, sys, time
from collections import Counter

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, check, lead, main, wait_for  # noqa: E402
from receivers import MailServer, Notifier  # noqa: E402

CLOCK, LATER = "2026-03-05T10:00:00Z", "2026-03-08T10:00:00Z"
# The long run: LEADD_OVERDUE=10000 tests/scenario/downtime.py
OVERDUE = int(os.environ.get("LEADD_OVERDUE", "500" if os.environ.get("LEADD_SANITIZED") else "10000"))
SECTIONS = 50  # NOTIFY_DIGEST_SECTIONS_MAX
RULES = """
settings "site" { zone = "UTC", ops = "ops@firm.de" }
calendar "always" { zone = "UTC", open = { mon_sun = "00:00-24:00" } }
team "marketing" { doc = "asks" }
team "sales" { calendar = "always", head = "petra", members = {
  anna = { email = "anna@firm.de" }, ben = { email = "ben@firm.de" }, carl = { email = "carl@firm.de" }, petra = { email = "petra@firm.de", weight = 0 } } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "asked" }
status "mql" { team = "sales", kind = "sla", meaning = "fits" }
status "done" { team = "sales", kind = "final", meaning = "over" }
move "ask" { from = "inquiry", to = "mql", by = "rules" }
move "win" { from = "mql", to = "done", by = "owner" }
route "ALL" { team = "sales" }
sla "ANSWER" { status = "mql", within = "1h", clock = "wall", steps = {
  { at = "1h", remind = { "owner" } }, { at = "4h", remind = { "owner", "head" } }, { at = "2d", every = "2d", remind = { "owner", "head", "ops" } } } }
channel "mail" { via = "smtp", target = "127.0.0.1:PORT", from = "leads@firm.de" }
message "reminder" { channel = "mail", subject = "Lead ${lead.id} waits", body = "${lead.person.email}" }
"""
READERS = ["anna@firm.de", "ben@firm.de", "carl@firm.de", "ops@firm.de", "petra@firm.de"]


class Overdue(Daemon):
    """One that mails, with so many leads that wait for an answer."""

    def __init__(self, server, n):
        super().__init__(clock=CLOCK)
        shutil.rmtree(self.rules)
        self.rules.mkdir()
        (self.rules / "rules.lua").write_text(RULES.replace("PORT", str(server.port)))
        self.n = n

    def arguments(self, *more):
        return super().arguments(f"--notifier={self.directory / 'notify'}", *more)

    def fill(self):
        self.drop("web", "leads.ndjson", "\n".join(json.dumps(lead(f"p{i}@example.com", id=str(i))) for i in range(self.n)))
        self.settle()

    def steps(self):
        """How many leads had how many steps, and what they said. Only once the daemon has ended."""
        with sqlite3.connect(f"file:{self.state / 'leadd.db'}?mode=ro", uri=True) as db:
            return Counter(n for n, in db.execute("SELECT count(*) FROM event e JOIN name n ON n.id = e.type WHERE n.text = 'timer.step' GROUP BY lead"))


def message(raw):
    return email.message_from_bytes(raw, policy=email.policy.default)


def told_of(mail):
    """The leads a mail has sections of, and how many more it says there are."""
    text = mail.get_content().replace("\r\n", "\n")
    leads = re.findall(r"^\* Lead (L-\d+) waits$", text, re.M) or re.findall(r"Lead (L-\d+) waits$", mail["Subject"])
    more = re.search(r"^\* and (\d+) more$", text, re.M)
    return leads, int(more[1]) if more else 0


def ten_thousand_overdue_leads_become_one_mail_a_person():
    server = MailServer()
    server.start()
    d = Overdue(server, OVERDUE)
    with Notifier(d.directory):
        d.start()
        d.fill()
        d.stop()
        # Three days later it starts, is killed while steps are being taken, and starts again.
        d.clock = LATER
        d.start(wait=False)
        wait_for(lambda: d.process.poll() is not None or "reminds" in d.log(), "the first steps", limit=60)
        d.kill()
        begin = time.monotonic()
        d.start(wait=False)
        wait_for(d.is_ready, "the daemon to answer", limit=120)
        d.advance("3m")
        wait_for(lambda: d.json("status")["outbox"] == 0, "all to be told", limit=60)
        print(f"  {OVERDUE} overdue leads told after {time.monotonic() - begin:.1f} s")
        check(d.stop(), 0)
        check(d.steps(), {1: OVERDUE}, "one step of each lead")
        mails = {recipients[0]: message(raw) for _, recipients, raw in server.mails}
        check(sorted(recipients[0] for _, recipients, _ in server.mails), READERS, "one mail a person")
        told = {reader: told_of(mail) for reader, mail in mails.items()}
        for reader, (leads, more) in told.items():
            check((len(leads), len(set(leads))), (SECTIONS, SECTIONS), reader)
            check(len(mails[reader].get_content()) < 256 * 1024, True)
            check(mails[reader]["Subject"], f"Lead {leads[0]} waits (+{SECTIONS + more - 1})")
        totals = {reader: len(leads) + more for reader, (leads, more) in told.items()}
        check((totals["petra@firm.de"], totals["ops@firm.de"]), (OVERDUE, OVERDUE), "the head and ops hear of all")
        check(totals["anna@firm.de"] + totals["ben@firm.de"] + totals["carl@firm.de"], OVERDUE, "each owner of their own")
        d.replay()
        shutil.rmtree(d.directory)


def of_three_missed_steps_the_most_urgent_is_taken_and_the_log_says_so():
    server = MailServer()
    server.start()
    d = Overdue(server, 1)
    with Notifier(d.directory), d:
        d.fill()
        d.stop()
        d.clock = LATER
        d.start()
        d.advance("3m")
        wait_for(lambda: len(server.mails) == 3, "the mails")
        steps = [e["summary"] for e in d.log_of("L-1") if e["type"] == "timer.step"]
        check(steps, ["ANSWER steps 1 to 2 were missed; ANSWER step 3: reminded owner, head, ops"])
        # From here on nothing was missed: the repeat comes when it would have come.
        d.advance("1436m")
        check(len([e for e in d.log_of("L-1") if e["type"] == "timer.step"]), 1)
        d.advance("1m")
        check(len([e for e in d.log_of("L-1") if e["type"] == "timer.step"]), 2)


def three_days_by_the_virtual_clock_are_time_that_passes():
    server = MailServer()
    server.start()
    d = Overdue(server, 20)
    with Notifier(d.directory), d:
        d.fill()
        d.advance("3d")
        steps = [(e["time"], e["summary"]) for e in d.log_of("L-1") if e["type"] == "timer.step"]
        check(steps, [("2026-03-05T11:00:00Z", "ANSWER step 1: reminded owner"), ("2026-03-05T14:00:00Z", "ANSWER step 2: reminded owner, head"),
                      ("2026-03-07T10:00:00Z", "ANSWER step 3: reminded owner, head, ops")])
        wait_for(lambda: d.json("status")["outbox"] == 0, "all to be told")
        per_reader = Counter(recipients[0] for _, recipients, _ in server.mails)
        check(per_reader, {"anna@firm.de": 3, "ben@firm.de": 3, "carl@firm.de": 3, "petra@firm.de": 2, "ops@firm.de": 1}, "one mail a person and moment")


main(of_three_missed_steps_the_most_urgent_is_taken_and_the_log_says_so, three_days_by_the_virtual_clock_are_time_that_passes, ten_thousand_overdue_leads_become_one_mail_a_person)
