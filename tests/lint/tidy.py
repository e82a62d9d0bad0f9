#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clang-tidy (checks in .clang-tidy) over the daemon, a file a core. What has not changed since it was last found good is passed over."""
import concurrent.futures, hashlib, os, pathlib, re, subprocess, sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
STAMPS = TOP / "build/tidy"
libraries = " ".join(re.findall(r"^(?:NOTIFIER_)?LIBRARIES = (.*)$", (TOP / "Makefile").read_text(), re.M)).split()
flags = ["-std=gnu17", "-Iinclude", "-D_GNU_SOURCE", '-DLEADD_VERSION="x"', '-DLEADD_PREFIX="/usr"']
flags += subprocess.run(["pkg-config", "--cflags", *libraries], capture_output=True, text=True, check=True).stdout.split()
shared = b"".join(p.read_bytes() for p in [TOP / ".clang-tidy", *sorted((TOP / "include").rglob("*.h"))])


def check(path):
    local = b"".join(p.read_bytes() for p in sorted(path.parent.glob("*.h")))
    digest = hashlib.sha256(shared + local + path.read_bytes() + " ".join(flags).encode()).hexdigest()
    stamp = STAMPS / str(path.relative_to(TOP)).replace("/", "_")
    if stamp.exists() and stamp.read_text() == digest:
        return ""
    done = subprocess.run(["clang-tidy", "--quiet", "--warnings-as-errors=*", str(path.relative_to(TOP)), "--", *flags], cwd=TOP, capture_output=True, text=True)
    if done.returncode == 0:
        stamp.write_text(digest)
        return ""
    return done.stdout


STAMPS.mkdir(parents=True, exist_ok=True)
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    problems = [text for text in pool.map(check, sorted((TOP / "daemon").rglob("*.c"))) if text]
print("\n".join(problems))
sys.exit(1 if problems else 0)
