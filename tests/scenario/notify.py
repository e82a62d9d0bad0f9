#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""People and programs are told: the real leadd and the real leadd-notify, a mail server, a sendmail and a web server of the test's own."""
import base64, email, email.policy, hashlib, hmac, json, os, pathlib, random, resource, shutil, socket, subprocess, sys, tempfile, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import BUILD, Daemon, check, lead, main, wait_for  # noqa: E402
from hostile import clean, value  # noqa: E402
from receivers import MailServer, Notifier, WebServer  # noqa: E402

CLOCK = "2026-03-05T10:00:00+01:00"
SECRET = b"a secret of the test"


def channel(d, text):
    (d.rules / "70-messages.lua").write_text(f'channel "desk" {{ {text} }}\nmessage "reminder" {{ channel = "desk", subject = "Lead ${{lead.id}} of ${{lead.company.name}} waits", body = "${{lead.person.name}}\\nAnswer by ${{due}}." }}\n')
    rules = d.rules / "10-people.lua"
    rules.write_text(rules.read_text().replace("@example.com", "@firm.de"))


def offered(d, n=1, company="Keller"):
    """n leads, offered to somebody, and the first reminder due."""
    for i in range(n):
        d.drop("web", f"{i}.json", lead(f"p{i}@example.com", id=f"r{i}", person={"name": f"Person {i}"}, company={"name": company}, consent=[{"purpose": "contact", "granted": True}], attribution={"form_name": "demo"}))
    d.settle()


def rows(d):
    return d.lines("outbox")


def with_daemon(text, body, program=None):
    """A daemon whose reminders go through the channel, and leadd-notify beside it. program: where PROGRAM in text is put."""
    d = Daemon(clock=CLOCK)
    if program:
        path = d.directory / "program"
        path.write_text(program.replace("DIRECTORY", str(d.directory)))
        path.chmod(0o755)
        text = text.replace("PROGRAM", str(path))
    (d.directory / "secrets").mkdir()
    (d.directory / "secrets/desk").write_bytes(SECRET + b"\n")
    channel(d, text)
    for test in d.rules.glob("*_test.lua"):
        test.unlink()  # they test the shipped policy, not this one
    d.more = [f"--notifier={d.directory / 'notify'}"]
    with d, Notifier(d.directory, f"--secrets={d.directory / 'secrets'}"):
        body(d)


def a_reminder_is_mailed_to_the_owner_through_a_mail_server():
    server = MailServer()
    server.start()

    def body(d):
        offered(d)
        owner = d.show("L-1")["owner"]
        d.advance("33m")  # due after 30, and three minutes wait for others
        wait_for(lambda: not rows(d), "the mail to be delivered")
        check(len(server.mails), 1, "one reminder, one mail")
        sender, recipients, text = server.mails[0]
        check((sender, recipients), ("leads@firm.de", [f"{owner}@firm.de"]))
        message = email.message_from_bytes(text, policy=email.policy.default)
        check(message["Subject"], "Lead L-1 of Keller waits")
        check(message["Auto-Submitted"], "auto-generated")
        check(message["X-Leadd-Lead"], "L-1")
        check(message.get_content().splitlines()[0], "Person 0")
        check("Answer by 2026-03-" in message.get_content(), True, message.get_content())

    with_daemon(f'via = "smtp", target = "127.0.0.1:{server.port}", from = "leads@firm.de"', body)


def a_mail_server_that_puts_it_off_gets_it_again_one_that_refuses_does_not():
    server = MailServer()
    server.answer = "451 later"
    server.start()

    def body(d):
        offered(d)
        d.advance("33m")  # due after 30, and three minutes wait for others
        wait_for(lambda: rows(d) and rows(d)[0]["state"] == "failing", "the failure")
        check(rows(d)[0]["error"], "the mail server put it off: 451")
        check(d.json("status")["outbox_failing"], 1)
        server.answer = "250 ok"
        d.advance("40s")
        wait_for(lambda: not rows(d), "the second attempt")
        check(len(server.mails), 1)
        server.answer = "550 no such user"
        d.advance("24h")
        wait_for(lambda: any(r["state"] == "dead" for r in rows(d)), "the dead letter")
        dead = [r for r in rows(d) if r["state"] == "dead"][0]
        check(dead["error"], "the mail server refused it: 550")
        check("given up" in d.log(), True, "the journal says so")
        server.answer = "250 ok"
        n = len(server.mails)
        d.ctl("outbox", "retry", dead["id"])
        wait_for(lambda: not [r for r in rows(d) if r["id"] == dead["id"]], "the retry")
        check(len(server.mails) > n, True)
        d.ctl("outbox", "retry", dead["id"], check_code=3)
        check(d.ctl("outbox", "cancel", "999999", check_code=3).stderr, "leadctl: nothing in the outbox has the id 999999; `leadctl outbox` lists what is there\n")
        d.ctl("outbox", "forget", "1", check_code=2)

    with_daemon(f'via = "smtp", target = "127.0.0.1:{server.port}", from = "leads@firm.de"', body)


