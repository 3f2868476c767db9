#!/usr/bin/env python3
"""The sanitizers and the fuzzer are shown a planted bug each, and must report it."""
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import ROOT, check, run  # noqa: E402


def report(build, bug):
    done = subprocess.run([str(ROOT / "build" / build / "planted_bug"), bug], capture_output=True, text=True, timeout=300)
    check(done.returncode != 0, f"{build} let {bug} pass: {done.stdout}")
    return done.stderr


def test_address_sanitizer_sees_a_read_past_the_end():
    check("AddressSanitizer: heap-buffer-overflow" in report("asan", "overflow"), "no report of the overflow")


def test_undefined_behaviour_sanitizer_sees_an_overflow():
    check("runtime error: signed integer overflow" in report("asan", "undefined"), "no report of the undefined addition")


def test_thread_sanitizer_sees_a_race():
    check("ThreadSanitizer: data race" in report("tsan", "race"), "no report of the race")


def test_the_fuzzer_finds_five_bytes():
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([str(ROOT / "build/asan/planted_fuzz"), "-max_total_time=600", f"-artifact_prefix={folder}/", folder],
                              capture_output=True, timeout=900)
        check(done.returncode != 0, "the fuzzer did not find the planted bug")
        check(any(p.read_bytes().startswith(b"glass") for p in pathlib.Path(folder).glob("crash-*")), "no input was kept")


if __name__ == "__main__":
    run(test_address_sanitizer_sees_a_read_past_the_end, test_undefined_behaviour_sanitizer_sees_an_overflow,
        test_thread_sanitizer_sees_a_race, test_the_fuzzer_finds_five_bytes)
