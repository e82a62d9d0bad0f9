#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`report funnel` and `report stages` against a slow count of random histories; late arrivals, merged people, tests and who was erased."""
import csv, datetime, io, math, pathlib, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import check  # noqa: E402
from histories import BEGIN, History  # noqa: E402

STAGES = ("inquiry", "mql", "accepted", "meeting", "opportunity", "won")


def quantile(values, q):
    return sorted(values)[max(math.ceil(q * len(values)) - 1, 0)] if values else None


def reached(history, person):
    """When the person reached each stage, by what their family did; seconds since they came."""
    found = {"inquiry": person.created}

    def take(stage, at):
        found[stage] = min(found.get(stage, at), at)
    for one in history.family(person):
        for at, move, _, to, _ in one.moves:
            for stage, holds in (("mql", to == "mql"), ("meeting", move == "meeting_booked"), ("opportunity", to == "opportunity"), ("won", to == "customer")):
                if holds:
                    take(stage, at)
        if one.accepted_at:
            take("accepted", one.accepted_at)
        if one.deal_at:
            take("opportunity", one.deal_at)
    return {stage: max(int((at - person.created).total_seconds()), 0) for stage, at in found.items()}


def cohorts_of(history, person, by):
    """None: counts nowhere in particular."""
    if by == "segment":
        return person.segments or [None]
    if by == "owner":
        return [person.owner or person.last_owner]
    return [{"source": person.source, "campaign": person.campaign, "grade": person.grade}[by]]


def slow_funnel(history, since, until, by):
    """{cohort: {stage: (reached, of, on, of those before, median, p90)}}"""
    members = {}
    for person in history.counted():
        if since <= person.created < until or person.created == until == history.now:
            for cohort in cohorts_of(history, person, by) if by else ["all"]:
                members.setdefault(cohort, []).append(reached(history, person))
    table = {}
    for cohort, leads in members.items():
        rows = table[cohort] = {}
        for i, stage in enumerate(STAGES):
            times = [one[stage] for one in leads if stage in one]
            before = [one for one in leads if i > 0 and STAGES[i - 1] in one]
            rows[stage] = (len(times), len(leads), sum(stage in one for one in before) if i else None, len(before) if i else None, quantile(times, 0.5), quantile(times, 0.9))
    return table


def of_row(row):
    step = row["step"] or {"n": None, "of": None}
    return (row["reached"]["n"], row["reached"]["of"], step["n"], step["of"], row["median_seconds"], row["p90_seconds"])


def iso(at):
    return at.isoformat().replace("+00:00", "Z")


def the_funnel_is_what_happened(history):
    d, now = history.d, history.now
    periods = [(BEGIN - datetime.timedelta(days=9), now), (BEGIN + datetime.timedelta(days=7), BEGIN + datetime.timedelta(days=19, hours=5))]
    for since, until in periods:
        report = d.json("report", "funnel", "--since", iso(since), "--until", iso(until))
        check((report["from"], report["until"], report["now"]), (iso(since), iso(until), iso(now)))
        check({row["stage"]: of_row(row) for row in report["stages"]}, slow_funnel(history, since, until, None)["all"], f"{since} {until}")
        for by in ("source", "campaign", "segment", "grade", "owner"):
            report = d.json("report", "funnel", "--since", iso(since), "--until", iso(until), "--by", by)
            got = {}
            for row in report["cohort_stages"]:
                got.setdefault(row["cohort"], {})[row["stage"]] = of_row(row)
            check(got, slow_funnel(history, since, until, by), f"by {by}, {since} {until}")
            check([(row["cohort"], row["leads"], row["reached_won"]["n"]) for row in report["cohorts"]],
                  [(name, rows["won"][1], rows["won"][0]) for name, rows in sorted(got.items(), key=lambda item: (-item[1]["won"][1], item[0] is None, item[0]))])
    if len(sys.argv) == 1:
        check(any(p.merged_into for p in history.people) and any(p.is_erased for p in history.people) and any(p.is_test for p in history.people) and any(p.deal_at for p in history.people), True, "of each a few")
    check([row["cohort"] for row in d.json("report", "funnel", "--by", "rating")["cohorts"]], [row["cohort"] for row in d.json("report", "funnel", "--by", "grade")["cohorts"]])


