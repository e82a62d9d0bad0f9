#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The whole way there and back through a real mail server (Debian's exim): a reminder to a mailbox, the reply to an alias that is a pipe, and
what the server makes of leadctl's exit status: taken, returned to its sender with the reason, or kept while leadd is down."""
import email, email.message, email.policy, grp, pathlib, pwd, shutil, sys, tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import BUILD, Daemon, check, lead, main, wait_for  # noqa: E402
from mta import USER, Mta, enter, skip  # noqa: E402
from receivers import Notifier  # noqa: E402

enter()
try:
    if grp.getgrnam("leadd").gr_gid != pwd.getpwnam(USER).pw_gid:
        raise KeyError
except KeyError:
    skip(f"{USER} is a user of this machine, and not in the group leadd")

RULES = """
settings "site" { zone = "UTC", ops = "ops@firm.de" }
calendar "always" { zone = "UTC", open = { mon_sun = "00:00-24:00" } }
team "marketing" { doc = "asks" }
team "sales" { calendar = "always", head = "petra", members = { anna = { email = "anna@firm.de" }, petra = { email = "petra@firm.de", weight = 0 } } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "asked" }
status "mql" { team = "sales", kind = "sla", meaning = "fits" }
status "sal" { team = "sales", kind = "open", meaning = "taken" }
status "done" { team = "marketing", kind = "final", meaning = "over" }
move "ask" { from = "inquiry", to = "mql", by = "rules" }
move "accept" { from = "mql", to = "sal", by = "owner" }
move "reject" { from = { "mql", "sal" }, by = "owner", reasons = { "no_budget" } }
reason "no_budget" { to = "done" }
route "ALL" { team = "sales" }
sla "ANSWER" { status = "mql", within = "1h", clock = "wall", steps = { { at = "1h", every = "30d", remind = { "owner", "head" } } } }
channel "mail" { via = "sendmail", from = "leads@firm.de", reply_to = "answers@firm.de", gather = "0m" }
message "reminder" { channel = "mail", subject = "Über ${lead.company.name}", body = "${lead.person.name}\\n\\n${answers}" }
"""


def read(raw):
    return email.message_from_bytes(raw, policy=email.policy.default)


def reply_to(mail, text):
    reply = email.message.EmailMessage()
    reply["From"], reply["To"], reply["Subject"], reply["In-Reply-To"] = mail["To"], mail["Reply-To"], "Re: " + mail["Subject"], mail["Message-ID"]
    reply.set_content(text + "\n\n" + "\n".join("> " + line for line in mail.get_content().splitlines()))
    return reply


def a_reminder_is_answered_through_a_mail_server():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="leadd-test."))
    command = f"{BUILD / 'leadctl'} --socket={directory / 'socket'} submit --format eml --source web -"
    with Mta(directory, "anna", "petra", answers=command) as mta:
        d = Daemon(clock="2026-03-05T10:00:00Z", directory=directory)
        shutil.rmtree(d.rules)
        d.rules.mkdir()
        (d.rules / "rules.lua").write_text(RULES)
        plain = d.arguments
        d.arguments = lambda *more: plain(f"--notifier={directory / 'notify'}", *more)

        def send(message, sender=None):
            mta.send(sender if sender is not None else message["From"], message["To"], message.as_bytes(policy=email.policy.SMTP))

        try:
            with Notifier(directory, f"--sendmail={mta.sendmail}"), d:
                for name in "ab":
                    d.drop("web", f"{name}.json", lead(f"{name}@x.example", id=name, person={"name": "Mária"}, company={"name": f"Söhne {name}"}))
                    d.settle()
                    d.advance("1m")
                d.advance("1h")
                wait_for(lambda: mta.n_mails() == 4, "the reminders of two leads to two people")
                hers = {m["X-Leadd-Lead"]: m for m in map(read, mta.mails("anna"))}
                petras = {m["X-Leadd-Lead"]: m for m in map(read, mta.mails("petra"))}
                check((hers["L-1"]["Subject"][:7], hers["L-1"]["Reply-To"]), ("Über Sö", "answers@firm.de"))
                send(reply_to(hers["L-1"], "Accept."))
                check(d.show("L-1")["status"], "sal")
                check(mta.n_mails(), 4, "what was taken is not answered")
                # Too late, and told who was first: the server returns the mail with what leadctl said.
                send(reply_to(petras["L-1"], "reject no_budget"))
                wait_for(lambda: mta.n_mails() == 5, "the bounce")
                bounce = mta.mails("petra")[-1].decode()
                check("is over: accept by anna at 2026-03-0" in bounce, True, bounce)
                # The bounce that comes back, and a vacation notice, are passed over: nobody is written to.
                send(to_answers(mta.mails("petra")[-1]), sender="")
                vacation = reply_to(hers["L-2"], "accept")
                vacation["Auto-Submitted"] = "auto-replied"
                send(vacation)
                send(reply_to(hers["L-2"], "accept"), sender="")
                check((mta.n_mails(), d.show("L-2")["status"]), (5, "mql"), mta.log())
                # While leadd is down the mail is kept, and taken when it is back.
                check(d.stop(), 0)
                send(reply_to(hers["L-2"], "accept"))
                check("== answers@firm.de" in mta.log(), True, "deferred: " + mta.log())
                d.clock = "2026-03-05T12:00:00Z"
                d.start()
                mta.run_queue()
                wait_for(lambda: d.show("L-2")["status"] == "sal", "the mail that was kept")
                # A portal's mail with a record in it.
                portal = email.message.EmailMessage()
                portal["From"], portal["To"], portal["Subject"] = "portal@firm.de", "answers@firm.de", "lead"
                portal.set_content("A lead is attached.")
                portal.add_attachment(b'{"email": "p@x.example"}', maintype="application", subtype="json", filename="lead.json")
                send(portal, sender="anna@firm.de")
                check(d.show("p@x.example")["status"], "mql")
                check(mta.n_mails(), 5)
        except Exception:
            print(mta.log())
            raise
    shutil.rmtree(directory)


def to_answers(raw):
    message = read(raw)
    del message["To"]
    message["To"] = "answers@firm.de"
    return message


main(a_reminder_is_answered_through_a_mail_server)
