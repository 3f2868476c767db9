#!/usr/bin/env python3
"""`sightglass ingest --follow` while the log is rotated in both ways at random moments, the follower is
killed, and so is the server: each line that was written is an event, once."""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from ingest_cli_test import accepted_ids, event, exactly_once, start  # noqa: E402
from support.harness import BINARY, FULL, PATIENCE_S, check, equal, run, wait_for, world  # noqa: E402

SECONDS = 30 if FULL else 8


class Writer(threading.Thread):
    """Writes numbered lines, now and then in halves, and rotates: by renaming, or by copying and emptying. Like
    every copying rotation it must not write between the copy and the emptying."""

    def __init__(self, path, first, seed, copies):
        super().__init__(daemon=True)
        self.path, self.number, self.copies = path, first, copies
        self.rng = random.Random(seed)
        self.first, self.running, self.rotations = first, True, 0
        self.file = open(path, "a")
        self.write(1)

    def write(self, count):
        for _ in range(count):
            text = event(self.number) + "\n"
            self.number += 1
            half = self.rng.randrange(len(text)) if self.rng.random() < 0.1 else 0
            self.file.write(text[:half])
            self.file.flush()
            if half and self.rng.random() < 0.3:
                time.sleep(0.002)
            self.file.write(text[half:])
        self.file.flush()

    def rotate(self):
        rotated = self.path.with_name(f"{self.path.name}.{1000 + self.rotations}")
        self.rotations += 1
        if self.copies:
            rotated.write_bytes(self.path.read_bytes())
            os.truncate(self.path, 0)
            return
        self.path.rename(rotated)
        # A writer that notices late goes on in the old file for a while.
        self.write(self.rng.randrange(5))
        self.file.close()
        self.file = open(self.path, "a")

    def run(self):
        while self.running:
            self.write(self.rng.randrange(60))
            if self.rng.random() < 0.08:
                self.rotate()
            time.sleep(self.rng.uniform(0, 0.02))

    def stop(self):
        self.running = False
        self.join()

    def numbers(self):
        return range(self.first, self.number)


def rotated(writers):
    return all(writer.rotations > 2 for writer in writers)


class FollowerProcess:
    def __init__(self, w, paths):
        self.w, self.paths = w, paths
        self.start()

    def start(self):
        # Appended by file's name only, so that the readers' own output is no rotation of the logs.
        self.out = open(self.w.folder / "follower.out", "w")
        self.err = open(self.w.folder / "follower.err", "a")
        self.child = subprocess.Popen([str(BINARY), "ingest", "--follow", "--json", *map(str, self.paths)], cwd=self.w.folder,
                                      stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err)

    def kill(self):
        check(self.child.poll() is None, f"the follower ended with {self.child.returncode}: {self.errors()}")
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def errors(self):
        return (self.w.folder / "follower.err").read_text()[-2000:]

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(PATIENCE_S)


def test_lines_arrive_as_they_are_written_and_the_partial_one_waits():
    with world() as w:
        start(w)
        path = w.folder / "app.log"
        path.write_text(event(0) + "\n" + event(1)[:20])
        follower = FollowerProcess(w, [path])
        exactly_once(w, [0], "the first line")
        with open(path, "a") as log:
            log.write(event(1)[20:] + "\n")
        exactly_once(w, [0, 1], "the finished second line")
        equal(follower.stop(), 0, f"exit code at SIGTERM ({follower.errors()})")
        equal(json.loads((w.folder / "follower.out").read_text())["accepted"], 2, "its summary")


