#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds every tests/fuzz/fuzz_*.c with libFuzzer, AddressSanitizer and UBSan, and runs each.

    tests/fuzz/short.py [--seconds N] [--seed N] [TARGET]...

Inputs that found something new are kept in build/fuzz/corpus/TARGET; a failing input is printed as hexadecimal and kept beside it.
"""
import argparse, concurrent.futures, os, pathlib, re, subprocess, sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = TOP / "build/fuzz"
ROOMS = "base worktime intake"  # what the targets are made of: no other room has to be compiled for them


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=20261123, help="0 = another one each time; `make check` repeats itself, longer runs should not")
    parser.add_argument("targets", nargs="*")
    arguments = parser.parse_args()
    sources = [p for p in sorted((TOP / "tests/fuzz").glob("fuzz_*.c")) if not arguments.targets or p.stem in arguments.targets or p.stem[5:] in arguments.targets]
    if not sources:
        sys.exit("no such target")
    programs = [f"build/fuzz/tests/fuzz/{p.stem}" for p in sources]
    made = subprocess.run(["make", "--no-print-directory", "-s", "-C", str(TOP), "-j", str(os.cpu_count()), "CC=clang", "FUZZ=1", "BUILD=build/fuzz", "OPTIMIZE=-O1 -g", f"ROOMS={ROOMS}", *programs])
    if made.returncode != 0:
        return 1

    def run(source):
        corpus, found = BUILD / "corpus" / source.stem, BUILD / "found"
        corpus.mkdir(parents=True, exist_ok=True)
        found.mkdir(parents=True, exist_ok=True)
        seeds = [str(p) for p in [TOP / "tests/fuzz/corpus" / source.stem] if p.is_dir()]
        command = [str(TOP / f"build/fuzz/tests/fuzz/{source.stem}"), f"-max_total_time={arguments.seconds}", f"-seed={arguments.seed}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
                   f"-artifact_prefix={found}/{source.stem}-", str(corpus), *seeds]
        done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, errors="replace", env={**os.environ, "G_SLICE": "always-malloc"})
        executed = re.search(r"number_of_executed_units: (\d+)", done.stderr)
        return source.stem, done.returncode, int(executed.group(1)) if executed else 0, done.stderr

    failed = False
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, code, executed, output in pool.map(run, sources):
            print(f"{name}: {executed} executions" + ("" if code == 0 else f", FAILED ({code})"), flush=True)
            if code != 0:
                print("\n".join(output.splitlines()[-60:]))
                failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
