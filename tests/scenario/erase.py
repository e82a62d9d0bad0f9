#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A person asks to be forgotten: nothing is left in the book, its log, the spool or what is still to be told; everybody else stays."""
import gzip, json, pathlib, subprocess, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import BUILD, Daemon, activity, check, lead, main, wait_for  # noqa: E402

THURSDAY = "2026-03-05T10:00:00+01:00"
EMAIL = "maria.canary@canarywerk.example"
CANARIES = ["maria.canary", "canarywerk", "Canaria", "30777888", "canary-event", "crmcanary77", "sings in a canary cage", "canary-note"]
SETTINGS = 'settings "site" { zone = "Europe/Berlin", keep_done = "7d", ops = "ops@example.com", spool = { crm = { "erased" }, linkedin = { "erased" } } }\n'


def daemon():
    d = Daemon(clock=THURSDAY)
    for path in d.rules.glob("*.lua"):
        text = path.read_text()
        if 'settings "site"' in text:
            start = text.index('settings "site"')
            depth, at = 0, text.index("{", start)
            for at in range(at, len(text)):
                depth += {"{": 1, "}": -1}.get(text[at], 0)
                if depth == 0:
                    break
            path.write_text(text[:start] + SETTINGS + text[at + 1:])
    return d


def left(d):
    """Every canary in every file of state and spool, compressed ones as well, and in every name; the journal too."""
    found = []
    for path in [*d.state.rglob("*"), *d.spool.rglob("*"), d.log_path]:
        if not path.is_file():
            continue
        data = path.read_bytes()
        if path.name.endswith(".gz"):
            data = gzip.decompress(data)
        elif path.name.endswith(".zst"):
            data = subprocess.run(["zstd", "-dc", str(path)], capture_output=True, check=True).stdout
        for canary in CANARIES:
            if canary.lower().encode() in data.lower().replace(b"\0", b"") or canary.lower() in str(path).lower():
                found.append((str(path.relative_to(d.directory)), canary))
    return found


def maria(id="canary-event", **more):
    return lead(EMAIL, id=id, time="2026-03-05T08:00:00Z",
        person={"name": "Maria Canaria", "phone_number": "+4930777888", "external_ids": {"crm": "crmcanary77"}},
        company={"name": "Canarywerk", "domain": "canarywerk.example", "employees": 180, "country": "DE"},
        attribution={"form_name": "demo"}, answers={"hobby": "sings in a canary cage"}, consent={"contact": True}, **more)


def plant(d, aside=True):
    other = lead("joe@other.example", id="joe", person={"name": "Joe Other", "phone_number": "+4930111222"})
    d.drop("web", "1.json", maria())
    d.drop("web", "2.json", other)
    d.drop("web", f"{EMAIL}.json", activity(EMAIL, "page_viewed", id="canary-event-2", url="https://example.com/"))
    d.drop("web", "3.ndjson.gz", gzip.compress("\n".join(json.dumps(r) for r in (maria("canary-event-3"), other)).encode()))
    d.settle()
    if not aside:
        return next(one["lead"] for one in d.lines("list") if one["email"] == EMAIL)
    # Refused records, set-aside files, and those of others beside them.
    bad = {**maria("canary-event-4"), "type": "lead.sold"}
    d.drop("web", "4.ndjson", "\n".join(json.dumps(r) for r in (bad, {**other, "id": "joe-2", "type": "lead.sold"})))
    d.drop("web", "5.json", json.dumps(maria("canary-event-5"))[:-3])
    d.drop("web", "6.csv", ("email,phone\n" + EMAIL + ",\njoe2@other.example,+49 30 111-222\n").encode("utf-16"))
    d.settle()
    number = next(one["lead"] for one in d.lines("list") if one["email"] == EMAIL)
    d.ctl("note", number, "canary-note")
    d.advance("5h")  # reminders are told, and segments written
    return number


