#!/usr/bin/env python3
"""Applications on this machine: the Python module's calls as seed 001 prints them (S1-C01 to S1-C05), and lines
on both local sockets, end to end into the server's numbers."""
import os
import pathlib
import socket
import stat
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from ingest_cli_test import accepted_ids, event, exactly_once, start  # noqa: E402
from support.harness import ROOT, check, equal, run, wait_for, world  # noqa: E402

APPLICATION = """
import time
from core.metrics_logger import log_metric, lost
user_email = "user@example.com"
for _ in range(25):
    log_metric("llm_call", user_email, model="gpt-4", message_count=5)
    log_metric("tool_call", user_email, tool_name="calculator")
    log_metric("file_upload", user_email, file_size=1024, content_type="application/pdf")
    log_metric("error", user_email, error_type="rate_limit")
    time.sleep(0.002)
print(sum(lost().values()))
"""


def application(w, **environment):
    """A process that knows nothing but the module; how many of its calls were lost."""
    done = subprocess.run([sys.executable, "-B", "-c", APPLICATION], capture_output=True, text=True, timeout=300, cwd=w.folder,
                          env={**os.environ, "PYTHONPATH": str(ROOT / "clients/python"), **environment})
    equal((done.returncode, done.stderr), (0, ""), "the application")
    return int(done.stdout)


def test_the_printed_calls_become_events():
    with world() as w:
        start(w)
        equal(application(w), 0, "lost calls without the flag")
        equal(w.sum_of("sightglass_local_lines_total"), 0, "lines without the flag")
        (w.folder / ".env").write_text("FEATURE_METRICS_LOGGING_ENABLED=true\n")
        taken, lost = 0, 100
        # While the server stands still, a call does not wait but is lost and counted: run again then, for most arrive.
        for _ in range(20):
            lost = application(w)
            taken += 100 - lost
            wait_for(lambda: w.sum_of("sightglass_ingest_accepted_total") >= taken, "the events")
            equal(w.sum_of("sightglass_ingest_accepted_total"), taken, "events and lost calls")
            if lost < 50:
                break
        equal(w.sum_of("sightglass_ingest_rejected_total"), 0, "rejected")
        check(lost < 50, f"{lost} of 100 calls were lost")
        equal(application(w, FEATURE_METRICS_LOGGING_ENABLED="false"), 0, "the environment wins")
        equal(w.sum_of("sightglass_ingest_accepted_total"), taken, "events with the flag off")
        w.stop()
        for path in w.folder.rglob("*"):
            if path.is_file():
                check(b"user@example.com" not in path.read_bytes(), f"the address stands in {path}")
        (w.folder / "x").mkdir()
        check(application(w, SIGHTGLASS_SOCKET="x/none.sock") == 100, "without a server the calls are lost, and it goes on")


def test_lines_on_both_sockets():
    with world() as w:
        start(w)
        for name in ("ingest.sock", "ingest-stream.sock"):
            equal(stat.S_IMODE(os.stat(w.folder / "data" / name).st_mode), 0o660, f"mode of {name}")
        datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        for n in range(0, 300, 3):
            datagrams.sendto("\n".join(event(i) for i in range(n, n + 3)).encode(), str(w.folder / "data/ingest.sock"))
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.connect(str(w.folder / "data/ingest-stream.sock"))
        stream.sendall("".join(event(n) + "\n" for n in range(300, 5000)).encode() + event(5000).encode())
        stream.close()
        exactly_once(w, range(5001), "both sockets")
        wait_for(lambda: w.sum_of("sightglass_local_lines_total") == 5001, "the count of lines")
        equal(w.sum_of("sightglass_local_dropped_total"), 0, "dropped")


def test_what_was_sent_before_a_stop_is_recorded():
    with world() as w:
        start(w)
        datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        for n in range(200):
            datagrams.sendto(event(n).encode(), str(w.folder / "data/ingest.sock"))
        equal(w.server.stop(), 0, "exit code")
        start(w)
        exactly_once(w, range(200), "sent right before the stop")
        equal(len(accepted_ids(w)), 200, "events")


if __name__ == "__main__":
    run(test_the_printed_calls_become_events, test_lines_on_both_sockets, test_what_was_sent_before_a_stop_is_recorded)
