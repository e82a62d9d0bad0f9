# SPDX-License-Identifier: MIT
"""A real mail server: Debian's exim, unpacked below build/ and never installed, with a configuration, a spool and mailboxes of the test's own.

    enter()             at the top of a test: skips where it cannot run, else starts the test again in a mount namespace of its own
    with Mta(directory, "anna", "ben") as mta:
        mta.port, mta.sendmail, mta.mails("anna")
    with Mta(directory, "anna", answers="leadctl submit --format eml -") as mta:
        what is sent to answers@firm.de is given to that command; in that list, exim's own group is called leadd as well

exim looks up the user Debian-exim before it reads its configuration, so the namespace has a user list with that name in it.
"""
import os, pathlib, pwd, shutil, signal, socket, subprocess, sys, tempfile

from harness import TOP, wait_for

UNPACKED = TOP / "build/mta"
PACKAGE = "exim4-daemon-light"  # its libraries are in contrib/install-deps
USER = "Debian-exim"

CONFIGURATION = r"""
primary_hostname = mta.firm.de
exim_path = EXIM
spool_directory = HERE/spool
log_file_path = HERE/log/%slog
pid_file_path = HERE/pid
domainlist local_domains = firm.de
local_interfaces = 127.0.0.1
daemon_smtp_ports = PORT
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
keep_environment =
acl_smtp_rcpt = check_recipient
begin acl
check_recipient:
  defer condition = ${if exists{HERE/busy}}
  deny !domains = +local_domains
  deny !local_parts = lsearch;HERE/users
  accept
begin routers
answers:
  driver = accept
  domains = +local_domains
  local_parts = answers
  transport = leadd
local:
  driver = accept
  domains = +local_domains
  local_parts = lsearch;HERE/users
  transport = box
begin transports
leadd:
  driver = pipe
  command = ANSWERS
  user = USER
  return_path_add
  return_fail_output
box:
  driver = appendfile
  directory = HERE/mail/$local_part_data
  create_directory
  maildir_format
  envelope_to_add
  user = USER
begin retry
* * F,1m,1s
begin rewrite
begin authenticators
"""


def skip(why):
    print(f"no real mail server: {why}")
    sys.exit(77)


def fetch():
    """The package into build/, once: a server that is installed would start, and would be this machine's."""
    if (UNPACKED / "usr/sbin/exim4").exists():
        return
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        skip("its package is Debian's, and there is no apt-get")
    with tempfile.TemporaryDirectory(prefix="leadd-mta.") as directory:
        os.chmod(directory, 0o755)
        done = subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", PACKAGE], cwd=directory, capture_output=True, text=True)
        if done.returncode != 0:
            skip(f"{PACKAGE} cannot be downloaded: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
        half = UNPACKED.with_name("mta.half")
        shutil.rmtree(half, ignore_errors=True)
        for package in pathlib.Path(directory).glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(half)], check=True)
        (half / "usr/sbin/exim4").chmod(0o755)  # not set-uid: it is started by root
        UNPACKED.parent.mkdir(exist_ok=True)
        half.rename(UNPACKED)


def enter():
    if os.environ.get("LEADD_IN_NAMESPACE"):
        return
    if os.geteuid() != 0:
        skip("not root")
    fetch()
    done = subprocess.run(["ldd", str(UNPACKED / "usr/sbin/exim4")], capture_output=True, text=True)
    missing = [line.split()[0] for line in done.stdout.splitlines() if "not found" in line]
    if missing:
        skip(f"libraries are missing: {' '.join(missing)}; contrib/install-deps test")
    try:
        pwd.getpwnam(USER)
        users = ":"
    except KeyError:
        users = f"""
for f in passwd group; do cp /etc/$f "$1/$f"; done
echo '{USER}:x:4242:4242::/nonexistent:/usr/sbin/nologin' >>"$1/passwd"; echo '{USER}:x:4242:' >>"$1/group"
sed -i '/^leadd:/d' "$1/group"; echo 'leadd:x:4242:' >>"$1/group"
mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/group" /etc/group"""
    with tempfile.TemporaryDirectory(prefix="leadd-users.") as directory:
        script = f'{users} && shift && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", script, "sh", directory, sys.executable, *sys.argv]
        probe = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True)
        if probe.returncode != 0:
            skip(f"no mount namespace may be made: {probe.stderr.strip()}")
        done = subprocess.run(command, env={**os.environ, "LEADD_IN_NAMESPACE": "1"})
    sys.exit(done.returncode)


class Mta:
    def __init__(self, directory, *users, answers=None):
        self.here = pathlib.Path(directory) / "mta"
        user = pwd.getpwnam(USER)
        for name in ("", "spool", "log", "mail"):
            (self.here / name).mkdir(parents=True)
            os.chown(self.here / name, user.pw_uid, user.pw_gid)
        for path in (self.here, *self.here.parents[:1]):
            path.chmod(0o755)
        (self.here / "users").write_text("".join(f"{name}: {name}\n" for name in (*users, *(["answers"] if answers else []))))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.exim = UNPACKED / "usr/sbin/exim4"
        text = CONFIGURATION.replace("HERE", str(self.here)).replace("EXIM", str(self.exim)).replace("PORT", str(self.port)).replace("ANSWERS", answers or "/bin/false").replace("user = USER", f"user = {USER}")
        (self.here / "configure").write_text(text)
        self.command = [str(self.exim), "-C", str(self.here / "configure")]
        self.sendmail = self.here / "sendmail"
        self.sendmail.write_text(f'#!/bin/sh\nexec {" ".join(self.command)} "$@"\n')
        self.sendmail.chmod(0o755)
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen([*self.command, "-bdf", "-q10s"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        wait_for(self.answers, "exim to answer")
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                return connection.recv(100).startswith(b"220")
        except OSError:
            return False

    def send(self, sender, recipient, message):
        """As a person's mail program does; delivered when it returns, or kept for later."""
        subprocess.run([str(self.sendmail), "-odi", "-i", "-f", sender, "--", recipient], input=message, capture_output=True, check=True)

    def run_queue(self):
        """Tries at once what was kept."""
        subprocess.run([str(self.sendmail), "-qff"], capture_output=True, check=True)

    def be_busy(self, busy):
        """Puts every recipient off, as a server that has too much to do."""
        (self.here / "busy").touch() if busy else (self.here / "busy").unlink()

    def mails(self, user):
        """What is in the mailbox, in the order of arrival."""
        return [p.read_bytes() for p in sorted((self.here / "mail" / user / "new").glob("*"), key=lambda p: p.stat().st_mtime_ns)]

    def n_mails(self):
        return len(list((self.here / "mail").glob("*/new/*")))

    def log(self):
        return "".join(p.read_text(errors="replace") for p in sorted((self.here / "log").glob("*")))
