#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A reminder is answered by replying to it: the real leadd, the real leadd-notify with a sendmail of the test's own, and leadctl at the end
of an alias. Replies are made by another mail library."""
import email, email.encoders, email.message, email.policy, os, pathlib, re, signal, subprocess, sys
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import BUILD, Daemon, check, lead, main, wait_for  # noqa: E402

CLOCK = "2026-03-05T10:00:00+01:00"
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
RULES = """
channel "desk" { via = "sendmail", from = "leads@firm.de", reply_to = "answers@firm.de", gather = "GATHER" }
message "reminder" { channel = "desk", subject = "Lead ${lead.id} of ${lead.company.name} waits", body = "${lead.person.name} asks: ${lead.interest.message}\\nAnswer with\\n${answers}" }
"""
SLAS = """
sla "ACCEPT" { status = "mql", within = "4h", clock = "wall",
  steps = { { at = "15m", remind = { "owner" } }, { at = "30m", remind = { "owner", "head" } }, { at = "4h", every = "100d", remind = { "head" } } } }
sla "FIRST_CALL" { status = "sal", within = "1wd", steps = { { at = "1wd", every = "1wd", remind = { "owner" } } } }
"""


class Desk:
    """A daemon whose reminders are mailed, leadd-notify beside it, and the mails it has sent."""

    def __init__(self, settings="", gather="0m"):
        self.d = d = Daemon(clock=CLOCK)
        self.box = d.directory / "box"
        self.box.mkdir()
        sendmail = d.directory / "sendmail"
        sendmail.write_text(f'#!/bin/sh\nexec cat >"{self.box}/$$.part" && mv "{self.box}/$$.part" "{self.box}/$$.eml"\n'.replace("exec cat", "cat"))
        sendmail.chmod(0o755)
        (d.rules / "70-messages.lua").write_text(RULES.replace("GATHER", gather))
        (d.rules / "60-slas.lua").write_text(SLAS)
        people = d.rules / "10-people.lua"
        people.write_text(people.read_text().replace("@example.com", "@firm.de"))
        site = d.rules / "00-site.lua"
        site.write_text(site.read_text().replace('settings "site" {', f'settings "site" {{ {settings}', 1))
        self.socket = d.directory / "notify"
        plain = d.arguments
        d.arguments = lambda *more: plain(f"--notifier={self.socket}", *more)
        self.notifier = subprocess.Popen([str(BUILD / "leadd-notify"), f"--listen={self.socket}", f"--sendmail={sendmail}"], stdin=subprocess.DEVNULL, start_new_session=True)
        wait_for(self.socket.exists, "leadd-notify's socket")

    def __enter__(self):
        self.d.__enter__()
        return self

    def __exit__(self, *error):
        try:
            return self.d.__exit__(*error)
        finally:
            os.killpg(self.notifier.pid, signal.SIGKILL)
            self.notifier.wait()

    def offer(self, name="p", company="Keller", message="How much?"):
        d = self.d
        d.drop("web", f"{name}.json", lead(f"{name}@keller.example", id=name, person={"name": f"Person {name}"}, company={"name": company}, interest={"message": message},
                                           consent=[{"purpose": "contact", "granted": True}], attribution={"form_name": "demo"}))
        d.settle()
        return d.show(f"{name}@keller.example")

    def mails(self, n=1, to=None):
        """The first n mails (to somebody), by their outbox number."""
        def found():
            read = [email.message_from_bytes(p.read_bytes(), policy=email.policy.default) for p in self.box.glob("*.eml")]
            read = sorted((m for m in read if not to or m["To"] == to), key=lambda m: int(re.search(r"\d+", m["Message-ID"])[0]))
            return read if len(read) >= n else None
        return wait_for(found, f"{n} mails to {to or 'anybody'}")

    def pipe(self, message, code=0, arguments=()):
        """As an alias does."""
        data = message if isinstance(message, bytes) else message.as_bytes(policy=email.policy.SMTP)
        done = subprocess.run([str(BUILD / "leadctl"), f"--socket={self.d.socket}", "submit", "--format", "eml", *arguments, "-"], input=data, capture_output=True)
        check(done.returncode, code, f"{done.stdout.decode()}{done.stderr.decode()}")
        return done.stdout.decode() + done.stderr.decode()


def token_of(mail):
    return mail["Subject"].split(" ")[-1].rstrip("]")


def reply_to(mail, line, subject=None, identity=True):
    reply = email.message.EmailMessage()
    reply["From"], reply["To"], reply["Subject"] = mail["To"], mail["Reply-To"], subject if subject is not None else "Re: " + mail["Subject"]
    if identity:
        reply["In-Reply-To"] = reply["References"] = mail["Message-ID"]
    quoted = "\n".join("> " + each for each in mail.get_content().splitlines())
    reply.set_content(f"{line}\n\nOn Thursday Leads wrote:\n{quoted}\n")
    return reply


def a_reply_accepts_once():
    with Desk() as desk:
        d, shown = desk.d, desk.offer()
        d.advance("15m")
        owner = shown["owner"]
        mail = desk.mails(1, f"{owner}@firm.de")[0]
        check(mail["Reply-To"], "answers@firm.de")
        check(len(token_of(mail)), 40)
        check(f"[L-1 {token_of(mail)}]" in mail.get_content() and token_of(mail) in mail["Message-ID"], True, mail.get_content())
        check("\naccept\nreject " in mail.get_content() and "\n${" not in mail.get_content(), True, mail.get_content())
        reply = reply_to(mail, "Accept.")
        check("L-1: mql -> sal (accept by rep:" in desk.pipe(reply), True)
        check(d.show("L-1")["status"], "sal")
        event = d.log_of("L-1")[-1]
        check((event["type"], event["source"]), ("outcome.accept", "mail"))
        check("done before" in desk.pipe(reply), True, "a mail system that is not sure gives it again")
        check("done before" in desk.pipe(reply_to(mail, "Accept.", subject="AW: hello")), True)
        refused = desk.pipe(reply_to(mail, "reject no_budget"), 65)
        check(f"is over: accept by {owner} at 2026-03-05 09:15 +00:00" in refused, True, refused)
        check(d.show("L-1")["status"], "sal")
        check(len(d.log_of("L-1")), 3, "submitted, reminded, accepted")
        check("L-1: an answer by mail was refused: token_used" in d.log(), True, "the journal says so")
        check("keller" in d.log().lower(), False, "and names nobody")


def a_reply_gives_back_for_a_reason_with_a_note():
    with Desk() as desk:
        d, shown = desk.d, desk.offer()
        d.advance("15m")
        mail = desk.mails()[0]
        refused = desk.pipe(reply_to(mail, "reject"), 65)
        check("needs a reason" in refused and "no_budget" in refused, True, refused)
        refused = desk.pipe(reply_to(mail, "reject no_buget"), 65)
        check('did you mean "no_budget"' in refused, True, refused)
        refused = desk.pipe(reply_to(mail, "reject unreachable"), 65)
        check("is missing" in refused, True, "a reason checks its evidence: " + refused)
        for empty in ("", "> accept", "-- \nAnna"):
            check("says nothing above" in desk.pipe(reply_to(mail, empty), 65), True, f"nothing is above the quotation: {empty!r}")
        refused = desk.pipe(reply_to(mail, "thanks, will do"), 65)
        check("thanks" in d.log(), False, "what somebody writes is not for the journal")
        check("L-1: what the rules have no move for was refused: unknown_move" in d.log(), True)
        check("no move \"thanks" in refused and "the reply is one of: accept or reject" in refused, True, refused)
        refused = desk.pipe(reply_to(mail, "Über den Lead weiß ich nichts."), 65)
        check("does not begin with a move; the first line of the reply is one of: accept or reject" in refused, True, refused)
        check(d.show("L-1")["version"], 2, "none of this changed anything")
        desk.pipe(reply_to(mail, "Reject no budget: frozen until May"))
        after = d.show("L-1")
        check((after["status"], after["owner"]), ("nurture", None))
        moves = d.json("explain", "L-1")["moves"]
        check((moves[-1]["reason"], moves[-1]["note"], moves[-1]["by"]), ("no_budget", "frozen until May", f"rep:{shown['owner']}"))


def of_two_who_answer_one_wins_and_the_other_is_told_who_and_when():
    with Desk() as desk:
        d, shown = desk.d, desk.offer()
        d.advance("30m")
        owner = shown["owner"]
        mine = desk.mails(2, f"{owner}@firm.de")[1]
        hers = desk.mails(1, "petra@firm.de")[0]
        check(token_of(mine) != token_of(hers), True)
        d.advance("3m")
        racing = [subprocess.Popen([str(BUILD / "leadctl"), f"--socket={d.socket}", "submit", "--format", "eml", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)]
        for process, reply in zip(racing, (reply_to(mine, "accept"), reply_to(hers, "reject no_budget"))):
            process.stdin.write(reply.as_bytes())
        for process in racing:
            process.stdin.close()
        said = [p.stdout.read().decode() for p in racing]
        codes = [p.wait() for p in racing]
        check(sorted(codes), [0, 65], str(said))
        won = codes.index(0)
        who, what = ((owner, "accept"), ("petra", "reject"))[won]
        check(f"is over: {what} by {who} at 2026-03-05 09:33 +00:00" in said[1 - won], True, said[1 - won])
        check(d.show("L-1")["status"], ("sal", "nurture")[won])
        # The verb at the desk learns the same.
        refused = d.ctl("accept", "L-1", "--as", owner, check_code=1).stderr
        check(f"{what} by {who} at 2026-03-05 09:33 +00:00" in refused, True, refused)


def what_is_forged_expired_or_of_another_hand_off_is_refused_and_logged():
    with Desk('answer_within = "1h",') as desk:
        d = desk.d
        desk.offer()
        d.advance("1m")
        desk.offer("q")
        d.advance("15m")
        first, second = desk.mails(2)
        leads = [m["X-Leadd-Lead"] for m in (first, second)]
        token = token_of(first)

        def with_token(text):
            reply = reply_to(first, "accept", subject=f"Re: Lead [L-1 {text}]", identity=False)
            reply.set_content("accept\n")
            return reply

        # The numbers of one with the signature of the other; a letter changed; somebody's guess; and a token only.
        for forged in (token_of(second)[:20] + token[20:], token[:20] + token_of(second)[20:], token[:39] + ALPHABET[ALPHABET.index(token[39]) ^ 1],
                       ALPHABET[ALPHABET.index(token[7]) ^ 16].join((token[:7], token[8:])), "0" * 40):
            check("none of ours" in desk.pipe(with_token(forged), 65), True)
        check(d.log().count("an answer by mail was refused: token_forged"), 5)
        check("answers none of leadd's" in desk.pipe(with_token(token[:39]), 65), True, "a token that was cut is none")
        d.advance("58m")
        check([d.show(name)["status"] for name in leads], ["mql", "mql"])
        desk.pipe(with_token(token.upper()))
        check(d.show(leads[0])["status"], "sal", "a minute before it expires, and in capitals")
        d.advance("1m")
        desk.pipe(reply_to(second, "reject unreachable"), 65)
        check(d.log().count("token_expired"), 0, "nor is the other, which lacks something else")
        d.advance("1m")
        refused = desk.pipe(reply_to(second, "accept"), 65)
        check("could be answered until 2026-03-05 10:16 +00:00" in refused, True, refused)
        check(f"{leads[1]}: an answer by mail was refused: token_expired" in d.log(), True)
        check(d.show(leads[1])["status"], "mql")
        # Somebody else has the lead now: what was sent to the first one answers nothing any more.
        d.advance("4h")
        owner = d.show(leads[1])["owner"]
        hers = desk.mails(2, "petra@firm.de")[-1]
        d.ctl("assign", leads[1], {"anna": "ben", "ben": "anna"}[owner], "--as", "petra")
        refused = desk.pipe(reply_to(hers, "accept"), 65)
        check("given to" in refused and "by petra" in refused, True, refused)


def a_token_outlives_a_crash_and_a_daemon_that_is_down_has_the_mail_kept():
    with Desk() as desk:
        d = desk.d
        desk.offer()
        d.advance("15m")
        mail = desk.mails()[0]
        d.kill()
        check("no leadd answers" in desk.pipe(reply_to(mail, "accept"), 75), True)
        d.clock = "2026-03-05T11:00:00+01:00"
        d.start()
        desk.pipe(reply_to(mail, "accept"))
        check(d.show("L-1")["status"], "sal")
        d.kill()
        d.clock = "2026-03-05T11:30:00+01:00"
        d.start()
        check("done before" in desk.pipe(reply_to(mail, "accept")), True, "the book knows it, not the process")


def nobody_but_a_person_answers():
    with Desk() as desk:
        d = desk.d
        desk.offer()
        d.advance("15m")
        mail = desk.mails()[0]
        for name, value in (("Auto-Submitted", "auto-replied"), ("Auto-Submitted", "auto-generated (vacation)"), ("Auto-Submitted", "nope"), ("Precedence", "bulk"), ("Precedence", "LIST"),
                            ("X-Autoreply", "yes"), ("Return-Path", "<>"), ("Return-Path", "<MAILER-DAEMON>")):
            reply = reply_to(mail, "accept")
            reply[name] = value
            check("passed over" in desk.pipe(reply), True, f"{name}: {value}")
        check("passed over" in desk.pipe(mail), True, "our own mail, come back")
        report = MIMEMultipart("report")
        report["From"], report["Subject"], report["In-Reply-To"] = "MAILER-DAEMON@firm.de", "Undelivered: " + mail["Subject"], mail["Message-ID"]
        report.attach(MIMEText("accept\n"))
        check("passed over" in desk.pipe(report), True)
        check(d.show("L-1")["status"], "mql")
        reply = reply_to(mail, "accept")
        reply["Auto-Submitted"] = "no"
        desk.pipe(reply)
        check(d.show("L-1")["status"], "sal")


def one_mail_about_several_leads_is_answered_by_naming_one():
    with Desk(gather="3m") as desk:
        d = desk.d
        mine = [n["lead"] for n in (desk.offer("p"), desk.offer("q"))]
        check([d.show(n)["owner"] for n in mine], [d.show(mine[0])["owner"]] * 2, "one company, one owner")
        other = desk.offer("r", company="Another")["lead"]
        d.ctl("assign", other, {"anna": "ben", "ben": "anna"}[d.show(mine[0])["owner"]], "--as", "petra")
        d.advance("18m")
        mail = desk.mails(1, d.show(mine[0])["owner"] + "@firm.de")[0]
        check((mail["Subject"], mail["Reply-To"]), ("Lead L-1 of Keller waits (+1)", "answers@firm.de"))
        check(mail.get_content().count("[L-"), 2, mail.get_content())
        check("say which" in desk.pipe(reply_to(mail, "accept"), 65), True)
        check(f"says nothing of {other}" in desk.pipe(reply_to(mail, f"accept {other}"), 65), True)
        desk.pipe(reply_to(mail, f"accept {mine[1]}"))
        check([d.show(n)["status"] for n in mine], ["mql", "sal"])
        desk.pipe(reply_to(mail, f"{mine[0]} accept thank you"))
        check([d.show(n)["status"] for n in (*mine, other)], ["sal", "sal", "mql"])
        check("done before" in desk.pipe(reply_to(mail, f"accept {mine[1]}")), True)


def a_lead_that_was_merged_is_answered_where_it_went():
    with Desk() as desk:
        d = desk.d
        stays = desk.offer("p")["lead"]
        d.advance("1m")
        goes = desk.offer("q")["lead"]
        d.advance("15m")
        mails = {m["X-Leadd-Lead"]: m for m in desk.mails(2)}
        d.ctl("merge", goes, stays)
        refused = desk.pipe(reply_to(mails[goes], "accept"), 65)
        check(f"{goes} was merged into {stays}" in refused, True, refused)
        desk.pipe(reply_to(mails[stays], "accept"))
        check(d.show(stays)["status"], "sal")


def of_somebody_who_was_erased_nothing_is_answered():
    with Desk() as desk:
        d = desk.d
        desk.offer()
        d.advance("15m")
        mail = desk.mails()[0]
        d.ctl("erase", "L-1")
        refused = desk.pipe(reply_to(mail, "accept"), 65)
        check("was erased at 2026-03-05 09:15 +00:00" in refused, True, refused)


def what_a_lead_wrote_answers_nothing():
    """A prospect writes what looks like a token of ours into the form: it comes back in every quotation."""
    with Desk() as desk:
        d = desk.d
        hostile = "[L-1 " + "z" * 40 + "] accept\n[L-2 " + "0" * 40 + "]"
        desk.offer(company="accept [L-1 " + "1" * 40 + "]", message=hostile * 40)
        d.advance("15m")
        mail = desk.mails()[0]
        desk.pipe(reply_to(mail, "reject bad_data"))
        check(d.show("L-1")["status"], "disqualified")


def attached_records_are_taken_and_a_mail_without_any_is_refused():
    with Desk() as desk:
        d = desk.d

        def mail(*parts, **fields):
            message = MIMEMultipart()
            message["From"], message["Subject"] = "portal@portal.example", "New lead"
            message["Auto-Submitted"] = "auto-generated"
            for text, main_type, sub_type, name in parts:
                part = MIMEBase(main_type, sub_type)
                part.set_payload(text.encode())
                email.encoders.encode_base64(part)
                if name:
                    part["Content-Disposition"] = f'attachment; filename="{name}"'
                message.attach(part)
            for key, value in fields.items():
                message[key] = value
            return message

        csv = "email,first_name,country\nc1@x.de,Carl,DE\nc2@x.de,Cora,AT\n"
        json = '{"email": "j@x.de", "first_name": "Jo"}'
        both = mail((csv, "application", "octet-stream", "leads.CSV"), (json, "application", "json", None), ("see attachments", "text", "plain", None))
        said = desk.pipe(both, arguments=["--source", "ads"])
        check(said.count("accepted 2, duplicates 0") + said.count("accepted 1, duplicates 0"), 2, said)
        check([d.show(f"{who}@x.de")["status"] for who in ("c1", "c2", "j")], ["inquiry"] * 3)
        said = desk.pipe(both, arguments=["--source", "ads"])
        check(said.count("accepted 0, duplicates"), 2, "the same mail again counts once: " + said)
        check("spooled as" in desk.pipe(mail((json.replace("j@", "k@"), "application", "json", None)), arguments=["--no-wait"]), True)
        bad = mail(('{"first_name": "nobody"}', "application", "json", None), (json.replace("j@", "m@"), "application", "json", None))
        check("refused 1" in desk.pipe(bad), True, "a portal reads no reasons: nothing is sent back to it")
        check("rejects" in [e["state"] for e in d.lines("spool")], True, "they wait for those who do")
        del bad["Auto-Submitted"]
        desk.pipe(bad, 65)
        check("nothing was taken" in desk.pipe(mail((json, "application", "json", None)), 75, ["--source", "no/name"]), True, "not lost over a bad option")
        check(d.show("m@x.de")["status"], "inquiry", "one bad record holds nobody back")
        inline = MIMEText(json.replace("j@", "n@"))
        inline["Subject"] = "lead"
        desk.pipe(inline)
        check(d.show("n@x.de")["status"], "inquiry", "a record as the text itself")
        plain = MIMEText("Dear Sirs, I want trucks.")
        plain["Subject"] = "trucks"
        check("no record is attached" in desk.pipe(plain, 65), True)
        check("no mail" in desk.pipe(b"", 65), True)
        vacation = MIMEText("I am away.")
        vacation["Auto-Submitted"] = "auto-replied"
        check("passed over" in desk.pipe(vacation), True, "a program is never written back to")


main(a_reply_accepts_once, a_reply_gives_back_for_a_reason_with_a_note, of_two_who_answer_one_wins_and_the_other_is_told_who_and_when,
     what_is_forged_expired_or_of_another_hand_off_is_refused_and_logged, a_token_outlives_a_crash_and_a_daemon_that_is_down_has_the_mail_kept, nobody_but_a_person_answers,
     one_mail_about_several_leads_is_answered_by_naming_one, a_lead_that_was_merged_is_answered_where_it_went, of_somebody_who_was_erased_nothing_is_answered, what_a_lead_wrote_answers_nothing, attached_records_are_taken_and_a_mail_without_any_is_refused)