def a_webhook_is_signed_and_its_failures_are_waited_out():
    server = WebServer()
    server.answers = [(500, {}), (302, {"Location": f"http://127.0.0.1:{server.port}/elsewhere"}), (429, {"Retry-After": "600"}), (204, {})]
    server.start()

    def body(d):
        offered(d)
        for pause, error in (("30m", "answered 500"), ("40s", "redirects (302)"), ("80s", "answered 429")):
            d.advance(pause)
            wait_for(lambda: rows(d) and error in (rows(d)[0]["error"] or ""), error)
        waits = rows(d)[0]
        check(waits["next"] >= "2026-03-05T09:41", True, "the receiver asked for ten minutes: " + waits["next"])
        d.advance("15m")
        wait_for(lambda: not rows(d), "the fourth attempt")
        check([path for path, _, _ in server.requests], ["/hook"] * 4, "the redirect is not followed")
        check(len({headers["webhook-id"] for _, headers, _ in server.requests}), 1, "the same id every time")
        _, headers, content = server.requests[-1]
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + content
        check(headers["webhook-signature"], "v1," + base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode())
        check(abs(int(headers["webhook-timestamp"]) - time.time()) < 300, True)
        event = json.loads(content)
        check((event["type"], event["subject"], event["data"]["recipient"]), ("org.leadd.reminded", "lead:L-1", d.show("L-1")["owner"]))

    with_daemon(f'via = "webhook", target = "http://127.0.0.1:{server.port}/hook", secret = "desk"', body)


def a_server_that_stalls_delays_nobody():
    server = WebServer()
    server.answers = [("stall", {})]
    server.start()

    def body(d):
        offered(d, 8)
        d.advance("30m")
        wait_for(lambda: len(server.requests) >= 2, "the requests that hang")
        begin = time.monotonic()
        d.drop("web", "new.json", lead("new@example.com", id="new"))
        d.settle()
        check(d.show("new@example.com")["status"], "inquiry")
        check(time.monotonic() - begin < 10, True, "leads are judged meanwhile")
        check(any(r["state"] == "under way" for r in rows(d)), True)

    with_daemon(f'via = "webhook", target = "http://127.0.0.1:{server.port}/hook"', body)


def killed_between_attempt_and_mark_repeats_what_was_under_way_with_the_same_id():
    server = WebServer()
    server.answers = [("stall", {})]
    server.start()

    def body(d):
        offered(d, 3)
        d.advance("30m")
        wait_for(lambda: len(server.requests) >= 3, "an attempt for each")
        under_way = {headers["webhook-id"] for _, headers, _ in server.requests}
        check(len(under_way), 3)
        d.kill()
        server.answers[:] = [(200, {})]
        d.clock = "2026-03-05T10:30:00+01:00"
        d.start()
        wait_for(lambda: not rows(d), "all to be delivered")
        ids = [headers["webhook-id"] for _, headers, _ in server.requests]
        check(sorted(ids), sorted([*under_way, *under_way]), "what was under way comes once more, under its id")

    with_daemon(f'via = "webhook", target = "http://127.0.0.1:{server.port}/hook"', body)


def a_program_gets_the_event_and_no_shell():
    def body(d):
        offered(d, company="$(touch /tmp/leadd-owned); `id`")
        d.advance("30m")
        wait_for(lambda: not rows(d), "the program")
        noted = (d.directory / "noted").read_text().splitlines()
        check(json.loads(noted[0])["data"]["subject"], "Lead L-1 of $(touch /tmp/leadd-owned); `id` waits")
        check(os.path.exists("/tmp/leadd-owned"), False)

    with_daemon('via = "exec", target = "PROGRAM"', body, "#!/bin/sh\ncat >>DIRECTORY/noted\necho >>DIRECTORY/noted\n")


