#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""leadd-notify alone, against mail servers, web servers and programs that fail, stall, hang up, redirect and babble: what it says became
of each job, and that nobody keeps it for longer than its time limit."""
import concurrent.futures, email.utils, json, os, pathlib, signal, socket, subprocess, sys, tempfile, threading, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import BUILD, check, main, wait_for  # noqa: E402

TIMEOUT = 2
SLACK = 20 if os.environ.get("LEADD_SANITIZED") else 10


class Server(threading.Thread):
    """Each connection is given to the function."""

    def __init__(self, serve):
        super().__init__(daemon=True)
        self.serve_one, self.n = serve, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            self.n += 1
            threading.Thread(target=self.guarded, args=(connection,), daemon=True).start()

    def guarded(self, connection):
        with connection:
            try:
                self.serve_one(connection)
            except OSError:
                pass


def deliver(job, *options):
    """What leadd-notify says of it, and how long it took."""
    job = {"id": "7", "from": "leads@firm.de", "to": "anna@firm.de", "subject": "s", "body": "b\n", "lead": "L-1", "kind": "reminded", "time": 1772701200000000, **job}
    begin = time.monotonic()
    done = subprocess.run([str(BUILD / "leadd-notify"), f"--timeout={TIMEOUT}", *options], input=json.dumps({"method": "org.leadd.Notify.Deliver", "parameters": job}).encode() + b"\0", capture_output=True, timeout=60)
    check(done.returncode, 0, done.stderr.decode())
    return json.loads(done.stdout.rstrip(b"\0"))["parameters"], time.monotonic() - begin


def run_cases(cases, limit):
    """cases: (name, job, options, outcome, part of the text); all at the same time, most of them only wait."""
    def one(case):
        try:
            return deliver(case[1], *case[2])
        except subprocess.TimeoutExpired:
            return {"outcome": "none", "text": "it never came back", "retry_after": 0}, 60
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        for (name, _, _, outcome, text), (said, seconds) in zip(cases, pool.map(one, cases)):
            check((said["outcome"], text in said["text"]), (outcome, True), f"{name}: {said}")
            check(seconds < limit + SLACK, True, f"{name} took {seconds:.1f} s")
            check("secret words of the server" in said["text"], False, f"{name}: {said}")


# ---- mail servers

def smtp(answers):
    """answers: what is said to greet, EHLO, MAIL, RCPT, DATA, and to the text (END); "drop" hangs up, "stall" says nothing."""
    taken = []

    def serve(connection):
        f = connection.makefile("rwb")

        def say(verb, otherwise):
            answer = answers.get(verb, otherwise)
            if answer == "drop":
                connection.shutdown(socket.SHUT_RDWR)
                raise OSError
            if answer == "stall":
                time.sleep(3600)
            f.write(answer.encode() + b"\r\n")
            f.flush()
            return answer
        say("greet", "220 test")
        for line in f:
            verb = line[:4].decode(errors="replace").upper().strip()
            if verb == "DATA" and say("DATA", "354 go on").startswith("354"):
                n = 0
                for part in f:
                    n += len(part)
                    if answers.get("END") == "drop in the middle" and n > 100:
                        connection.shutdown(socket.SHUT_RDWR)
                        raise OSError
                    if part == b".\r\n":
                        break
                if say("END", "250 ok").startswith("250"):
                    taken.append(1)
            elif verb == "QUIT":
                say("QUIT", "221 bye")
                return
            elif verb != "DATA":
                say(verb, "250 test")

    server = Server(serve)
    server.taken = taken
    return server


def mail_servers():
    words = "secret words of the server"
    wanted = [
        ({}, "delivered", ""),
        ({"QUIT": "drop"}, "delivered", ""),
        ({"QUIT": "500 no"}, "delivered", ""),
        ({"greet": f"421 {words}"}, "retry", "does not take part: 421"),
        ({"greet": f"554 {words}"}, "retry", "does not take part: 554"),
        ({"EHLO": f"421 {words}", "HELO": f"421 {words}"}, "retry", "421"),
        ({"EHLO": f"550 {words}", "HELO": f"550 {words}"}, "retry", "550"),
        ({"EHLO": "502 what?"}, "delivered", ""),  # an old one: HELO
        ({"MAIL": f"450 {words}"}, "retry", "put it off: 450"),
        ({"MAIL": f"553 {words}"}, "failed", "refused it: 553"),
        ({"RCPT": f"451 {words}"}, "retry", "put it off: 451"),
        ({"RCPT": f"550 {words}"}, "failed", "refused it: 550"),
        ({"DATA": f"421 {words}"}, "retry", "put it off: 421"),
        ({"DATA": f"554 {words}"}, "failed", "refused it: 554"),
        ({"END": f"452 {words}"}, "retry", "put it off: 452"),
        ({"END": f"552 {words}"}, "failed", "refused it: 552"),
        ({"greet": "drop"}, "retry", ""),
        ({"EHLO": "drop", "HELO": "drop"}, "retry", ""),
        ({"RCPT": "drop"}, "retry", ""),
        ({"END": "drop in the middle"}, "retry", ""),
        ({"END": "drop"}, "retry", ""),
        ({"greet": "stall"}, "retry", ""),
        ({"MAIL": "stall"}, "retry", ""),
        ({"END": "stall"}, "retry", ""),
        ({"greet": "x" * 2_000_000}, "retry", ""),
        ({"EHLO": "250-" + "\r\n250-".join(["x" * 500] * 3000) + "\r\n250 x"}, "retry", ""),
        ({"greet": "HTTP/1.1 200 OK\r\n\r\n"}, "retry", ""),
    ]
    return [(f"mail server {str(answers)[:60]}", smtp(answers), outcome, text) for answers, outcome, text in wanted]


def a_mail_server_that_refuses_stalls_or_hangs_up():
    servers = mail_servers()
    body = "line\n" * 100
    run_cases([(name, {"via": "smtp", "target": f"127.0.0.1:{server.port}", "body": body}, (), outcome, text) for name, server, outcome, text in servers], TIMEOUT)
    for name, server, outcome, _ in servers:
        check(len(server.taken), outcome == "delivered", name)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    run_cases([("nobody there", {"via": "smtp", "target": f"127.0.0.1:{port}"}, (), "retry", ""), ("no such host", {"via": "smtp", "target": "no-such-host.invalid:25"}, (), "retry", "")]
              + [(f"target {t!r}", {"via": "smtp", "target": t}, (), "failed", "no server") for t in ("", "a b", "127.0.0.1/x", "-x", "user@127.0.0.1", "127.0.0.1:25?x", "127.0.0.1\r\nRCPT TO:<e@x.de>", "x" * 300)]
              + [("no target", {"via": "smtp", "target": None}, (), "failed", "no server")]
              + [(f"from {f!r}", {"via": v, "target": f"127.0.0.1:{port}", "from": f}, ("--sendmail=/bin/true",), "failed", "no plain address")
                 for v in ("smtp", "sendmail") for f in ("", "-oQ/tmp@firm.de", "a@firm.de>\r\nRCPT TO:<e@x.de", "a@firm.de b@firm.de", None)], TIMEOUT)


# ---- web servers

def web(answer, then=None):
    """answer: the bytes that are sent to a whole request; then(connection) goes on."""
    visited = []

    def serve(connection):
        text = b""
        while b"\r\n\r\n" not in text:
            part = connection.recv(65536)
            if not part:
                return
            text += part
        head, _, body = text.partition(b"\r\n\r\n")
        size = int([line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")][0].split(b":")[1])
        while len(body) < size:
            body += connection.recv(65536)
        visited.append((head.decode(), body))
        connection.sendall(answer() if callable(answer) else answer)
        if then:
            then(connection)

    server = Server(serve)
    server.visited = visited
    return server


def status(code, headers="", body=b""):
    return f"HTTP/1.1 {code} secret words of the server\r\n{headers}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def drip(connection):
    while True:
        connection.sendall(b"x")
        time.sleep(0.1)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def a_web_server_that_fails_stalls_redirects_or_babbles():
    elsewhere = web(status(200))
    date = email.utils.formatdate(time.time() + 3600, usegmt=True)
    wanted = [
        *[(str(code), web(status(code)), "delivered", "") for code in (200, 201, 202, 204)],
        *[(str(code), web(status(code)), "retry", f"answered {code}") for code in (400, 401, 403, 404, 408, 429, 500, 502, 503, 504)],
        ("410", web(status(410)), "failed", "gone for good: 410"),
        *[(f"{code} elsewhere", web(status(code, f"Location: http://127.0.0.1:{elsewhere.port}/\r\n")), "retry", f"redirects ({code})") for code in (301, 302, 303, 307, 308)],
        ("302 to a file", web(status(302, "Location: file:///etc/passwd\r\n")), "retry", "redirects (302)"),
        ("hangs up", web(b""), "retry", ""),
        ("hangs up in its first line", web(b"HTTP/1.1 2"), "retry", ""),
        ("hangs up after it", web(b"HTTP/1.1 200 OK\r\nContent-"), "delivered", ""),
        ("resets", web(b"", reset), "retry", ""),
        ("stalls", web(b"", lambda c: time.sleep(3600)), "retry", ""),
        ("stalls in the head", web(b"HTTP/1.1 200 OK\r\n", lambda c: time.sleep(3600)), "retry", ""),
        ("drips its head", web(b"HTTP/1.1 200 OK\r\nX-Slow: ", drip), "retry", ""),
        ("drips its body", web(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", drip), "retry", ""),
        ("a body that does not end", web(b"HTTP/1.1 200 OK\r\n\r\n", lambda c: [c.sendall(b"y" * 65536) for _ in range(100000)]), "delivered", ""),
        ("a huge body with a failure", web(status(500, "", b"z" * 10_000_000)), "retry", "answered 500"),
        ("a huge head", web(lambda: b"HTTP/1.1 200 OK\r\n" + b"X-Much: " + b"m" * 5_000_000 + b"\r\n\r\n"), "retry", ""),
        ("many informational answers", web(b"HTTP/1.1 102 Processing\r\n\r\n" * 200 + status(200)), "delivered", ""),
        ("another protocol", web(b"SSH-2.0-OpenSSH_9\r\n"), "retry", ""),
        ("compressed without being asked", web(status(200, "Content-Encoding: gzip\r\n", b"\x1f\x8b" + b"\0" * 1000)), "delivered", ""),
    ]
    run_cases([(f"web server: {name}", {"via": "webhook", "target": f"http://127.0.0.1:{server.port}/hook", "body": "{}"}, (), outcome, text) for name, server, outcome, text in wanted], TIMEOUT)
    check(elsewhere.n, 0, "no redirect is followed")
    for name, server, _, _ in wanted:
        check(len(server.visited), 1, f"{name}: one request, and the same id every time")
        check("webhook-id: 7\r\n" in server.visited[0][0] + "\r\n", True, server.visited[0][0])
    for header, low, high in (("120", 120, 120), (date, 3500, 3600), ("0", 0, 0), ("soon", 0, 0), ("-5", 0, 0), ("99999999999999999999", 0, 1 << 62)):
        said, _ = deliver({"via": "webhook", "target": f"http://127.0.0.1:{web(status(429, f'Retry-After: {header}' + chr(13) + chr(10))).port}/", "body": "{}"})
        check(low <= said["retry_after"] <= high, True, f"Retry-After: {header}: {said}")
    run_cases([(f"target {t!r}", {"via": "webhook", "target": t, "body": "{}"}, (), outcome, "") for t, outcome in (("file:///etc/passwd", "failed"), ("ftp://127.0.0.1/", "failed"), ("", "failed"), (None, "failed"), ("http://", "retry"), ("http://127.0.0.1:1/", "retry"))], TIMEOUT)


# ---- programs

def a_program_that_fails_hangs_or_is_not_to_be_trusted():
    with tempfile.TemporaryDirectory(prefix="leadd-test.") as directory:
        here = pathlib.Path(directory)
        here.chmod(0o755)

        def program(name, text, mode=0o755):
            (here / name).write_text(text)
            (here / name).chmod(mode)
            return str(here / name)
        wanted = [
            *[(f"exit {code}", program(f"exit{code}", f"#!/bin/sh\nexit {code}\n"), outcome, text) for code, outcome, text in (
                (0, "delivered", ""), (64, "failed", "exit 64"), (65, "failed", "exit 65"), (67, "failed", "exit 67"), (68, "failed", "exit 68"), (77, "failed", "exit 77"),
                (1, "retry", "exited with 1"), (69, "retry", "69"), (75, "retry", "75"), (255, "retry", "255"))],
            ("killed", program("killed", "#!/bin/sh\nkill -9 $$\n"), "retry", "signal 9"),
            ("does not read", program("deaf", "#!/bin/sh\nexec <&-\nexit 0\n"), "delivered", ""),
            ("prints a lot", program("loud", "#!/bin/sh\nhead -c 5000000 /dev/zero\necho secret words of the server >&2\nexit 1\n"), "retry", "exited with 1"),
            ("sleeps", program("sleeps", f"#!/bin/sh\nsleep 1234567 &\necho $! >{here}/child\nsleep 1234567\n"), "retry", f"longer than {2 * TIMEOUT} s"),
            ("is no program", program("text", "hello\n", 0o644), "retry", "cannot be executed"),
            ("has no interpreter", program("lost", "#!/no/such/interpreter\n"), "retry", "not there"),
            ("is writable by all", program("open", "#!/bin/sh\nexit 0\n", 0o757), "retry", "written by others"),
            ("is writable by its group", program("group", "#!/bin/sh\nexit 0\n", 0o775), "retry", "written by others"),
            ("is a directory", str(here), "retry", "no regular file"),
            ("is relative", "bin/true", "retry", "absolute path"),
            ("goes up", f"{here}/../{here.name}/exit0", "retry", "absolute path"),
            ("has arguments", f"{here}/exit0 --evil", "retry", "not there"),
            ("is a command line", f"/bin/sh -c 'touch {here}/owned'", "retry", "not there"),
            ("is nothing", None, "retry", "absolute path"),
        ]
        if os.geteuid() == 0:
            foreign = program("foreign", "#!/bin/sh\nexit 0\n")
            os.chown(foreign, 4242, 4242)
            wanted.append(("is somebody's", foreign, "retry", "another user"))
        run_cases([(f"program: {name}", {"via": "exec", "target": target, "body": "{}" * 100000}, (), outcome, text) for name, target, outcome, text in wanted], 2 * TIMEOUT)
        check((here / "owned").exists(), False)
        child = int((here / "child").read_text())
        wait_for(lambda: not pathlib.Path(f"/proc/{child}").exists() or ") Z " in pathlib.Path(f"/proc/{child}/stat").read_text(), "what it started to end with it")


HOSTILE = ["$(touch OWNED)", "`touch OWNED`", "; touch OWNED", "| touch OWNED", "&& touch OWNED", "\n touch OWNED\n", "' touch OWNED '", "\" touch OWNED \"", "--help", "-c touch OWNED", "LD_PRELOAD=/x", "A=1 B=2", "=", "%n%s", "\\", "*", "~", "\u202e", "ü" * 500]


def whatever_a_lead_is_called_a_program_gets_no_argument_and_no_shell():
    with tempfile.TemporaryDirectory(prefix="leadd-test.") as directory:
        here = pathlib.Path(directory)
        program = here / "program"
        program.write_text(f'#!/bin/sh\n[ $# = 0 ] || touch {here}/argument\nenv -0 >{here}/env.$LEADD_ID\ncat >{here}/body.$LEADD_ID\n')
        program.chmod(0o755)
        jobs = [{"id": str(i), "via": "exec", "target": str(program), "body": json.dumps({"v": v}), "lead": v, "kind": v} for i, v in enumerate(v.replace("OWNED", str(here / "owned")) for v in HOSTILE)]
        data = b"".join(json.dumps({"method": "org.leadd.Notify.Deliver", "parameters": j}).encode() + b"\0" for j in jobs)
        done = subprocess.run([str(BUILD / "leadd-notify")], input=data, capture_output=True, timeout=120, env={**os.environ, "EVIL": "1", "ENV": str(program), "BASH_ENV": str(program)})
        check([json.loads(a)["parameters"]["outcome"] for a in done.stdout.split(b"\0") if a], ["delivered"] * len(jobs))
        check(((here / "owned").exists(), (here / "argument").exists()), (False, False))
        for job in jobs:
            check(json.loads((here / f"body.{job['id']}").read_text())["v"], job["lead"])
            env = dict(e.split("=", 1) for e in (here / f"env.{job['id']}").read_bytes().decode().split("\0") if e)
            check((env.pop("LEADD_ID"), env.pop("LEADD_LEAD"), env.pop("LEADD_KIND")), (job["id"], job["lead"], job["kind"]))
            check(set(env) - {"PWD", "OLDPWD", "SHLVL", "_"}, {"PATH", "LANG"}, "nothing of ours is passed on")


def whatever_is_asked_that_is_no_job_nothing_is_sent():
    """Texts with a NUL, of other types, too long or too deep: an error that names the place, or the connection is closed."""
    with tempfile.TemporaryDirectory(prefix="leadd-test.") as directory:
        sendmail = pathlib.Path(directory) / "sendmail"
        sendmail.write_text(f"#!/bin/sh\ntouch {directory}/sent\n")
        sendmail.chmod(0o755)
        good = {"id": "1", "via": "sendmail", "from": "leads@firm.de", "to": "anna@firm.de", "subject": "s", "body": "b"}

        def ask(data):
            done = subprocess.run([str(BUILD / "leadd-notify"), f"--sendmail={sendmail}"], input=data, capture_output=True, timeout=60)
            return done.returncode, [json.loads(a) for a in done.stdout.split(b"\0") if a]

        def job(**changed):
            return json.dumps({"method": "org.leadd.Notify.Deliver", "parameters": {**good, **changed}}).encode() + b"\0"
        for name in ("id", "via", "target", "from", "to", "subject", "body", "secret", "lead", "kind", "reply_to", "answer"):
            code, answers = ask(job(**{name: "nul\0byte"}))
            check((code, answers), (1, []), f"{name} with a NUL: {answers}")
            for bad in (7, ["s"], {"s": 1}, True):
                code, answers = ask(job(**{name: bad}))
                check((code, [a.get("parameters", {}).get("parameter") for a in answers]), (0, [name]), f"{name} = {bad!r}: {answers}")
        for changed in ({"id": None}, {"id": ""}, {"id": "x" * 101}, {"via": None}, {"time": "now"}, {"time": 1.5}):
            code, answers = ask(job(**changed))
            check((code, [a.get("error") for a in answers]), (0, ["org.varlink.service.InvalidParameter"]), f"{changed}: {answers}")
        code, answers = ask(job(via="pigeon"))
        check([a["parameters"]["outcome"] for a in answers], ["failed"])
        for data in (b"\0", b"{}\0", b"[1, 2]\0", b'{"method": 7}\0', b'"text"\0', b"GET / HTTP/1.1\r\n\r\n", b"\xff\xfe\0", b'{"method": "org.leadd.Notify.Deliver", "method": "x"}\0', b'{"a":' * 5000 + b"\0", b"x" * 3_000_000, job()[:-2]):
            code, answers = ask(data)
            check((code, answers), (1, []), f"{data[:40]!r}: {answers}")
        for data in (b'{"method": "org.leadd.Notify.Other"}\0', b'{"method": "org.leadd.Notify.Deliver"}\0', b'{"method": "org.leadd.Notify.Deliver", "parameters": []}\0'):
            code, answers = ask(data)
            check((code, ["error" in a for a in answers]), (0, [True]), f"{data!r}: {answers}")
        check(os.path.exists(f"{directory}/sent"), False, "nothing of this was sent")
        check(ask(job())[1][0]["parameters"]["outcome"], "delivered")
        check(os.path.exists(f"{directory}/sent"), True)


main(whatever_is_asked_that_is_no_job_nothing_is_sent, a_mail_server_that_refuses_stalls_or_hangs_up, a_web_server_that_fails_stalls_redirects_or_babbles, a_program_that_fails_hangs_or_is_not_to_be_trusted, whatever_a_lead_is_called_a_program_gets_no_argument_and_no_shell)
