#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A crash between assignment and mail: kill -9 when the lead has an owner and before anybody was told. The owner stays, the turn has moved
once, and the mail is sent once, under the id that the first attempt had."""
import email, email.policy, os, pathlib, subprocess, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import check, main, wait_for  # noqa: E402
from receivers import MailServer, Notifier  # noqa: E402
from story import Story  # noqa: E402

RULES = """
settings "site" { zone = "Europe/Berlin", ops = "ops@firm.de" }
calendar "berlin" { zone = "Europe/Berlin", open = { mon_fri = "09:00-17:00" } }
team "marketing" { doc = "a queue" }
team "desk" { calendar = "berlin", head = "petra", strategy = "round_robin",
  members = { anna = { email = "anna@firm.de" }, ben = { email = "ben@firm.de" }, petra = { email = "petra@firm.de", weight = 0 } } }
status "inquiry" { team = "marketing", kind = "open", initial = true, meaning = "new" }
status "mql" { team = "desk", kind = "sla", meaning = "offered" }
status "lost" { team = "marketing", kind = "final", meaning = "never a fit" }
move "raise" { from = "inquiry", to = "mql", by = "rules" }
move "drop" { from = "mql", to = "lost", by = "owner" }
route "ALL" { team = "desk" }
sla "ANSWER" { status = "mql", within = "2h", clock = "owner", steps = { { at = "1m", remind = "owner" }, { at = "2h", every = "1wd", remind = "head" } } }
channel "mail" { via = "smtp", target = "127.0.0.1:PORT", from = "leads@firm.de", gather = "0s" }
message "reminder" { channel = "mail", subject = "Lead ${lead.id} waits for you", body = "Answer by ${due}." }
"""


def id_of(text):
    return email.message_from_bytes(text, policy=email.policy.default)["Message-ID"]


def killed_before_anybody_was_told():
    server = MailServer()
    server.start()
    story = Story("Thu 2026-03-05 10:00", rules=RULES.replace("PORT", str(server.port)))
    story.more = [f"--notifier={story.directory / 'notify'}"]
    with story as s, Notifier(s.directory):
        # The mail server hangs. Maria is offered to Anna; the mail about it is under way, and the daemon is killed.
        server.answer = "stall"
        s.submits("maria", "demo")
        s.stands("maria", "mql", owner="anna", due="Thu 2026-03-05 12:00")
        s.comes("Thu 2026-03-05 10:01")
        wait_for(lambda: server.attempts, "the mail to be under way")
        check([(row["state"], row["recipient"]) for row in s.lines("outbox")], [("under way", "anna")])
        s.crashes("Thu 2026-03-05 10:01")

        # Up again, with a mail server that answers: the same owner, the same due, the mail once, with the id of the first attempt.
        server.answer = "250 ok"
        s.start()
        s.stands("maria", "mql", owner="anna", due="Thu 2026-03-05 12:00")
        wait_for(lambda: not s.lines("outbox"), "the mail to be delivered")
        check([recipients for _, recipients, _ in server.mails], [["anna@firm.de"]])
        check({id_of(text) for text in server.attempts}, {id_of(server.mails[0][2])})
        check(len(server.attempts), 2)

        # The form comes once more, from a sender who was never told that it had arrived: nothing new. The turn has moved once: Ben's is next.
        s.drops("web", s.again)
        check(s.json("status")["duplicates"], 1)
        s.submits("noor", "demo")
        s.submits("olga", "demo")
        check([s.owner(who) for who in ("maria", "noor", "olga")], ["anna", "ben", "anna"])
        s.comes("Thu 2026-03-05 10:02")
        wait_for(lambda: len(server.mails) == 3, "the mails about the other two")
        check(len(s.reminders("maria")), 1)


def killed_before_the_step_was_due():
    server = MailServer()
    server.start()
    story = Story("Thu 2026-03-05 10:00", rules=RULES.replace("PORT", str(server.port)))
    story.more = [f"--notifier={story.directory / 'notify'}"]
    with story as s:
        # Nobody listens on the notifier's socket; the assignment is committed, and the next instant the machine is gone.
        s.submits("maria", "demo")
        s.crashes("Thu 2026-03-05 10:00")
        s.start()
        s.stands("maria", "mql", owner="anna", due="Thu 2026-03-05 12:00")
        s.comes("Thu 2026-03-05 10:01")
        row, = s.lines("outbox")
        s.crashes("Thu 2026-03-05 10:01")
        s.start()
        again, = s.lines("outbox")
        check((again["id"], again["recipient"]), (row["id"], "anna"))
        with Notifier(s.directory):
            s.comes("Thu 2026-03-05 12:00")
            wait_for(lambda: len(server.mails) >= 2, "the mails to Anna and, at noon, to the head")
            check(sorted(recipients for _, recipients, _ in server.mails), [["anna@firm.de"], ["petra@firm.de"]])


# Stands before libc and kills the process in the call that would remove the file of a record that is committed.
KILLER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
int unlinkat(int fd, const char *path, int flags) {
        const char *end = strrchr(path, '.');
        if (flags == 0 && end && strcmp(end, ".json") == 0)
                kill(getpid(), SIGKILL);
        return ((int (*)(int, const char *, int)) dlsym(RTLD_NEXT, "unlinkat"))(fd, path, flags);
}
"""


def killed_between_the_commit_and_the_end_of_the_file():
    """R13: the file is found again, and its record is known."""
    story = Story("Thu 2026-03-05 10:00", rules=RULES.replace("PORT", "9"))
    killer = story.directory / "killer.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", killer, "-x", "c", "-"], input=KILLER.encode(), check=True)
    asan = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
    with story as s:
        s.stop()
        s.start(environment={"LD_PRELOAD": str(killer), "ASAN_OPTIONS": asan})
        s.drop("web", "maria.json", s.record("maria", "demo"))
        check(s.process.wait(), -9, "killed at that very call")
        s.process = None
        check([p.name for p in s.waiting()], ["maria.json"], "and the file is still there")
        s.start()
        s.settle()
        s.stands("maria", "mql", owner="anna", due="Thu 2026-03-05 12:00")
        check([e["type"] for e in s.events("maria")], ["lead.submitted"], "counted once")
        s.submits("noor", "demo")
        s.submits("olga", "demo")
        check([s.owner(who) for who in ("noor", "olga")], ["ben", "anna"], "the turn has moved once")


main(killed_before_anybody_was_told, killed_before_the_step_was_due, killed_between_the_commit_and_the_end_of_the_file)
