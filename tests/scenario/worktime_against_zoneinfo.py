#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The working-time calculator against a second, straightforward implementation on Python's zoneinfo.

    worktime_against_zoneinfo.py [SEED] [ROUNDS]

Random calendars in many zones, 1970 to 2100, mostly around changes of the clocks; questions go to
BUILD/tests/unit/test_worktime_properties --answer. The seed is printed, and given as argument repeats the run.

Known difference: GLib (2.74) misreads the negative daylight saving of Europe/Dublin and Eire after 2037. Dublin is compared
up to there, and it is reported when the difference has gone.
"""
import datetime, os, pathlib, random, subprocess, sys, zoneinfo

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = TOP / os.environ.get("LEADD_BUILD", "build") / "tests/unit/test_worktime_properties"
ZONES = ["UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/St_Johns", "America/Sao_Paulo", "America/Havana",
         "Africa/Casablanca", "Africa/Monrovia", "Asia/Kathmandu", "Asia/Tehran", "Asia/Gaza", "Australia/Lord_Howe",
         "Pacific/Apia", "Pacific/Chatham", "Antarctica/Troll", "Europe/Dublin"]
SECOND, DAY, HORIZON_DAYS = 1000000, 86400, 200
FIRST, LAST, DUBLIN_LAST = 1970, 2100, 2037
EPOCH = datetime.datetime(1970, 1, 1)
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
PLANS = ["09:00-17:00", "09:00-12:30 13:00-18:00", "22:00-06:00", "00:00-24:00", "00:00-02:00 22:00-24:00", "02:30-03:15", "08:00-08:01",
         "23:30-23:29", "01:00-02:30 02:30-04:00", "00:30-01:45", "closed", "23:00-00:30", "20:00-04:00 05:00-06:00"]


# ---- zones: seconds since 1970, naive wall seconds ----

class Zone:
    def __init__(self, name):
        self.name, self.info, self.edges = name, zoneinfo.ZoneInfo(name), {}

    def offset(self, seconds):
        utc = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc) if seconds >= 0 else datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        return int(utc.astimezone(self.info).utcoffset().total_seconds())

    def local(self, wall):
        """Wall time to instant: the first of two; in a gap, with the offset before it."""
        naive = EPOCH + datetime.timedelta(seconds=wall)
        return wall - int(naive.replace(tzinfo=self.info, fold=0).utcoffset().total_seconds())

    def edge(self, wall):
        """The first instant at which the clocks show wall or something later."""
        if wall not in self.edges:
            instant = self.local(wall)
            if instant + self.offset(instant) != wall:  # in a gap, which began before: look for its second
                naive = EPOCH + datetime.timedelta(seconds=wall)
                low, high = wall - int(naive.replace(tzinfo=self.info, fold=1).utcoffset().total_seconds()), instant
                while high - low > 1:
                    middle = (low + high) // 2
                    low, high = (low, middle) if middle + self.offset(middle) >= wall else (middle, high)
                instant = high
            self.edges[wall] = instant
        return self.edges[wall]

    def changes(self, first, last):
        """Instants at which the offset changes."""
        found, low, before = [], first, self.offset(first)
        for seconds in range(first, last, 10 * DAY):
            after = self.offset(seconds)
            if after != before:
                a, b = low, seconds
                while b - a > 1:
                    m = (a + b) // 2
                    a, b = (m, b) if self.offset(m) == before else (a, m)
                found.append(b)
            low, before = seconds, after
        return found


# ---- calendars, in microseconds ----

def seconds_of(clock):
    hours, minutes = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60


def intervals_of(plan):
    found = []
    for part in [] if plan == "closed" else plan.split():
        start, end = map(seconds_of, part.split("-"))
        found.append((start, end if end > start else end + DAY))
    return sorted(found)


class Calendar:
    def __init__(self, zone, week, dated):
        self.zone, self.week, self.dated, self.cache = zone, week, dated, {}

    def plan(self, day):
        return intervals_of(self.dated[day] if day in self.dated else self.week[(day + 3) % 7])

    def day(self, day):
        """The open intervals that start on this day, as instants."""
        if day not in self.cache:
            spans = [(self.zone.edge(day * DAY + a) * SECOND, self.zone.edge(day * DAY + b) * SECOND) for a, b in self.plan(day)]
            self.cache[day] = [s for s in spans if s[0] < s[1]]
        return self.cache[day]

    def spans(self, from_us):
        """Open time from an instant on, in pieces that do not overlap; None after each day."""
        day = from_us // SECOND // DAY - 3
        reached = from_us
        while True:
            for start, end in self.day(day):
                if end > reached:
                    yield max(start, reached), end
                    reached = end
            yield None
            day += 1

    def next(self, from_us):
        limit = from_us + HORIZON_DAYS * DAY * SECOND
        n_empty = 0
        for span in self.spans(from_us):
            if span:
                return span[0] if span[0] < limit else None
            n_empty += 1
            if n_empty > HORIZON_DAYS + 10:
                return None

    def add(self, from_us, budget_us):
        if budget_us == 0:
            return from_us
        last, n_empty = from_us, 0
        for span in self.spans(from_us):
            if not span:
                n_empty += 1
                if n_empty > HORIZON_DAYS + 10:
                    return None
                continue
            n_empty = 0
            start, end = span
            if start >= last + HORIZON_DAYS * DAY * SECOND:
                return None
            if budget_us <= end - start:
                return start + budget_us
            budget_us -= end - start
            last = end

    def between(self, a, b):
        if b < a:
            return -self.between(b, a)
        total, n_days = 0, 0
        for span in self.spans(a):
            n_days += span is None
            if (span and span[0] >= b) or n_days > (b - a) // SECOND // DAY + 8:
                return total
            if span:
                total += min(span[1], b) - span[0]

    def is_open(self, at_us):
        day = at_us // SECOND // DAY
        return any(start <= at_us < end for d in range(day - 3, day + 4) for start, end in self.day(d))

    def workdays(self, from_us, n):
        start = self.next(from_us)
        if start is None:
            return None
        # The day whose interval it is: the earliest that is open then.
        first = start // SECOND // DAY
        day = next(d for d in range(first - 3, first + 4) if any(a <= start < b for a, b in self.day(d)))
        wall = start // SECOND + self.zone.offset(start // SECOND) - day * DAY
        begun = day
        last = day
        while n:
            day += 1
            if day - last > HORIZON_DAYS:
                return None
            if self.day(day):
                n, last = n - 1, day
        due = self.zone.edge(day * DAY + wall)
        is_gap = due + self.zone.offset(due) != day * DAY + wall
        due = due * SECOND + (0 if is_gap else start % SECOND)
        if self.is_open(due):
            return due
        return max(end for d in range(begun, day + 3) for _, end in self.day(d) if end <= due)


# ---- questions ----

def random_calendar(rng, zone, around):
    """`around`: the day near which there are exceptions."""
    while True:
        week = [rng.choice(PLANS) if rng.random() < 0.75 else "closed" for _ in DAYS]
        if any(p != "closed" for p in week):
            break
    dated = {}
    for _ in range(rng.choice([0, 0, 1, 4, 12])):
        dated[around + rng.randrange(-5, 60)] = rng.choice(PLANS)
    if rng.random() < 0.1:  # a long closure, on both sides of the horizon
        first, n = around + rng.randrange(0, 20), rng.choice([150, 195, 199, 200, 201, 205, 250])
        dated.update({d: "closed" for d in range(first, first + n)})
    return Calendar(zone, week, dated)


def date_of(day):
    return (EPOCH + datetime.timedelta(days=day)).strftime("%Y-%m-%d")


def describe(calendar):
    lines = [f"zone {calendar.zone.name}"]
    lines += [f"open {d} {p}" for d, p in zip(DAYS, calendar.week)]
    days = sorted(calendar.dated)
    while days:  # neighbours with the same plan as one range
        n = 1
        while n < len(days) and days[n] == days[0] + n and calendar.dated[days[n]] == calendar.dated[days[0]]:
            n += 1
        key = date_of(days[0]) + (f"..{date_of(days[n - 1])}" if n > 1 else "")
        lines.append(f"except {key} {calendar.dated[days[0]]}")
        days = days[n:]
    return lines + ["build"]


def questions(rng, zone, calendar, centre):
    """(line, what the answer must be)"""
    for _ in range(6):
        at = (centre + rng.choice([rng.randrange(-4 * DAY, 4 * DAY), rng.randrange(-7200, 7200), rng.randrange(-40 * DAY, 40 * DAY)])) * SECOND
        at += rng.choice([0, 0, 1, rng.randrange(SECOND)])
        span = rng.choice([rng.randrange(1, 8 * 3600), rng.randrange(1, 3 * DAY), rng.randrange(1, 20 * DAY)]) * SECOND + rng.choice([0, 0, rng.randrange(SECOND)])
        yield f"add {at} {span}", calendar.add(at, span)
        yield f"between {at} {at + 3 * span}", calendar.between(at, at + 3 * span)
        yield f"next {at}", calendar.next(at)
        yield f"is {at}", int(calendar.is_open(at))
        n = rng.choice([1, 1, 2, 5, 20])
        yield f"days {at} {n}", calendar.workdays(at, n)
        # Exactly to a closing, and one microsecond further.
        closing = next((s[1] for s in calendar.spans(at) if s), None)
        if closing and closing - at < HORIZON_DAYS * DAY * SECOND:
            exact = calendar.between(at, closing)
            yield f"add {at} {exact}", calendar.add(at, exact)
            yield f"add {at} {exact + 1}", calendar.add(at, exact + 1)
        seconds = at // SECOND
        yield f"offset {at}", zone.offset(seconds)
        wall = centre + zone.offset(centre) + rng.randrange(-9000, 9000)
        yield f"local {wall * SECOND}", zone.local(wall) * SECOND


def instant(year):
    return int((datetime.datetime(year, 1, 1) - EPOCH).total_seconds())


def ask(lines):
    done = subprocess.run([str(PROGRAM), "--answer"], input="\n".join(lines) + "\n", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
    if done.returncode != 0:
        sys.exit(f"{PROGRAM.name} --answer: exit {done.returncode}\n{done.stderr}")
    return done.stdout.split()


def dublin_differs():
    zone = Zone("Europe/Dublin")
    at = instant(2050) + 180 * DAY
    got = ask(["zone Europe/Dublin", "open mon 09:00-17:00", "build", f"offset {at * SECOND}", f"offset {(at - 180 * DAY) * SECOND}"])
    return [int(g) for g in got] != [zone.offset(at), zone.offset(at - 180 * DAY)]


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.SystemRandom().randrange(1 << 32)
    n_rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    rng = random.Random(seed)
    print(f"seed {seed}")
    if not PROGRAM.exists():
        sys.exit(f"{PROGRAM} has not been built")
    lines, wanted, context = [], [], []
    for name in ZONES:
        zone = Zone(name)
        last = DUBLIN_LAST if name == "Europe/Dublin" else LAST
        changes = zone.changes(instant(FIRST) + 60 * DAY, instant(last) - 60 * DAY)
        for _ in range(n_rounds):
            centre = rng.choice(changes) if changes and rng.random() < 0.8 else rng.randrange(instant(FIRST) + 90 * DAY, instant(last) - 300 * DAY)
            calendar = random_calendar(rng, zone, centre // DAY)
            description = describe(calendar)
            lines += description
            for line, want in questions(rng, zone, calendar, centre):
                if name == "Europe/Dublin" and want is not None and want > instant(last) * SECOND:
                    continue
                lines.append(line)
                wanted.append("none" if want is None else str(want))
                context.append((description, line))
    answers = ask(lines)
    if len(answers) != len(wanted):
        sys.exit(f"{len(answers)} answers to {len(wanted)} questions")
    wrong = [i for i in range(len(wanted)) if answers[i] != wanted[i]]
    for i in wrong[:5]:
        print("\n".join(context[i][0]))
        print(f"{context[i][1]}\n   got: {answers[i]}\n  want: {wanted[i]}")
    print(f"{len(wanted)} questions, {len(wrong)} wrong, {wanted.count('none')} without an answer")
    if not dublin_differs():
        print("note: Europe/Dublin after 2037 is right now; compare it like the others")
    return 1 if wrong or not wanted else 0


if __name__ == "__main__":
    sys.exit(main())
