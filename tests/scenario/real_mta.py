#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reminders through a real mail server (Debian's exim on loopback), by sendmail and by SMTP, into mailboxes, and read back by another mail
library: whatever people write into forms, subject, text and recipient are what was meant, and nothing else becomes of it."""
import email, email.policy, json, os, pathlib, random, re, shutil, subprocess, sys, tempfile, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import BUILD, Daemon, check, lead, main, wait_for  # noqa: E402
from hostile import clean, header, value  # noqa: E402
from mta import Mta, enter, skip  # noqa: E402
from receivers import Notifier  # noqa: E402

enter()

SEED = int(os.environ.get("LEADD_SEED", time.time_ns() % 1_000_000))
RULES = """
settings "site" { zone = "UTC", ops = "ops@firm.de" }
calendar "always" { zone = "UTC", open = { mon_sun = "00:00-24:00" } }
team "marketing" { doc = "asks" }
team "sales" { calendar = "always", head = "petra", members = { anna = { email = "anna@firm.de" }, petra = { email = "petra@firm.de", weight = 0 } } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "asked" }
status "mql" { team = "sales", kind = "sla", meaning = "fits" }
status "done" { team = "sales", kind = "final", meaning = "over" }
move "ask" { from = "inquiry", to = "mql", by = "rules" }
move "win" { from = "mql", to = "done", by = "owner" }
route "ALL" { team = "sales" }
sla "ANSWER" { status = "mql", within = "1h", clock = "wall", steps = { { at = "1h", every = "30d", remind = { "owner", "head" } } } }
channel "mail" { CHANNEL, from = "leads@firm.de" }
message "reminder" { channel = "mail", subject = "Lead of ${lead.company.name}", body = "${lead.person.name}\\n${lead.interest.message}" }
"""
HEADERS = {"date", "from", "subject", "to", "message-id", "auto-submitted", "x-leadd-lead", "x-leadd-kind", "mime-version", "content-type", "content-transfer-encoding"}
BY_SERVER = {"return-path", "envelope-to", "delivery-date", "received"}

def parse(raw, number):
    message = email.message_from_bytes(raw, policy=email.policy.default)
    names = [name.lower() for name in message.keys()]
    check(set(names) <= HEADERS | BY_SERVER, True, f"headers of {number}: {names}")
    check([n for n in names if n in HEADERS], list(dict.fromkeys(n for n in names if n in HEADERS)), f"each once in {number}")
    check(message.defects, [])
    return message


def lines(text):
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def with_daemon(via, body):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="leadd-test."))
    with Mta(directory, "anna", "petra") as mta:
        d = Daemon(clock="2026-03-05T10:00:00Z", directory=directory)
        shutil.rmtree(d.rules)
        d.rules.mkdir()
        channel = 'via = "sendmail"' if via == "sendmail" else f'via = "smtp", target = "127.0.0.1:{mta.port}"'
        (d.rules / "rules.lua").write_text(RULES.replace("CHANNEL", channel))
        plain = d.arguments
        d.arguments = lambda *more: plain(f"--notifier={directory / 'notify'}", *more)
        try:
            with Notifier(directory, f"--sendmail={mta.sendmail}"), d:
                body(d, mta)
        except Exception:
            print(mta.log())
            raise
    shutil.rmtree(directory)


def reach_mailboxes(via):
    def body(d, mta):
        d.drop("web", "a.json", lead("m@keller.example", id="a", person={"name": "Mária \U0001f600"}, company={"name": "Keller & Söhne"}, interest={"message": "Zwanzig Lkw"}))
        d.settle()
        d.advance("63m")
        wait_for(lambda: mta.n_mails() == 2, "the mails of the owner and the head")
        for reader in ("anna", "petra"):
            message = parse(mta.mails(reader)[0], reader)
            check((message["To"], message["From"], message["Subject"]), (f"{reader}@firm.de", "leads@firm.de", "Lead of Keller & Söhne"))
            check(lines(message.get_content()), "Mária \U0001f600\nZwanzig Lkw")
            check(message["Envelope-to"], f"{reader}@firm.de", "and to nobody else")
        # Three more within a few minutes: a mail each for anna and petra.
        for name in "bcd":
            d.drop("web", f"{name}.json", lead(f"{name}@keller.example", id=name, company={"name": f"Firm {name}"}, person={"name": name}, interest={"message": f"text {name}"}))
            d.settle()
            d.advance("1m")
        d.advance("63m")
        wait_for(lambda: mta.n_mails() == 4, "the mails about several leads")
        message = parse(mta.mails("anna")[1], "the second")
        check(message["Subject"], "Lead of Firm b (+2)")
        check(lines(message.get_content()), "".join(f"* Lead of Firm {n}\n\n{n}\ntext {n}\n\n\n" for n in "bcd").rstrip("\n"))
        wait_for(lambda: d.json("status")["outbox"] == 0, "all to be marked")

    with_daemon(via, body)


def by_smtp_reminders_reach_mailboxes():
    reach_mailboxes("smtp")


def by_sendmail_reminders_reach_mailboxes():
    reach_mailboxes("sendmail")


def a_server_that_is_busy_gets_it_again_and_what_it_refuses_is_a_dead_letter():
    def body(d, mta):
        mta.be_busy(True)
        d.drop("web", "a.json", lead("a@keller.example", id="a", person={"name": "a"}))
        d.settle()
        d.advance("63m")
        wait_for(lambda: [r["error"] for r in d.lines("outbox")] == ["the mail server put it off: 451"] * 2, "both to be put off")
        mta.be_busy(False)
        (mta.here / "users").write_text("anna: anna\n")
        d.advance("40s")
        wait_for(lambda: [(r["state"], r["error"]) for r in d.lines("outbox")] == [("dead", "the mail server refused it: 550")], "one to be refused")
        check((len(mta.mails("anna")), len(mta.mails("petra"))), (1, 0))
        (mta.here / "users").write_text("anna: anna\npetra: petra\n")
        d.ctl("outbox", "retry", d.lines("outbox")[0]["id"])
        wait_for(lambda: len(mta.mails("petra")) == 1, "what a person tries again")
        wait_for(lambda: d.json("status")["outbox_dead"] == 0, "nothing to be left")

    with_daemon("smtp", body)


def whatever_leads_say_subject_text_and_recipient_are_what_was_meant():
    dice = random.Random(SEED)
    n = 12

    def body(d, mta):
        meant = {}
        for i in range(n):
            said = {"company": value(dice), "name": value(dice, 500), "message": value(dice)}
            # Each a mail of its own: the next one comes after this one's wait.
            d.drop("web", f"{i}.json", lead(f"p{i}@keller.example", id=str(i), person={"name": said["name"]}, company={"name": said["company"]}, interest={"message": said["message"]}))
            d.settle()
            shown = d.show(f"L-{i + 1}") if d.json("status")["leads"] == i + 1 else None
            check(shown is not None, True, f"{said} was refused: {d.held('web')}")
            meant[f"L-{i + 1}"] = (shown["company"].get("name") or "", shown["person"].get("name") or "", said)
            d.advance("5m")
            wait_for(lambda: all(r["state"] == "waiting" for r in d.lines("outbox")), "what is due to be told")
        while d.json("status")["outbox"] > 0 or d.show(f"L-{n}")["version"] < 2:
            d.advance("5m")
        wait_for(lambda: mta.n_mails() == 2 * n, "all mails")
        for reader in ("anna", "petra"):
            seen = set()
            for raw in mta.mails(reader):
                message = parse(raw, reader)
                company, name, said = meant[message["X-Leadd-Lead"]]
                seen.add(message["X-Leadd-Lead"])
                check(message["To"], f"{reader}@firm.de")
                check(message["Envelope-to"], f"{reader}@firm.de")
                check(one_line(message["Subject"]), one_line(header(f"Lead of {clean(company)}")), f"{said}")
                text = lines(message.get_content())
                check(text.split("\n")[0], clean(name), f"{said}")
                check(len(text.split("\n")) <= 2, True, text)
            check(len(seen), n)

    with_daemon("smtp", body)


def one_line(text):
    """A folded header is unfolded to blanks, however many there were."""
    return re.sub(r"\s+", " ", text).strip()


def random_jobs(mta, via, n, dice):
    jobs = []
    for i in range(n):
        subject, text = value(dice, 3000), value(dice, 20000)
        jobs.append({"id": str(i), "via": via, "target": f"127.0.0.1:{mta.port}", "from": "leads@firm.de", "to": "anna@firm.de", "subject": subject, "body": text, "lead": value(dice), "kind": value(dice), "time": 1772701200000000})
    return jobs


def whatever_a_job_says_the_mail_that_arrives_says_the_same():
    """leadd-notify alone, with texts that no cleaning of ours has touched."""
    dice = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="leadd-test.") as directory, Mta(directory, "anna", "evil") as mta:
        jobs = random_jobs(mta, "smtp", 40, dice) + random_jobs(mta, "sendmail", 20, dice)
        data = b"".join(json.dumps({"method": "org.leadd.Notify.Deliver", "parameters": j}).encode() + b"\0" for j in jobs)
        done = subprocess.run([str(BUILD / "leadd-notify"), f"--sendmail={mta.sendmail}"], input=data, capture_output=True, timeout=300)
        check(done.returncode, 0, done.stderr.decode())
        check([json.loads(a)["parameters"]["outcome"] for a in done.stdout.split(b"\0") if a], ["delivered"] * len(jobs))
        wait_for(lambda: mta.n_mails() == len(jobs), "all mails", limit=60)
        check(mta.mails("evil"), [])
        got = sorted((one_line(m["Subject"]), body_of(m)) for m in (parse(raw, "a job") for raw in mta.mails("anna")))
        want = sorted((one_line(header(j["subject"])), lines(j["body"])) for j in jobs)
        for g, w in zip(got, want):
            check(g, w)


def body_of(message):
    check(message["To"], "anna@firm.de")
    check(message["Envelope-to"], "anna@firm.de")
    return lines(message.get_content())


print(f"  seed {SEED}")
main(by_smtp_reminders_reach_mailboxes, by_sendmail_reminders_reach_mailboxes, a_server_that_is_busy_gets_it_again_and_what_it_refuses_is_a_dead_letter,
     whatever_a_job_says_the_mail_that_arrives_says_the_same, whatever_leads_say_subject_text_and_recipient_are_what_was_meant)
