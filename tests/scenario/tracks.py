#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tracks by the real daemon: sixty days of them with kills, a refusal and a hand-raise in between, mails that wait and are no longer for
anybody, a reload that moves customers to another track, and what people see of it."""
import collections, email, email.policy, json, os, pathlib, random, re, shutil, sqlite3, sys, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Daemon, activity, check, lead, main, wait_for  # noqa: E402
from receivers import MailServer, Notifier  # noqa: E402

CLOCK = "2026-03-05T10:00:00Z"
RULES = """
settings "site" { zone = "UTC", ops = "ops@firm.de" }
calendar "office" { zone = "UTC", open = { mon_fri = "09:00-17:00" } }
team "marketing" { doc = "asks" }
team "sales" { calendar = "office", members = { anna = { email = "anna@firm.de" }, ben = { email = "ben@firm.de" } } }
status "nurture" { team = "marketing", kind = "open", initial = true, marketing_may_contact = true, meaning = "kept warm" }
status "mql" { team = "sales", kind = "open", meaning = "sales has it" }
status "customer" { team = "sales", kind = "final", marketing_may_contact = true, meaning = "bought" }
move "raise" { from = "nurture", to = "mql", by = "rules", when = { did{ type = "form_submitted", name = "demo", since = "move" } } }
move "give_back" { from = "mql", to = "nurture", by = "owner" }
move "win" { from = "mql", to = "customer", by = "owner" }
route "ALL" { team = "sales" }
segment "large" { when = { ["company.employees"] = ge(LARGE) } }
channel "mail" { via = "smtp", target = "127.0.0.1:PORT", from = "news@firm.de", unsubscribe = "https://firm.de/stop?lead=${lead.id}" }
channel "gentle" { via = "smtp", target = "127.0.0.1:PORT", from = "news@firm.de", quiet = "recipient" }
message "hello" { channel = "mail", to = "lead", subject = "Grüße, ${lead.person.name}", body = "hello\\nNo more: ${unsubscribe}" }
message "news" { channel = "mail", to = "lead", subject = "News", body = "news" }
message "quiet" { channel = "gentle", to = "lead", subject = "Quiet", body = "quiet" }
track "warm" { enter = { status = "nurture" }, wake_on = did{ type = "page_viewed" }, steps = {
  { wait = "0d", send = "hello" }, { wait = "7d", send = "news" }, { wait = "10d", send = "news" }, { wait = "20d", send = "news" } } }
