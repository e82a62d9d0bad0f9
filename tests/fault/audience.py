#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The test of audiences bites: with the one line broken that keeps whoever sales has out of every campaign, it fails; without, it passes."""
import os, pathlib, subprocess, sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
TEST = "build/breakable/tests/unit/test_audience"

subprocess.run(["make", "--no-print-directory", "-s", "-C", str(TOP), "-j2", "BREAKABLE=1", "BUILD=build/breakable", "OPTIMIZE=-O0", TEST], check=True)
for broken in ("", "audience_status"):
    done = subprocess.run([str(TOP / TEST)], env={**os.environ, "LEADD_BREAK": broken}, capture_output=True, text=True)
    failed = done.stderr.count("[  FAILED  ]") + done.stdout.count("[  FAILED  ]")
    if (done.returncode != 0) != bool(broken):
        sys.exit(f"LEADD_BREAK={broken}: exit {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    print(f"- {broken or 'as it is'}: {'noticed, ' + str(failed) + ' lines of failures' if broken else 'passes'}")
