# SPDX-License-Identifier: MIT
"""What the story_*.py scenarios are told with: a daemon in virtual time, and verbs for what people do and see.

    with Story("Thu 2026-03-05 10:00") as s:
        s.submits("maria", "Book a demo")
        s.stands("maria", "mql", owner="anna", due="Thu 2026-03-05 12:00")
        s.comes("Thu 2026-03-05 10:20")
        s.answers("anna", "accept", "maria")

Times are local to the story's zone and name their weekday, which is checked. A person is a first name: maria is maria@maria.example
unless the story introduces her otherwise. Files and their ids are numbered, so that two tellings of a story are the same.
"""
import datetime, json, shutil, zoneinfo

from harness import Daemon, Failed, activity, check, lead, wait_for  # noqa: F401


class Story(Daemon):
    def __init__(self, begins, rules=None, zone="Europe/Berlin", changes=(), files=(), **more):
        """rules: the text of a policy of the story's own; without, the shipped one. changes: (file, old, new) in the shipped one.
        files: (name, text) beside the rules."""
        self.zone = zoneinfo.ZoneInfo(zone)
        self.addresses, self.n_told, self.again = {}, 0, None
        super().__init__(clock=self.instant(begins).isoformat(), **more)
        if rules:
            shutil.rmtree(self.rules)
            self.rules.mkdir()
            (self.rules / "rules.lua").write_text(rules)
        for name, old, new in changes:
            self.change(name, old, new)
        for name, text in files:
            (self.rules / name).write_text(text)

    # ---- time

    def instant(self, text):
        """"Thu 2026-03-05 10:00", or with seconds; of an hour that comes twice the first, unless it ends in " again"."""
        fold = text.endswith(" again")
        weekday, rest = text.removesuffix(" again").split(" ", 1)
        local = datetime.datetime.fromisoformat(rest).replace(tzinfo=self.zone, fold=fold)
        check(weekday, local.strftime("%a"), f"the weekday of {rest}")
        return local

    def local(self, rfc3339, zone=None):
        if rfc3339 is None:
            return None
        at = datetime.datetime.fromisoformat(rfc3339.replace("Z", "+00:00")).astimezone(zoneinfo.ZoneInfo(zone) if zone else self.zone)
        return at.strftime("%a %Y-%m-%d %H:%M" + (":%S" if at.second else "")) + (" again" if at.fold else "")

    def comes(self, moment):
        """The clock moves on to that moment, and what is due on the way happens."""
        self.advance(self.instant(moment).isoformat())

    def crashes(self, at):
        """kill -9. In virtual time the clock has to be told when it is started again."""
        self.kill()
        self.clock = self.instant(at).isoformat()

    # ---- what people do

    def address(self, who):
        return self.addresses.get(who, f"{who}@{who}.example")

    def drops(self, source, record):
        self.n_told += 1
        self.again = {"id": f"story-{self.n_told}", **record}
        self.drop(source, f"{self.n_told}.json", self.again)
        self.settle()

    def submits(self, who, form, contact=True, **data):
        """Who fills in a form, and allows to be contacted."""
        self.drops("web", self.record(who, form, contact, **data))

    def record(self, who, form, contact=True, **data):
        consent = {"consent": [{"purpose": "contact", "granted": True}]} if contact else {}
        return lead(self.address(who), attribution={"form_name": form}, **consent, **data)

    def does(self, who, what, when=None, **fields):
        self.drops("site", activity(self.address(who), what, time=self.instant(when).isoformat() if when else None, **fields))

    def answers(self, person, move, who, reason=None, note=None, refused=False):
        """A person of ours makes a move about who; returns what leadctl said."""
        arguments = [*(["--reason", reason] if reason else []), *(["--note", note] if note else [])]
        done = self.ctl("move", move, self.address(who), "--as", person, *arguments, check_code=1 if refused else 0)
        return done.stderr if refused else done.stdout

    def logs(self, person, what, who):
        self.ctl("did", self.address(who), what, "--as", person)

    def goes_away(self, person, until, since=None):
        """From a source that may speak for owners; the shipped rules name none (SPEAKS_FOR_OWNERS)."""
        data = {"name": person, "to": self.instant(until).isoformat(), **({"from": self.instant(since).isoformat()} if since else {})}
        self.drops("crm", {"specversion": "1.0", "type": "owner.away", "data": {"owner": data}})

    def comes_back(self, person):
        self.drops("crm", {"specversion": "1.0", "type": "owner.back", "data": {"owner": {"name": person}}})

    def change(self, name, old, new):
        path = self.rules / name
        text = path.read_text()
        check(old in text, True, f"{old!r} in {name}")
        path.write_text(text.replace(old, new, 1))

    # ---- what is to be seen

    def stands(self, who, status, owner=None, due=None):
        shown = self.show(self.address(who))
        got = (shown["status"], shown["owner"], self.local(shown["due"]))
        check(got, (status, owner, due), f"{who}: status, owner, due")
        return shown

    def owner(self, who):
        return self.show(self.address(who))["owner"]

    def number(self, who):
        return self.show(self.address(who))["lead"]

    def events(self, who, type=None):
        return [e for e in self.log_of(self.address(who)) if type is None or e["type"] == type]

    def moves(self, who):
        """[("Thu 2026-03-05 10:00", "inquiry -> mql (hand_raise by rules)")]"""
        found = []
        for event in self.events(who):
            found += [(self.local(event["time"]), part) for part in event["summary"].split("; ") if " -> " in part]
        return found

    def reminders(self, who):
        """When a step of an SLA fired for who, which, and who was reminded, each firing once."""
        steps = self.events(who, "timer.step")
        check(len({e["id"] for e in steps}), len(steps), "no step fired twice")
        return [(self.local(e["time"]), e["summary"].split("; ")[0].replace(": reminded ", ": ")) for e in steps]

    def mailbox(self, person, channel="crm"):
        """What a channel that drops files had for a person: [("Thu 2026-03-05 10:30", lead, subject)]."""
        return [(self.local(e["time"]), e["data"]["lead"], e["data"]["subject"]) for e in self.outgoing(channel)
                if e["type"] == "org.leadd.reminded" and e["data"].get("recipient") == person]


SPEAKS_FOR_OWNERS = ("00-site.lua", 'settings "site" {', 'settings "site" {\n  spool = { crm = { "owner" } },')