track "large" { enter = { status = "customer", segment = "large" }, steps = { { wait = "5d", send = "news" } } }
track "small" { enter = { status = "customer", none{ { segment = "large" } } }, clock = "person", steps = { { wait = "2wd", send = "quiet" } } }
"""


class Marketing(Daemon):
    def __init__(self, server, rules=RULES):
        super().__init__(clock=CLOCK)
        shutil.rmtree(self.rules)
        self.rules.mkdir()
        self.server = server
        self.set_rules(rules)
        self.n_told = 0

    def set_rules(self, rules, large=1000):
        (self.rules / "rules.lua").write_text(rules.replace("PORT", str(self.server.port)).replace("LARGE", str(large)))

    def arguments(self, *more):
        return super().arguments(f"--notifier={self.directory / 'notify'}", *more)

    def says(self, record):
        self.n_told += 1
        self.drop("web", f"{self.n_told}.json", {"id": f"t{self.n_told}", **record})
        self.settle()

    def comes(self, who, form="news", agrees=True, **data):
        self.says(lead(who, consent=[{"purpose": "marketing", "granted": agrees}], attribution={"form_name": form}, **data))

    def refuses(self, who):
        self.says({"specversion": "1.0", "type": "consent.withdrawn", "data": {"person": {"email": who}, "consent": [{"purpose": "marketing", "granted": False}]}})

    def told(self):
        wait_for(lambda: self.json("status")["outbox"] == 0, "all to be told")

    def track(self, who):
        shown = self.show(who)["track"]
        return shown and shown["track"]

    def summaries(self, who, what="track"):
        return [e["summary"] for e in self.log_of(who) if what in e["summary"]]


def with_marketing(body, **more):
    server = MailServer()
    server.start()
    d = Marketing(server, **more)
    with Notifier(d.directory), d:
        body(d, server)


def got(server):
    """Of each reader the subjects, in order."""
    mails = collections.defaultdict(list)
    for _, (to,), raw in server.mails:
        mails[to].append(email.message_from_bytes(raw, policy=email.policy.default)["Subject"])
    return mails


def sixty_days_with_kills__each_step_once_and_nothing_to_who_left():
    def body(d, server):
        dice = random.Random(int(os.environ.get("LEADD_SEED", "5")))
        server.pause = lambda: time.sleep(dice.random() * 0.01)
        people = [f"p{i}@reader.de" for i in range(12)]
        consent = [{"purpose": "marketing", "granted": True}]
        d.drop("web", "all.ndjson", "\n".join(json.dumps(lead(who, id=who, consent=consent, person={"name": "Jörg\r\nBcc: all@reader.de"})) for who in people))
        d.settle()
        no, raised, woken = people[0], people[1], people[2]
        n_kills = 0
        for day in range(0, 60, 3):
            if day == 3:
                d.comes(raised, form="demo")
                check(d.show(raised)["status"], "mql")
                check(d.track(raised), None)
            if day == 9:
                d.refuses(no)
                check(d.summaries(no)[-1], "left track warm: consent.marketing is withdrawn")
            if day == 12:
                d.says(activity(woken, "page_viewed"))
                check(d.summaries(woken)[-1], "track warm ended: woken by page_viewed")
            d.ctl("clock", "advance", "3d")
            if day % 9 != 3:
                now = d.json("status")["now"]
                time.sleep(dice.random() * 0.03)
                d.kill()
                n_kills += 1
                d.clock = now
                d.start()
            d.told()
        # What a kill took while it was under way waits for its next attempt.
        d.ctl("clock", "advance", "1d")
        d.told()
        mails = got(server)
        per_id = collections.Counter(email.message_from_bytes(raw)["Message-ID"] for _, _, raw in server.mails)
        again = sum(per_id.values()) - len(per_id)
        check(again <= 12 * n_kills, True, f"{again} repeats")
        sent = collections.defaultdict(set)
        for _, (to,), raw in server.mails:
            message = email.message_from_bytes(raw, policy=email.policy.default)
            sent[to].add(message["Message-ID"])
            check(message["Bcc"], None)
            check(re.fullmatch(r"<https://firm\.de/stop\?lead=L-\d+>", message["List-Unsubscribe"]) is not None, True, message["List-Unsubscribe"])
            check(message["X-Leadd-Lead"], None, "our number for the reader is our business")
        check({who: len(sent[who]) for who in people}, {who: {no: 2, raised: 1, woken: 2}.get(who, 4) for who in people}, "mails under ids of their own")
        hello = email.message_from_bytes(server.mails[0][2], policy=email.policy.default)
        check(f"No more: {hello['List-Unsubscribe'].strip('<>')}" in hello.get_content(), True, hello.get_content())
        first = [subject for subject in dict.fromkeys(mails[people[5]])]
        check(first, ["Grüße, Jörg  Bcc: all@reader.de", "News"])
        d.stop()
        with sqlite3.connect(f"file:{d.state / 'leadd.db'}?mode=ro", uri=True) as db:
            check(db.execute("SELECT count(*), count(DISTINCT lead || '/' || step) FROM outbox WHERE kind = 6").fetchone(), (41, 41), "one row a step")
            check(db.execute("SELECT count(*) FROM written").fetchone(), (41,), "each send counts for caps")
        d.replay()
        d.start()

    with_marketing(body)


def a_mail_that_waits_is_not_delivered_to_who_left_meanwhile():
    def body(d, server):
        server.answer = "451 later"
        d.comes("a@reader.de")
        d.comes("b@reader.de")
        d.comes("c@reader.de")
        d.ctl("clock", "advance", "0s")
        wait_for(lambda: all(r["state"] == "failing" for r in d.lines("outbox")) and len(d.lines("outbox")) == 3, "the failures")
        d.refuses("a@reader.de")
        d.comes("b@reader.de", form="demo")
        server.answer = "250 ok"
        d.ctl("clock", "advance", "10m")
        d.told()
        check(dict(got(server)), {"c@reader.de": ["Grüße,"]})

    with_marketing(body)


def a_reload_moves_customers_to_the_track_of_their_segment():
    def body(d, server):
        for i, size in enumerate((5, 500, 5000)):
            d.comes(f"{i}@reader.de", form="demo", company={"name": "C", "employees": size})
            d.ctl("win", f"{i}@reader.de", "--as", d.show(f"{i}@reader.de")["owner"])
        check([d.track(f"{i}@reader.de") for i in range(3)], ["small", "small", "large"])
        d.set_rules(RULES, large=100)
        d.ctl("reload")
        check([d.track(f"{i}@reader.de") for i in range(3)], ["small", "large", "large"])
        event = d.log_of("1@reader.de")[-1]
        check((event["type"], event["summary"]), ("timer.reload", "left track small: enter no longer holds; entered track large; segments +large"))
        check(len(d.log_of("2@reader.de")), len(d.log_of("0@reader.de")), "nobody else has an event by it")
        # A track that is new takes those who are there; one that is gone lets them go.
        d.set_rules(re.sub(r'track "(large|small)".*', "", RULES) + 'track "all" { enter = { status = "customer" }, steps = { { wait = "1d", send = "news" } } }\n')
        d.ctl("reload")
        check([d.track(f"{i}@reader.de") for i in range(3)], ["all"] * 3)
        check("left track large: the rules no longer have it" in d.summaries("1@reader.de")[-1], True)
        d.ctl("clock", "advance", "1d")
        d.told()
        check({who: subjects for who, subjects in got(server).items()}, {f"{i}@reader.de": ["News"] for i in range(3)})

    with_marketing(body)


def people_see_which_track_and_what_is_next_and_why_none():
    def body(d, server):
        d.comes("a@reader.de")
        d.comes("b@reader.de", agrees=False)
        d.comes("c@reader.de", form="demo")
        d.ctl("clock", "advance", "0s")
        d.told()
        shown = d.show("a@reader.de")
        check(shown["track"], {"track": "warm", "since": "2026-03-05T10:00:00Z", "taken": 1, "steps": 4, "next": "news", "next_at": "2026-03-12T10:00:00Z"})
        check(shown["no_track"], None)
        check("warm since" in d.ctl("show", "a@reader.de").stdout, True)
        check((d.show("b@reader.de")["track"], d.show("b@reader.de")["no_track"]), (None, "not in warm: consent.marketing is withdrawn"))
        check(d.show("c@reader.de")["no_track"], "in mql marketing may not contact the lead")
        why = d.ctl("whynot", "c@reader.de", "--rule", "warm").stdout
        check("in mql marketing may not contact the lead" in why, True, why)
        receipts = {r["rule"]: r for r in d.json("explain", "a@reader.de")["receipts"] if r.get("kind") == "track"}
        check((receipts["warm"]["matched"], receipts["small"]["matched"]), (True, False))
        check(receipts["warm"]["note"], "in it since 2026-03-05T10:00:00Z, 1 of 4 steps taken, next is news at 2026-03-12T10:00:00Z")
        check([r["email"] for r in d.lines("list", "--track", "warm")], ["a@reader.de"])
        check(d.lines("list", "--track", "small"), [])
        check("re-nurture" in d.ctl("list", "--track", "warmer", check_code=3).stderr, False)
        # Whoever works somewhere else is written to in their own hours.
        d.ctl("win", "c@reader.de", "--as", d.show("c@reader.de")["owner"])
        d.says({"specversion": "1.0", "type": "lead.updated", "data": {"person": {"email": "c@reader.de", "zoneinfo": "America/New_York"}}})
        check(d.show("c@reader.de")["track"]["next_at"], "2026-03-09T10:00:00Z", "what is armed stays")
        # Merged away: the one that goes is in no track, and the one that stays goes on.
        d.comes("d@reader.de")
        d.ctl("merge", "d@reader.de", "a@reader.de")
        check(d.summaries("L-1", "warm")[-1], "merged into L-1; left track warm")
        check(d.show("a@reader.de")["track"]["taken"], 1)
        d.ctl("unmerge", "L-4")
        check((d.track("L-4"), d.track("a@reader.de")), ("warm", "warm"))
        d.ctl("erase", "a@reader.de")
        d.ctl("clock", "advance", "0s")
        d.told()
        d.ctl("clock", "advance", "30d")
        d.told()
        check(got(server)["a@reader.de"], ["Grüße,"], "nobody writes to who is forgotten")

    with_marketing(body)


if __name__ == "__main__":
    main(sixty_days_with_kills__each_step_once_and_nothing_to_who_left, a_mail_that_waits_is_not_delivered_to_who_left_meanwhile,
         a_reload_moves_customers_to_the_track_of_their_segment, people_see_which_track_and_what_is_next_and_why_none)
