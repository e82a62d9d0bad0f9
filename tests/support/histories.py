# SPDX-License-Identifier: MIT
"""Random histories of leads in a real daemon, and what happened in them, kept beside it: what reports are held against, and what pages are made of.

People come by several sources, some of them late, some as tests; are handed over, accepted, sent back or left lying; meet, buy or do not; some
come twice and are merged, some are erased. Each Person knows their moves and when they were.
"""
import datetime, json, random, re, shutil
from harness import Daemon, check, lead

UTC = datetime.timezone.utc
BEGIN = datetime.datetime(2026, 3, 2, 8, tzinfo=UTC)
SOURCES = ("google", "linkedin", "fair <2026>", "=partner")  # names that a page and a spreadsheet must survive
CAMPAIGNS = ("spring", "autumn", None)
MEMBERS = ("anna", "ben", "carla")
ANSWER = datetime.timedelta(hours=48)
RULES = """
settings "site" { zone = "UTC" }
calendar "desk" { zone = "UTC", open = { mon_sun = "00:00-24:00" } }
team "marketing" {}
team "desk" { calendar = "desk", strategy = "round_robin", members = { anna = {}, ben = {}, carla = {} } }
status "inquiry" { team = "marketing", kind = "open", initial = true, marketing_may_contact = true, meaning = "new" }
status "mql" { team = "desk", kind = "sla", meaning = "offered" }
status "sal" { team = "desk", kind = "open", meaning = "accepted" }
status "opportunity" { team = "desk", kind = "open", meaning = "a deal" }
status "nurture" { team = "marketing", kind = "open", marketing_may_contact = true, meaning = "not ready" }
status "customer" { team = "marketing", kind = "final", meaning = "bought" }
status "disqualified" { team = "marketing", kind = "final", meaning = "never a fit" }
move "raise" { from = "inquiry", to = "mql", by = "rules", when = { did{ type = "form_submitted", name = "demo" } } }
move "accept" { from = "mql", to = "sal", by = "owner" }
move "reject" { from = { "mql", "sal" }, by = "owner", reasons = { "no_budget", "not_a_fit", "no_response" } }
move "meeting_booked" { from = "sal", to = "sal", by = "owner" }
move "open_opportunity" { from = "sal", to = "opportunity", by = "owner" }
move "win" { from = "opportunity", to = "customer", by = "owner" }
move "lose" { from = "opportunity", to = "nurture", by = "owner" }
move "drop" { from = "nurture", to = "disqualified", by = "marketing" }
reason "no_budget" { to = "nurture" }
reason "not_a_fit" { to = "disqualified" }
reason "no_response" { to = "nurture" }
segment "big" { when = { ["company.employees"] = ge(500) } }
segment "german" { when = { ["company.country"] = "DE" } }
group "fit" { min = 0, max = 100 }
group "engagement" { min = 0, max = 100 }
score "SIZE" { group = "fit", field = "company.employees", bands = { { 500, 80 }, { 1, 10 } } }
score "DEMO" { group = "engagement", on = { type = "form_submitted", name = "demo" }, each = 80 }
grade "GRADE" { fit = { A = 75, B = 50, C = 25, D = 0 }, engagement = { ["1"] = 75, ["2"] = 50, ["3"] = 25, ["4"] = 0 } }
route "ALL" { team = "desk" }
sla "ANSWER" { status = "mql", within = "24h", clock = "wall", steps = { { at = "48h", move = "reject", reason = "no_response" } } }
"""


class Person:
    def __init__(self, number, email, created, now, status, **more):
        self.number, self.email, self.created, self.status = number, email, created, status
        self.entered, self.moves = now, []  # (at, move, from, to)
        self.accepted_at = self.deal_at = None
        self.owner = self.last_owner = None
        self.is_test = self.is_erased = False
        self.merged_into = None
        self.__dict__.update(more)

    def move(self, at, name, to):
        self.moves.append((at, name, self.status, to, at - self.entered if to != self.status else None))
        if to != self.status:
            self.status, self.entered = to, at

    def counts(self):
        return not (self.is_test or self.is_erased or self.merged_into)


