#!/usr/bin/env python3
"""Kills the server at each named failpoint, with requests running and records uncommitted, restarts it
and holds every witness against the provider's own list of requests. A scraper polls throughout and may
never see a counter go back."""
import bisect
import collections
import http.client
import json
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import CLIENT_KEY, FULL, ask, check, equal, run, wait_for, world  # noqa: E402

# name:count. Early counts hit start-up, later ones traffic; seals come every second here.
POINTS = ["journal.before_write:40", "journal.before_sync:60", "journal.after_sync:80", "journal.segment_created:2",
          "journal.segment_durable:2", "snapshot.before_rename:2", "snapshot.after_rename:2",
          "store.seal.written:1", "store.seal.synced:1", "store.seal.renamed:1", "store.seal.in_place:1",
          "store.seal.committed:1"]
# Snapshots by 64 KiB and segments by 256 KiB, so that a short run meets every point.
SMALL = """
journal: {segment_bytes: 256KiB, snapshot_bytes: 64KiB}
store: {seal_age: 1s}
"""
# What is younger than a group commit (5 ms and an fdatasync) may be lost in a kill. Counted in requests, not in
# time, so that it is the same on a machine that stands still: so many at most can have been sent after a request
# that is lost, and yet have been recorded. Hundreds are sent in a second.
LATER_MOST = 200


class Traffic:
    """Sends requests from several threads, through kills, and remembers what it sent and when."""

    def __init__(self, w):
        self.w, self.running, self.sent, self.answered = w, True, {}, {}
        self.lock = threading.Lock()
        self.count = 0
        self.threads = [threading.Thread(target=self.loop, args=(i,), daemon=True) for i in range(8)]
        for thread in self.threads:
            thread.start()

    def loop(self, seed):
        rng = random.Random(seed)
        while self.running:
            with self.lock:
                self.count += 1
                request_id = f"{self.count:08x}-0000-4000-8000-00000000000{seed}"
            stream = rng.random() < 0.5
            # Some requests are long, so that a kill always finds work in flight.
            prompt = "sim: gap_ms=60\nlong words here" if rng.random() < 0.2 else "a few words"
            body = {"model": "gpt-4o-mini", "max_tokens": 12, "stream": stream, "messages": [{"role": "user", "content": prompt}]}
            self.sent[request_id] = time.monotonic()
            try:
                answer = ask(self.w.port, "POST", "/v1/chat/completions", json.dumps(body),
                             {"Authorization": f"Bearer {CLIENT_KEY}", "Content-Type": "application/json",
                              "x-request-id": request_id})
                self.answered[request_id] = time.monotonic()
                if answer.status != 200:
                    time.sleep(0.02)
            except (OSError, http.client.HTTPException):  # the server is down: that is the point
                time.sleep(0.02)

    def stop(self):
        self.running = False
        for thread in self.threads:
            thread.join()


class Scraper:
    def __init__(self, w):
        self.w, self.running, self.scrapes, self.back = w, True, 0, []
        self.last = {}
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    def loop(self):
        while self.running:
            try:
                server, port = self.w.server, self.w.port
                answer = ask(port, "GET", "/metrics")
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)
                continue
            # The port of a server that is dead may be somebody else's by now.
            if answer.status != 200 or self.w.server is not server or self.w.port != port or not server.running():
                continue
            self.scrapes += 1
            seen = {}
            for line in answer.text.splitlines():
                key, _, value = line.rpartition(" ")
                # What came from the journal may not go back; the process' own instruments start anew.
                if line.startswith(("coo_llm_", "sightglass_requests_total", "sightglass_input_tokens", "sightglass_output_tokens")):
                    seen[key] = float(value)
            for key, value in self.last.items():
                if key not in seen:
                    self.back.append(f"{key} vanished")
                elif seen[key] < value:
                    self.back.append(f"{key} went from {value} to {seen[key]}")
            self.last.update(seen)
            time.sleep(0.01)

    def stop(self):
        self.running = False
        self.thread.join()


