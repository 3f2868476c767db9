#!/usr/bin/env python3
"""Runs every fuzzer of a build folder for some seconds from its kept corpus, prints a row each, and
fails when one finds a crash. New inputs stay in the build folder; a crash's input is named."""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build/asan")
    parser.add_argument("--seconds", type=int, default=60 if os.environ.get("SIGHTGLASS_FULL") == "1" else 10)
    parser.add_argument("--only", help="a part of the fuzzer's name")
    options = parser.parse_args()
    build = (ROOT / options.build).resolve()
    failed = 0
    fuzzers = sorted(ROOT.glob("src/*/*_fuzz.cc"))
    for source in fuzzers:
        name = source.stem
        if options.only and options.only not in name:
            continue
        found = build / "found" / name
        found.mkdir(parents=True, exist_ok=True)
        corpus = source.parent / "corpus" / name
        began = time.time()
        run = subprocess.run(
            [build / name, f"-max_total_time={options.seconds}", "-max_len=65536", "-timeout=300", "-rss_limit_mb=2048",
             f"-artifact_prefix={found}/", "-print_final_stats=1", str(found), str(corpus)],
            capture_output=True, text=True, cwd=found,
            env={"LLVM_PROFILE_FILE": str(found / "coverage.profraw"), "PATH": "/usr/bin:/bin"})
        stats = dict(re.findall(r"stat::(\w+):\s+(\d+)", run.stderr))
        verdict = "ok" if run.returncode == 0 else "CRASH"
        print(f"{name:40} {verdict:6} {int(stats.get('number_of_executed_units', 0)):>10,} runs "
              f"{time.time() - began:6.1f} s", flush=True)
        if run.returncode != 0:
            failed += 1
            print(run.stderr[-4000:])
    print(f"{len(fuzzers)} fuzzers, {failed} crashed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