def the_headline_is_a_rate(history):
    report = history.d.json("report", "funnel", "--since", iso(BEGIN - datetime.timedelta(days=9)))
    last = report["stages"][-1]["reached"]
    check(f"% (" in report["headline"] and f"of {last['of']}" in report["headline"], True, report["headline"])
    few = history.d.json("report", "funnel", "--since", iso(BEGIN), "--until", iso(BEGIN + datetime.timedelta(hours=60)))
    check("too few to go by" in few["headline"], few["stages"][0]["reached"]["n"] < 20, few["headline"])
    none = history.d.json("report", "funnel", "--since", "2020-01-01", "--until", "2020-01-31")
    check((none["headline"], none["stages"]), ("No lead was created in the period.", []))


def the_times_in_statuses_are_what_happened(history):
    d, now, since = history.d, history.now, BEGIN + datetime.timedelta(days=3)
    report = d.json("report", "stages", "--since", iso(since))
    left, ages = {}, {}
    for person in history.people:
        if not (person.is_test or person.is_erased):
            for at, _, status, _, spent in person.moves:
                if spent is not None and since <= at <= now:
                    left.setdefault(status, []).append(int(spent.total_seconds()))
        if person.counts():
            ages.setdefault(person.status, []).append((int((now - person.entered).total_seconds()), f"L-{person.number}"))
    got = {row["status"]: (row["left"], row["median_seconds"], row["p90_seconds"], row["now"], row["now_median_seconds"], row["now_p90_seconds"]) for row in report["statuses"]}
    want = {}
    for status in left.keys() | ages.keys():
        stays, here = left.get(status, []), [age for age, _ in ages.get(status, [])]
        want[status] = (len(stays), quantile(stays, 0.5), quantile(stays, 0.9), len(here), quantile(here, 0.5), quantile(here, 0.9))
    check(got, want)
    for row in report["statuses"]:
        if row["status"] not in ("mql", "sal", "opportunity"):
            check(row["stuck"], None, row["status"])
            continue
        after = max(row["p90_seconds"], 7 * 86400) if row["left"] >= 20 else 30 * 86400
        stuck = sorted((age, name) for age, name in ages.get(row["status"], []) if age > after)
        check((row["stuck_after_seconds"], row["stuck"]["n"]), (after, len(stuck)), row["status"])
        check(sorted(x["age_seconds"] for x in report["stuck"] if x["status"] == row["status"]), [age for age, _ in stuck[-5:]])
    if len(sys.argv) == 1:
        check(any(row["stuck"] and row["stuck"]["n"] for row in report["statuses"]), True, "somebody is")


def stages_are_what_the_rules_say(history):
    """Other stages, by status, by move, by both, and one that is skipped; of what was long before the rules had them."""
    (history.d.rules / "stages.lua").write_text("""
stage "came" { every = true }
stage "talked" { move = { "meeting_booked", "open_opportunity" } }
stage "taken" { accepted = true }
stage "over" { status = { "customer", "disqualified" }, move = { "lose" } }
""")
    history.d.ctl("reload")
    since = BEGIN - datetime.timedelta(days=9)
    report = history.d.json("report", "funnel", "--since", iso(since), "--by", "source")
    want = dict.fromkeys(("came", "talked", "taken", "over"), 0)
    both = 0
    for person in history.counted():
        family = history.family(person)
        moves = [m for one in family for m in one.moves]
        talked = any(m[1] in ("meeting_booked", "open_opportunity") for m in moves)
        taken = any(one.accepted_at for one in family)
        want["came"] += 1
        want["talked"] += talked
        want["taken"] += taken
        both += talked and taken
        want["over"] += any(m[3] in ("customer", "disqualified") or m[1] == "lose" for m in moves)
    check({row["stage"]: row["reached"]["n"] for row in report["stages"]}, want)
    check([(row["step"]["n"], row["step"]["of"]) for row in report["stages"] if row["stage"] == "taken"], [(both, want["talked"])])
    check([key for key in report["cohorts"][0] if key.startswith("reached")], ["reached_talked", "reached_taken", "reached_over"])
    check(any("those of the rules" in note for note in report["notes"]), True)


def it_is_for_a_spreadsheet(history):
    text = history.d.ctl("report", "funnel", "--by", "source", "--csv", "--table", "cohorts").stdout
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    check(sorted(row["cohort"] for row in rows), ["'=partner", "fair <2026>", "google", "linkedin"])
    check([float(row["reached_won_share"]) for row in rows], [round(int(row["reached_won"]) / int(row["leads"]), 4) for row in rows])


def main_once():
    history = History(seed=int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    with history.d:
        history.live()
        for test in (the_funnel_is_what_happened, the_headline_is_a_rate, the_times_in_statuses_are_what_happened, it_is_for_a_spreadsheet, stages_are_what_the_rules_say):
            print(f"- {test.__name__.replace('_', ' ')}", flush=True)
            test(history)


main_once()