def quiet_hours_wait_for_the_readers_working_time():
    server = MailServer()
    server.start()

    def body(d):
        # A wall clock that is due at night: the mail waits until the reader's office opens.
        (d.rules / "60-slas.lua").write_text('sla "ACCEPT" { status = "mql", within = "12h", clock = "wall", steps = { { at = "12h", every = "24h", remind = { "owner" } } } }\n'
                                             'sla "FIRST_CALL" { status = "sal", within = "1wd", steps = { { at = "1wd", every = "1wd", remind = { "owner" } } } }\n')
        d.ctl("reload")
        offered(d)
        d.advance("12h")
        check(d.log_of("L-1")[-1]["summary"].startswith("ACCEPT step 1"), True, "the step fired at ten in the evening")
        waits = rows(d)
        check([r["state"] for r in waits], ["waiting"])
        check(waits[0]["next"] > "2026-03-06T06:00", True, waits[0]["next"])
        check(server.mails, [])
        d.advance("14h")
        wait_for(lambda: len(server.mails) >= 1, "the mail in the morning")

    with_daemon(f'via = "smtp", target = "127.0.0.1:{server.port}", from = "leads@firm.de", quiet = "recipient"', body)


EVENING = ('sla "ACCEPT" { status = "mql", within = "1m", clock = "wall", steps = { { at = "1m", remind = { "owner" } }, { at = "30d", every = "30d", remind = { "owner" } } } }\n'
           'sla "FIRST_CALL" { status = "sal", within = "1wd", steps = { { at = "1wd", every = "1wd", remind = { "owner" } } } }\n')


def a_quiet_reminder_of_the_last_minutes_waits_for_the_closing_not_for_the_morning():
    server = MailServer()
    server.start()

    def body(d):
        (d.rules / "60-slas.lua").write_text(EVENING)
        d.ctl("reload")
        d.advance("2026-03-05T17:57:30+01:00")
        offered(d)
        d.advance("1m")
        check([(r["state"], r["next"]) for r in rows(d)], [("waiting", "2026-03-05T17:00:00Z")], "decided at 17:58:30, closed at 18:00")
        d.advance("90s")
        wait_for(lambda: len(server.mails) == 1, "the mail at the closing")

    with_daemon(f'via = "smtp", target = "127.0.0.1:{server.port}", from = "leads@firm.de", quiet = "recipient"', body)


def what_could_not_be_delivered_by_the_evening_is_tried_again_in_the_morning():
    server = MailServer()
    server.answer = "451 later"
    server.start()

    def body(d):
        (d.rules / "60-slas.lua").write_text(EVENING)
        d.ctl("reload")
        d.advance("2026-03-05T17:50:00+01:00")
        offered(d)
        d.advance("4m")
        for _ in range(40):
            wait_for(lambda: rows(d)[0]["state"] == "failing", "the failure")
            if rows(d)[0]["next"] > "2026-03-05T22":
                break
            d.advance("1m")
        check(rows(d)[0]["next"], "2026-03-06T08:00:00Z", "when the reader works again")
        n = len(server.attempts)
        check(n >= 3, True, n)
        server.answer = "250 ok"
        d.advance("2026-03-06T08:59:00+01:00")
        check(len(server.attempts), n, "nothing at night")
        d.advance("1m")
        wait_for(lambda: len(server.mails) == 1, "the mail in the morning")

    with_daemon(f'via = "smtp", target = "127.0.0.1:{server.port}", from = "leads@firm.de", quiet = "recipient"', body)