class History:
    def __init__(self, seed, days=30, a_day=5, more_rules=""):
        self.random, self.days, self.a_day = random.Random(seed), days, a_day
        self.people, self.now = [], BEGIN
        self.d = Daemon(clock=BEGIN.isoformat())
        shutil.rmtree(self.d.rules)
        self.d.rules.mkdir()
        (self.d.rules / "rules.lua").write_text(RULES + more_rules)

    def live(self):
        for _ in range(self.days):
            self.arrivals()
            self.learn_owners()
            self.wait(datetime.timedelta(hours=self.random.randrange(1, 6), minutes=self.random.randrange(60)))
            for person in self.people:
                if person.counts():
                    self.act(person)
            if self.random.random() < 0.3:
                self.merge()
            if self.random.random() < 0.2:
                self.erase()
            self.wait(datetime.timedelta(days=1) - (self.now - BEGIN) % datetime.timedelta(days=1))
        self.learn_owners()

    def wait(self, by):
        """What is left lying is taken back on the way, to the second."""
        until = self.now + by
        self.d.ctl("clock", "advance", until.isoformat())
        for person in self.people:
            if person.status == "mql" and person.counts() and person.entered + ANSWER <= until:
                person.move(person.entered + ANSWER, "reject", "nurture")
        self.now = until

    def learn_owners(self):
        owners = {one["lead"]: one for one in self.d.lines("list", "--limit", "1000")}
        for person in self.people:
            one = owners.get(f"L-{person.number}")
            if person.counts() and one:
                check(one["status"], person.status, f"L-{person.number} at {self.now}")
                person.owner = one["owner"]
                person.grade = one["grade"]
                if one["owner"]:
                    person.last_owner = one["owner"]

    def arrivals(self):
        records = []
        for _ in range(self.random.randrange(self.a_day * 2)):
            i = len(self.people) + 1
            is_demo, is_test, late = self.random.random() < 0.7, self.random.random() < 0.05, self.random.random() < 0.2
            created = self.now - (datetime.timedelta(hours=self.random.randrange(1, 80)) if late else datetime.timedelta())
            person = Person(i, f"p{i}@firm{i}.example", created, self.now, "inquiry", source=self.random.choice(SOURCES), campaign=self.random.choice(CAMPAIGNS),
                            employees=self.random.choice((5, 50, 5000)), country=self.random.choice(("DE", "US")), is_demo=is_demo)
            person.is_test = is_test
            person.segments = [s for s, holds in (("big", person.employees >= 500), ("german", person.country == "DE")) if holds]
            attribution = {"source": person.source, "form_name": "demo" if is_demo else "paper"}
            if person.campaign:
                attribution["campaign"] = person.campaign
            records.append(lead(person.email, id=f"r{i}", time=created.isoformat().replace("+00:00", "Z"), attribution=attribution,
                                company={"employees": person.employees, "country": person.country}, **({"test": True} if is_test else {})))
            if is_demo:
                person.move(self.now, "raise", "mql")
            self.people.append(person)
        if records:
            self.d.drop("web", f"{self.now:%m%d}.ndjson", "".join(json.dumps(r) + "\n" for r in records))
            self.d.settle()

    def act(self, person):
        chance, name = self.random.random(), f"L-{person.number}"
        if person.status == "mql" and chance < 0.5:
            self.d.ctl("accept", name, "--as", person.owner)
            person.accepted_at = self.now
            person.move(self.now, "accept", "sal")
        elif person.status in ("mql", "sal") and chance > 0.85:
            reason, to = self.random.choice((("no_budget", "nurture"), ("not_a_fit", "disqualified")))
            self.d.ctl("reject", name, "--reason", reason, "--as", person.owner)
            person.move(self.now, "reject", to)
        elif person.status == "sal" and chance < 0.2:
            self.d.ctl("meeting_booked", name, "--as", person.owner)
            person.move(self.now, "meeting_booked", "sal")
        elif person.status == "sal" and chance < 0.4:
            self.d.ctl("open_opportunity", name, "--as", person.owner)
            person.move(self.now, "open_opportunity", "opportunity")
        elif person.status == "sal" and chance < 0.46 and not person.deal_at:
            # The CRM speaks of a deal, and nobody has moved the lead.
            self.d.drop("crm", f"deal-{person.number}.json", lead(person.email, id=f"deal-{person.number}", type="lead.updated", opportunity={"id": f"D-{person.number}", "stage": "proposal"}))
            self.d.settle()
            person.deal_at = self.now
        elif person.status == "opportunity" and chance < 0.3:
            move, to = self.random.choice((("win", "customer"), ("win", "customer"), ("lose", "nurture")))
            self.d.ctl(move, name, "--as", person.owner)
            person.move(self.now, move, to)

    def merge(self):
        """Of one source and kind, so that it is plain of which cohort the one is who is left."""
        people = [p for p in self.people if p.counts() and p.is_demo and p.owner and p.status in ("mql", "sal")]
        for a in people:
            for b in people:
                if a is not b and (a.source, a.campaign, a.employees, a.country) == (b.source, b.campaign, b.employees, b.country) and a.owner == b.owner:
                    self.d.ctl("merge", f"L-{a.number}", f"L-{b.number}")
                    a.merged_into = b
                    b.created = min(a.created, b.created)
                    return

    def erase(self):
        people = [p for p in self.people if p.counts() and not any(o.merged_into is p for o in self.people)]
        if people:
            person = self.random.choice(people)
            self.d.ctl("erase", f"L-{person.number}")
            person.is_erased = True

    def family(self, person):
        return [person] + [p for p in self.people if p.merged_into is person]

    def counted(self):
        return [p for p in self.people if p.counts()]