def kill_once(w, traffic, scraper, point):
    """One life: starts armed, is killed at its point under load, and comes back unarmed."""
    before = scraper.scrapes
    w.start_server(SMALL, env={"SIGHTGLASS_FAILPOINT": point}, expect_death=True)
    try:
        wait_for(lambda: not w.server.running(), f"the kill at {point}")
    finally:
        killed_at = time.monotonic()
    equal(w.server.child.returncode, -9, f"how the server ended at {point}")
    w.start_server(SMALL)
    wait_for(lambda: scraper.scrapes >= before + 50, "50 scrapes")
    return killed_at


def compare(w, traffic, kills):
    """Every witness against the others, and against the provider's list."""
    report = w.reconcile()
    check(report["agree"], f"the witnesses differ: {report}")
    log = [line for line in w.log_lines() if line.get("outcome")]
    seqs = [line["seq"] for line in w.log_lines()]
    equal(len(seqs), len(set(seqs)), "each journal position stands once in the log")
    ours = collections.Counter(line.get("requestId") or line.get("request_id") for line in log)
    doubled = [i for i, n in ours.items() if n != 1]
    check(not doubled, f"{len(doubled)} requests have more than one outcome: {doubled[:3]}")
    interrupted = {line.get("requestId") or line.get("request_id") for line in log if line["outcome"] == "interrupted"}
    provider = {line["request_id"]: line for line in w.tally_lines()}
    # Missing may be only what was younger than a group commit at a kill: an older request has at
    # least its start in the journal, and is then interrupted.
    missing = set(provider) - set(ours)
    recorded = sorted(traffic.sent[request_id] for request_id in ours if request_id in traffic.sent)
    most_later = 0
    for request_id in missing:
        begun = traffic.answered.get(request_id, traffic.sent[request_id])
        killed = min((at for at in kills if at >= begun), default=None)
        check(killed is not None, f"{request_id} was served by the provider, is not ours, and no kill came after it")
        later = bisect.bisect(recorded, killed) - bisect.bisect(recorded, begun)
        check(later <= LATER_MOST, f"{request_id} is missing, and {later} that were sent after it are not")
        most_later = max(most_later, later)
    served = {i for i, line in provider.items() if line["end"] == "served"}
    lost = [i for i in missing & served]
    totals = report["witnesses"]["meter"]
    equal(totals["requests"], len(log), "requests: metrics and log")
    for line in log:
        request_id = line.get("requestId") or line.get("request_id")
        if line["outcome"] == "ok":
            check(request_id in provider, f"{request_id} is ok and the provider never saw it")
            equal(line.get("tokensOut", line.get("output_tokens")), provider[request_id]["output_tokens"], f"tokens of {request_id}")
    return len(log), len(interrupted), len(missing), len(lost), most_later


def test_killed_at_every_failpoint():
    points = POINTS * (4 if FULL else 1)
    with world() as w:
        w.start_simulator()
        w.start_server(SMALL)
        traffic = Traffic(w)
        wait_for(lambda: w.sum_of("coo_llm_requests_total") > 20, "counters above 0 before the first kill")
        scraper = Scraper(w)
        kills = []
        try:
            for point in points:
                w.server.stop()
                kills.append(kill_once(w, traffic, scraper, point))
        finally:
            traffic.stop()
            scraper.stop()
        check(not scraper.back, f"counters went back: {scraper.back[:3]}")
        requests, interrupted, missing, lost, later = compare(w, traffic, kills)
        check(interrupted > 0, "no kill found a request in flight")
        print(f"      {len(points)} kills, {scraper.scrapes} scrapes, {requests} requests, {interrupted} interrupted, "
              f"{missing} younger than a commit (at most {later} of the recorded were sent after one of them; {lost} of them "
              "had been served)")
        equal(w.stop(), 0, "exit code of a clean stop")


if __name__ == "__main__":
    run(test_killed_at_every_failpoint)
