# SPDX-License-Identifier: MIT
"""Those at the other end: leadd-notify, and servers on loopback that keep what they are given and fail as they are told."""
import http.server, os, pathlib, signal, socket, subprocess, threading, time

from harness import BUILD, wait_for


class Notifier:
    """leadd-notify on a socket in the daemon's directory."""

    def __init__(self, directory, *arguments):
        self.path = pathlib.Path(directory) / "notify"
        self.arguments = arguments
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen([str(BUILD / "leadd-notify"), f"--listen={self.path}", *self.arguments], stdin=subprocess.DEVNULL, start_new_session=True)
        wait_for(self.path.exists, "leadd-notify's socket")
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGKILL)  # with the processes of its connections
        self.process.wait()
        self.path.unlink(missing_ok=True)


def pause(server):
    if server.pause:
        server.n_busy += 1
        server.pause()
        server.n_busy -= 1


class MailServer(threading.Thread):
    """As much of SMTP as a sender needs; keeps what it was given. answer: what it says to the end of a message; "stall": nothing, ever."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.mails, self.answer = self.listener.getsockname()[1], [], "250 ok"
        self.attempts = []  # every message that came, accepted or not
        self.pause, self.n_busy = None, 0  # called between taking a mail and saying so

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.guarded, args=(connection,), daemon=True).start()

    def guarded(self, connection):
        try:
            self.serve(connection)
        except OSError:
            pass  # whoever sent it was killed

    def serve(self, connection):
        sender, recipients = None, []
        with connection, connection.makefile("rwb") as f:
            def say(line):
                f.write(line.encode() + b"\r\n")
                f.flush()
            say("220 test")
            for line in f:
                verb = line[:4].upper()
                if verb in (b"EHLO", b"HELO"):
                    say("250 test")
                elif verb == b"MAIL":
                    sender = line.decode().split("<")[1].split(">")[0]
                    say("250 ok")
                elif verb == b"RCPT":
                    recipients.append(line.decode().split("<")[1].split(">")[0])
                    say("250 ok")
                elif verb == b"DATA":
                    say("354 go on")
                    text = b""
                    for part in f:
                        if part == b".\r\n":
                            break
                        text += part[1:] if part.startswith(b".") else part
                    self.attempts.append(text)
                    if self.answer == "stall":
                        time.sleep(3600)
                    if self.answer.startswith("250"):
                        self.mails.append((sender, recipients, text))
                    pause(self)
                    say(self.answer)
                elif verb == b"QUIT":
                    say("221 bye")
                    return
                else:
                    say("500 what?")


class WebServer(threading.Thread):
    """Answers as told, and keeps what it was given."""

    def __init__(self):
        super().__init__(daemon=True)
        self.requests, self.answers = [], []  # answers: status, headers; the last one stays
        self.pause, self.n_busy = None, 0  # called between taking a request and answering it
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((self.path, dict(self.headers.items()), body))
                pause(outer)
                status, headers = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                if status == "stall":
                    time.sleep(3600)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port

    def run(self):
        self.server.serve_forever()