def whatever_leads_say_programs_get_it_as_json():
    seed = int(os.environ.get("LEADD_SEED", time.time_ns() % 1_000_000))
    dice = random.Random(seed)
    print(f"  seed {seed}")
    server = WebServer()
    server.answers = [(200, {})]
    server.start()

    def body(d):
        messages = (d.rules / "70-messages.lua").read_text().split("\nmessage")[0]
        said = "subject = \"About ${lead.company.name}, ${lead.person.name}\", body = \"${lead.interest.message}\\n\\tBy ${owner}. \\\"$\" }\n"
        (d.rules / "70-messages.lua").write_text(f'{messages}\nchannel "files" {{ via = "drop" }}\nchannel "hook" {{ via = "webhook", target = "http://127.0.0.1:{server.port}/" }}\n'
                                                 + "".join(f'message "{name}" {{ channel = "{channel}", {said}' for name, channel in (("reminder", "desk"), ("second", "files"), ("third", "hook"))))
        (d.rules / "60-slas.lua").write_text('sla "ACCEPT" { status = "mql", within = "1h", clock = "wall", steps = { { at = "1h", remind = { "owner" } }, { at = "2h", remind = { "owner" }, message = "second" },'
                                             ' { at = "3h", every = "30d", remind = { "owner" }, message = "third" } } }\n'
                                             'sla "FIRST_CALL" { status = "sal", within = "1wd", steps = { { at = "1wd", every = "1wd", remind = { "owner" } } } }\n')
        d.ctl("reload")
        n = 25
        d.drop("web", "a.json", [lead(f"p{i}@example.com", id=f"r{i}", person={"name": value(dice, 300)}, company={"name": value(dice, 300)}, interest={"message": value(dice)}, attribution={"form_name": "demo"}) for i in range(n)])
        d.settle()
        check(d.json("status")["leads"], n, "none is refused")
        d.advance("4h")
        wait_for(lambda: d.json("status")["outbox"] == 0, "all to be told")
        shown = {f"L-{i + 1}": d.show(f"L-{i + 1}") for i in range(n)}
        by_program = [json.loads(line) for line in (d.directory / "noted").read_text().splitlines()]
        by_file, by_web = d.outgoing("files"), [json.loads(text) for _, _, text in server.requests]
        for told in (by_program, by_file, by_web):
            check(sorted(event["data"]["lead"] for event in told), sorted(shown))
            for event in told:
                facts = shown[event["data"]["lead"]]
                company, person = clean(facts["company"].get("name") or ""), clean(facts["person"].get("name") or "")
                check(event["data"]["subject"], f"About {company}, {person}")
                text, _, rest = event["data"]["text"].rpartition("\n")
                check((rest, "\n" in text), (f'\tBy {facts["owner"]}. "$', False), "the message's own text is kept, and values end no line")

    with_daemon('via = "exec", target = "PROGRAM"', body, "#!/bin/sh\n{ cat; echo; } >DIRECTORY/one.$$ && cat DIRECTORY/one.$$ >>DIRECTORY/noted\n")


HOSTILE = ["\r\nBcc: evil@x.de", "\nSubject: other", "a\r\n\r\nbody", "=?utf-8?q?=0d=0aBcc:_evil@x.de?=", "=?utf-8?b?DQpCY2M6IGV2aWxAeC5kZQ==?=", "\u202egnitset", "\u2028next", "\x85Bcc: e@x.de", "\0nul", "\x1b[31m", "'; rm -rf /", "-oQ/tmp -be", "<script>", "ü" * 400, "\ud7ff\uffff", "a" * 2000, ",", "\"", "\\", "undisclosed:;", ".\r\n.\r\n"]