def nothing_is_left_and_others_stay():
    with daemon() as d:
        number = plant(d)
        places = {path.split("/")[0] + "/" + path.split("/")[1] for path, _ in left(d)}
        check({"spool/done", "spool/held", "spool/outgoing", "state/leadd.db"} <= places, True, places)
        check("log" in {path for path, _ in left(d)}, False, "the journal never had it")
        joe = d.show("joe@other.example")
        said = d.ctl("erase", EMAIL).stdout
        check(f"{number}: erased" in said, True, said)
        check(left(d), [])
        # Others are as they were.
        check(d.show("joe@other.example"), joe)
        check([json.loads(line)["raw"].count("joe@other.example") for line in (d.spool / "held/web/4.ndjson.rejects.ndjson").read_text().splitlines()], [1])
        # The number says when.
        for verb in (("show", number), ("show", EMAIL), ("log", number), ("explain", number), ("accept", number, "--as", "anna")):
            check(f"{number} was erased on 2026-03-05 " in d.ctl(*verb, check_code=3).stderr, True, verb)
        check(EMAIL in [one["email"] for one in d.lines("list")], False)
        check(f"{number} was erased on" in d.ctl("erase", number, check_code=3).stderr, True)
        check("nobody is known by that; 0 files" in d.ctl("erase", EMAIL).stdout, True)
        # What comes again brings nobody back, and does not stay in done/, either.
        d.drop("web", "again.json", maria())
        d.drop("web", "again2.ndjson", json.dumps(maria("canary-other-id")))
        d.settle()
        check(left(d), [])
        check(d.json("status")["leads"], 3)
        # A new record is a new lead.
        d.drop("web", "new.json", {**maria("canary-new"), "time": "2026-03-05T16:00:00Z"})
        d.settle()
        check(d.show(EMAIL)["lead"] != number, True)
        d.ctl("erase", EMAIL)
        check(left(d), [])


def an_order_of_an_integration_is_carried_out_where_it_may_give_one():
    with daemon() as d:
        number = plant(d, aside=False)
        order = lead(EMAIL, id="canary-order", type="lead.erased")
        d.drop("web", "order.json", order)
        d.settle()
        check(d.show(number)["email"], EMAIL, "web may not")
        d.drop("crm", "order.json", order)
        d.settle()
        wait_for(lambda: left(d) == [], "nothing to be left")
        check("was erased" in d.ctl("show", number, check_code=3).stderr, True)
        d.drop("crm", "order.json", order)
        d.drop("crm", "unknown.json", lead("nobody.canarywerk@x.example", id="canary-order-2", type="lead.erased"))
        d.settle()
        wait_for(lambda: left(d) == [], "nothing to be left")
        check(d.held("crm"), [])


def what_linkedin_deletes_is_erased():
    payloads = pathlib.Path(__file__).resolve().parent.parent / "data/payloads"
    with daemon() as d:
        d.drop("linkedin", "1.json", (payloads / "linkedin-lead-response.json").read_text())
        created = json.loads((payloads / "linkedin-lead-notification.json").read_text())
        d.drop("linkedin", "2.json", created)
        d.settle()
        (one,) = d.lines("list")
        d.drop("linkedin", "3.json", {**created, "leadAction": "DELETED"})
        d.settle()
        wait_for(lambda: "was erased" in d.ctl("show", one["lead"], check_code=None).stderr, "the erasure")
        wait_for(lambda: b"ingrid.solberg" not in b"".join(p.read_bytes() for p in [*d.spool.rglob("*"), *d.state.rglob("*")] if p.is_file()), "nothing to be left")
        check(d.held("linkedin"), [])


def two_leads_of_one_person_go_together():
    with daemon() as d:
        plant(d, aside=False)
        d.drop("web", "m.json", lead("second.canary@canarywerk.example", id="canary-event-9", person={"name": "Maria Canaria"}))
        d.settle()
        CANARIES.append("second.canary")
        one, two = (d.show(email)["lead"] for email in (EMAIL, "second.canary@canarywerk.example"))
        d.ctl("merge", two, EMAIL)
        d.ctl("erase", two)
        check(left(d), [])
        for lead_number in (one, two):
            check("was erased" in d.ctl("show", lead_number, check_code=3).stderr, True)


def who_was_there_at_a_reload_is_counted_in_a_replay():
    with daemon() as d:
        plant(d, aside=False)
        (d.rules / "zz.lua").write_text("-- another set\n")
        said = d.ctl("reload").stdout
        check("2 leads re-derived" in said, True, said)
        d.ctl("erase", EMAIL)
        d.replay()


def nobody_is_known_by_it_but_a_file_is():
    with daemon() as d:
        d.drop("web", "5.json", json.dumps(maria("canary-event-5"))[:-3])
        d.settle()
        check(len(left(d)) > 0, True)
        check("nobody is known by that; 2 files removed" in d.ctl("erase", EMAIL).stdout, True)
        check(left(d), [])
        d.ctl("erase", "L-99", check_code=3)


main(nothing_is_left_and_others_stay, an_order_of_an_integration_is_carried_out_where_it_may_give_one, what_linkedin_deletes_is_erased, two_leads_of_one_person_go_together,
    who_was_there_at_a_reload_is_counted_in_a_replay, nobody_is_known_by_it_but_a_file_is)