def test_rotation_kills_and_restarts_cost_no_line_and_double_none():
    with world() as w:
        start(w)
        renamed, copied = w.folder / "renamed.log", w.folder / "copied.log"
        writers = [Writer(renamed, 0, 1, copies=False), Writer(copied, 1_000_000, 2, copies=True)]
        follower = FollowerProcess(w, [renamed, copied])
        # Its promise begins with the first lines that were taken.
        wait_for(lambda: len(accepted_ids(w)) >= 2, "the first lines of both logs")
        for writer in writers:
            writer.start()
        rng = random.Random(5)
        until = time.monotonic() + SECONDS
        follower_kills = server_kills = 0
        # As long as it takes, on a slow machine, for each of them to have happened.
        while time.monotonic() < until or not (follower_kills and server_kills and rotated(writers)):
            time.sleep(rng.uniform(0.1, 0.6))
            if rng.random() < 0.6:
                follower.kill()
                follower_kills += 1
                time.sleep(rng.uniform(0, 0.3))
                follower.start()
            if rng.random() < 0.25:
                w.server.kill()
                server_kills += 1
                start(w)
        for writer in writers:
            writer.stop()
        numbers = [n for writer in writers for n in writer.numbers()]
        exactly_once(w, numbers, "two rotated logs")
        print(f"      {len(numbers)} lines, {sum(x.rotations for x in writers)} rotations, {follower_kills} kills of the "
              f"follower, {server_kills} of the server")
        equal(follower.stop(), 0, f"exit code at SIGTERM ({follower.errors()})")


def test_it_waits_for_a_server_that_is_away():
    with world() as w:
        start(w)
        path = w.folder / "app.log"
        path.write_text(event(0) + "\n")
        follower = FollowerProcess(w, [path])
        exactly_once(w, [0], "the first line")
        w.server.stop()
        with open(path, "a") as log:
            log.write(event(1) + "\n")
        wait_for(lambda: "waiting for the server" in follower.errors(), "the follower's note")
        start(w)
        exactly_once(w, [0, 1], "after the server's return")
        equal(follower.stop(), 0, "exit code")


def follow_config(*paths):
    return "follow:\n" + "".join(f"  - path: {path}\n" for path in paths)


def test_a_server_that_follows_by_itself_loses_and_doubles_no_line_over_its_kills():
    with world() as w:
        w.upstream = 9
        renamed, copied = w.folder / "renamed.log", w.folder / "copied.log"
        # Without a store: what it seals at an orderly end has tests of its own.
        extra = follow_config(renamed, copied, w.folder / "not-there-yet.log") + "store: {enabled: false}\n"
        w.start_server(extra)
        writers = [Writer(renamed, 0, 1, copies=False), Writer(copied, 1_000_000, 2, copies=True)]
        wait_for(lambda: len(accepted_ids(w)) >= 2, "the first lines of both logs")
        for writer in writers:
            writer.start()
        rng = random.Random(6)
        until = time.monotonic() + SECONDS
        kills = 0
        while time.monotonic() < until or not (kills and rotated(writers)):
            time.sleep(rng.uniform(0.2, 1.0))
            if rng.random() < 0.5:
                w.server.kill()
                kills += 1
                w.start_server(extra)
        for writer in writers:
            writer.stop()
        (w.folder / "not-there-yet.log").write_text(event(2_000_000) + "\n{bad\n")
        numbers = [n for writer in writers for n in writer.numbers()] + [2_000_000]
        exactly_once(w, numbers, "two rotated logs and a late one")
        label = '{file="%s"}' % (w.folder / "not-there-yet.log")
        wait_for(lambda: w.series().get("sightglass_followed_rejected_total" + label) == 1, "the counted bad line")
        wait_for(lambda: w.series().get("sightglass_followed_lines_total" + label) == 1, "the counted good one")
        print(f"      {len(numbers)} lines, {sum(x.rotations for x in writers)} rotations, {kills} kills")
        # A plain stop and start sends nothing again either; an orderly end waits for no line.
        equal(w.server.stop(), 0, "the server's end")
        w.start_server(extra)
        with open(w.folder / "not-there-yet.log", "a") as log:
            log.write(event(2_000_001) + "\n")
        exactly_once(w, numbers + [2_000_001], "after an orderly restart")
        # The command goes on where the server stood: the marks are the same.
        equal(w.server.stop(), 0, "the server's end")
        w.start_server("store: {enabled: false}\n")
        done = w.command("ingest", "--json", w.folder / "not-there-yet.log")
        equal(json.loads(done.stdout)["accepted"], 0, "what the command sends of a followed file")


if __name__ == "__main__":
    run(test_lines_arrive_as_they_are_written_and_the_partial_one_waits,
        test_rotation_kills_and_restarts_cost_no_line_and_double_none, test_it_waits_for_a_server_that_is_away,
        test_a_server_that_follows_by_itself_loses_and_doubles_no_line_over_its_kills)