def nothing_a_lead_says_becomes_a_header_or_an_argument():
    """leadd-notify alone, over hostile values and random mixtures of them, read by another mail library."""
    seed = int(os.environ.get("LEADD_SEED", time.time_ns() % 1_000_000))
    dice = random.Random(seed)
    print(f"  seed {seed}")
    d = Daemon(clock=CLOCK)
    sendmail = d.directory / "sendmail"
    sendmail.write_text(f'#!/bin/sh\nfor a in "$@"; do printf "%s\\0" "$a" >>{d.directory}/args; done; printf "\\1" >>{d.directory}/args\ncat >>{d.directory}/mails; printf "\\1" >>{d.directory}/mails\n')
    sendmail.chmod(0o755)
    jobs = [{"id": "1", "via": "sendmail", "from": "leads@firm.de", "to": "anna@firm.de", "subject": f"Lead {v} waits", "body": v, "lead": "L-1", "kind": "reminded", "time": 1772701200000000} for v in HOSTILE if "\0" not in v]
    for i in range(200):
        v = "".join(dice.choice(HOSTILE + ["plain text", "\n", "\r", " "]) for _ in range(dice.randint(1, 5))).replace("\0", "")
        jobs.append({"id": str(i), "via": "sendmail", "from": "leads@firm.de", "to": "anna@firm.de", "subject": v, "body": v, "lead": v, "kind": v, "time": 1772701200000000})
    bad_addresses = [v + "@firm.de" for v in HOSTILE if "\0" not in v] + ["anna@firm.de, evil@x.de", "-oQ/tmp@firm.de", "anna@-x", "anna", "@", "a@b@c", "<anna@firm.de>", "anna@firm.de\n", "anna@firm.de evil@x.de", ""]
    for address in bad_addresses:
        jobs.append({"id": "9", "via": "sendmail", "from": "leads@firm.de", "to": address, "subject": "s", "body": "b"})
        jobs.append({"id": "9", "via": "smtp", "target": "127.0.0.1:1", "from": "leads@firm.de", "to": address, "subject": "s", "body": "b"})
    # Where a lead says no is one address, or there is no mail.
    bad_places = [f"https://x.de/{v}" for v in HOSTILE if "\0" not in v and v not in ("'; rm -rf /", "\\", "undisclosed:;", "-oQ/tmp -be")] + ["https://x.de/a b", "javascript:alert(1)", "http://x.de/", "https://x.de/>, <mailto:e@x.de"]
    for place in bad_places:
        jobs.append({"id": "9", "via": "sendmail", "from": "leads@firm.de", "to": "anna@firm.de", "subject": "s", "body": "b", "unsubscribe": place})
    data = b"".join(json.dumps({"method": "org.leadd.Notify.Deliver", "parameters": j}).encode() + b"\0" for j in jobs)
    done = subprocess.run([str(BUILD / "leadd-notify"), f"--sendmail={sendmail}"], input=data, capture_output=True, timeout=300)
    check(done.returncode, 0, done.stderr.decode())
    answers = [json.loads(a)["parameters"]["outcome"] for a in done.stdout.split(b"\0") if a]
    n = len(jobs) - 2 * len(bad_addresses) - len(bad_places)
    check(answers[:n], ["delivered"] * n)
    for job, answer in zip(jobs[n:], answers[n:]):
        check(answer == "failed", True, f"{job['to']!r} by {job['via']}, {job.get('unsubscribe')!r}: {answer}")
    args = [a.split(b"\0")[:-1] for a in (d.directory / "args").read_bytes().split(b"\1")[:-1]]
    check(args, [[b"-i", b"-f", b"leads@firm.de", b"--", b"anna@firm.de"]] * n)
    mails = (d.directory / "mails").read_bytes().split(b"\1")[:-1]
    check(len(mails), n)
    allowed = {"date", "from", "subject", "to", "message-id", "auto-submitted", "x-leadd-lead", "x-leadd-kind", "mime-version", "content-type", "content-transfer-encoding"}
    for job, mail in zip(jobs, mails):
        message = email.message_from_bytes(mail, policy=email.policy.default)
        names = [k.lower() for k in message.keys()]
        check(set(names) <= allowed and len(set(names)) == len(names), True, f"{names} for {job['subject']!r}")
        check(message["To"], "anna@firm.de")
        check(message["From"], "leads@firm.de")
        check(any(c in message["Subject"] for c in "\r\n\0\x1b\x85\u202e\u2028"), False, repr(message["Subject"]))
        check(message.defects, [])
        want, got = (t.replace("\r", "").rstrip("\n") for t in (job["body"], message.get_content()))  # line ends are the mail system's
        check(got == want, True, f"{want!r} became {message.get_content()!r}")
    shutil.rmtree(d.directory)


def without_room_for_a_connection_it_waits_instead_of_spinning():
    def cpu_seconds(pid):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    with tempfile.TemporaryDirectory() as directory, Notifier(directory) as notifier, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        pid = notifier.process.pid
        n_open = len(os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (n_open, 1024))
        client.connect(str(notifier.path))
        before = cpu_seconds(pid)
        time.sleep(1)
        check(cpu_seconds(pid) - before < 0.3, True, f"{cpu_seconds(pid) - before} s of processor time in a second")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (1024, 1024))
        client.settimeout(10)
        client.sendall(json.dumps({"method": "org.varlink.service.GetInfo"}).encode() + b"\0")
        check(client.recv(4096) != b"", True, "who waited is answered when there is room again")


main(nothing_a_lead_says_becomes_a_header_or_an_argument, a_reminder_is_mailed_to_the_owner_through_a_mail_server, a_mail_server_that_puts_it_off_gets_it_again_one_that_refuses_does_not,
     a_webhook_is_signed_and_its_failures_are_waited_out, a_server_that_stalls_delays_nobody, killed_between_attempt_and_mark_repeats_what_was_under_way_with_the_same_id,
     a_program_gets_the_event_and_no_shell, quiet_hours_wait_for_the_readers_working_time,
     a_quiet_reminder_of_the_last_minutes_waits_for_the_closing_not_for_the_morning, what_could_not_be_delivered_by_the_evening_is_tried_again_in_the_morning, whatever_leads_say_programs_get_it_as_json, without_room_for_a_connection_it_waits_instead_of_spinning)
