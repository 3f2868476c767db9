#!/usr/bin/env python3
"""`sightglass ingest` against the real server: S1-B01 and the command's part of exactly-once. The witness is
the server's JSON log: each accepted event stands there once, with the request id that its line was given."""
import collections
import contextlib
import gzip
import http.server
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import BINARY, FULL, PATIENCE_S, check, equal, run, wait_for, world  # noqa: E402

INGEST_KEY = "sg_ingestkey000000000000000001"
EXTRA = "ingest: {keys: [%s]}\n" % INGEST_KEY


def start(w):
    w.upstream = w.upstream or 9  # nobody: these tests need no provider
    w.start_server(EXTRA)


def request_id(number):
    return f"{number:08x}-0000-4000-8000-000000000000"


def event(number, **fields):
    return json.dumps({"event_type": "llm_call", "request_id": request_id(number), "user": f"u{number % 7}@example.com",
                       "model": "gpt-4", "message_count": number % 9, **fields})


def accepted_ids(w):
    """How often each request id of ours stands in the log."""
    ids = (line.get("requestId") or line.get("request_id") for line in w.log_lines())
    return collections.Counter(i for i in ids if i and i.endswith("-0000-4000-8000-000000000000"))


def exactly_once(w, numbers, what):
    wanted = {request_id(n) for n in numbers}
    wait_for(lambda: len(accepted_ids(w)) >= len(wanted), f"the log of {what}")
    got = accepted_ids(w)
    doubled = [i for i, n in got.items() if n != 1]
    check(not doubled, f"{what}: {len(doubled)} lines more than once, such as {doubled[:3]}")
    equal(len(got), len(wanted), f"{what}: events")
    check(set(got) == wanted, f"{what}: other lines than were sent")


def ingest(w, *arguments, stdin=None, env=None):
    return subprocess.run([str(BINARY), "ingest", *map(str, arguments)], capture_output=True, text=True, timeout=900,
                          cwd=w.folder, input=stdin, env={**os.environ, **(env or {})})


def test_files_plain_and_packed_each_line_once():
    with world() as w:
        start(w)
        lines = [event(n) + "\n" for n in range(6000)]
        (w.folder / "a.log").write_text("".join(lines[:2000]))
        (w.folder / "b.log.gz").write_bytes(gzip.compress("".join(lines[2000:3000]).encode())
                                            + gzip.compress("".join(lines[3000:4000]).encode()))
        # Whatever its name says: what counts is what is in it.
        (w.folder / "c.log").write_bytes(gzip.compress("".join(lines[4000:]).encode()))
        done = ingest(w, "a.log", "b.log.gz", "c.log", "--json")
        equal(done.returncode, 0, f"exit code ({done.stderr})")
        said = json.loads(done.stdout)
        equal((said["accepted"], said["rejected"], said["bytes"]), (6000, 0, sum(map(len, lines))), "the summary")
        exactly_once(w, range(6000), "three files")
        again = ingest(w, "a.log", "b.log.gz", "c.log", "--json")
        equal((again.returncode, json.loads(again.stdout)["known_bytes"]), (0, sum(map(len, lines))), "a second run")
        (w.folder / "a.log").rename(w.folder / "renamed.log")
        with open(w.folder / "renamed.log", "a") as more:
            more.write(event(6000) + "\n")
        equal(json.loads(ingest(w, "renamed.log", "--json").stdout)["accepted"], 1, "of a renamed file that has grown")
        exactly_once(w, range(6001), "with the second run")


def test_rejections_are_named_by_line_and_reason():
    with world() as w:
        start(w)
        good = [event(n) for n in range(100)]
        lines = good[:2] + ["{bad", ""] + good[2:] + ["[1]"]
        (w.folder / "bad.log").write_text("\n".join(lines) + "\n")
        done = ingest(w, "bad.log", "--batch", "300", "--json")
        equal(done.returncode, 1, "exit code where lines are rejected")
        said = json.loads(done.stdout)
        equal((said["accepted"], said["rejected"]), (100, 2), "accepted and rejected")
        places = sorted(p["line"] for reason in said["reasons"].values() for p in reason["first"])
        equal(places, [3, 103], "line numbers, across batches")
        (w.folder / "bad2.log").write_text(event(100) + "\n{bad\n")
        table = ingest(w, "bad2.log")
        check("llm_call" in table.stdout or "_other" in table.stdout, f"the summary by type: {table.stdout}")
        check("bad2.log:2" in table.stdout, f"the first lines' places: {table.stdout}")


def test_activity_lines_and_mixed_text():
    with world() as w:
        start(w)
        (w.folder / "application.log").write_text(
            "starting up\n[METRIC] [user@example.com] llm_call model=gpt-4 message_count=5\n"
            "2026-01-28 10:00:00 INFO [METRIC] [unknown] error error_type=rate_limit prompt=CANARY_B01\n" + event(1) + "\n")
        done = ingest(w, "application.log", "--json")
        said = json.loads(done.stdout)
        equal((done.returncode, said["accepted"], said["rejected"]), (1, 3, 1), f"activity lines ({said})")
        w.admin("GET", "/metrics/active-requests")
        w.stop()
        for path in w.folder.rglob("*"):
            if path.is_file() and path.name not in ("application.log",):
                check(b"CANARY_B01" not in path.read_bytes(), f"the prompt stands in {path}")


def test_standard_input_is_known_by_its_content():
    with world() as w:
        start(w)
        text = "".join(event(n) + "\n" for n in range(50))
        equal(json.loads(ingest(w, "-", "--json", stdin=text).stdout)["accepted"], 50, "standard input")
        equal(json.loads(ingest(w, "-", "--json", stdin=text).stdout)["accepted"], 0, "the same again")
        more = text + event(50) + "\n"
        equal(json.loads(ingest(w, "-", "--json", "--source", "mine", stdin=text).stdout)["accepted"], 50, "under a name")
        equal(json.loads(ingest(w, "-", "--json", "--source", "mine", stdin=more).stdout)["accepted"], 1, "the name goes on")


def test_a_pipe_that_pauses_is_not_waited_for():
    with world() as w:
        start(w)
        child = subprocess.Popen([str(BINARY), "ingest", "-", "--quiet"], cwd=w.folder, stdin=subprocess.PIPE)
        child.stdin.write((event(0) + "\n" + event(1)[:30]).encode())
        child.stdin.flush()
        exactly_once(w, [0], "before the pipe's end")
        child.stdin.write((event(1)[30:] + "\n").encode())
        child.stdin.close()
        equal(child.wait(PATIENCE_S), 0, "exit code")
        exactly_once(w, [0, 1], "the whole pipe")


def test_by_url_with_a_key():
    with world() as w:
        start(w)
        (w.folder / "a.log").write_text("".join(event(n) + "\n" for n in range(10)))
        url = f"http://127.0.0.1:{w.port}"
        (w.folder / "key").write_text(INGEST_KEY + "\n")
        equal(ingest(w, "a.log", "--url", url, "--key-file", "key").returncode, 0, "with the key's file")
        equal(ingest(w, "a.log", "--url", url, env={"SIGHTGLASS_INGEST_KEY": INGEST_KEY}).returncode, 0, "with the variable")
        exactly_once(w, range(10), "by url")


class Scripted(http.server.BaseHTTPRequestHandler):
    """A server that gives the answers of a list, and keeps what it was asked."""
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        mark = self.command == "GET"
        status, fields, text = (200, {}, '{"next":0}') if mark else self.server.answers.pop(0)
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def scripted(*answers):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    server.answers, server.asked = list(answers), []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server, f"http://127.0.0.1:{server.server_address[1]}/below"
    finally:
        server.shutdown()
        server.server_close()


def test_the_contract_and_patience():
    taken = (200, {}, '{"accepted":1,"rejected":[],"rejected_total":0,"dropped_fields":0,"events":{"llm_call":1},"next":9}')
    with world() as w:
        line = event(1) + "\n"
        (w.folder / "a.log").write_text(line)
        with scripted((429, {"Retry-After": "1"}, "{}"), (503, {}, "{}"), taken) as (server, url):
            done = ingest(w, "a.log", "--url", url, "--json", env={"SIGHTGLASS_INGEST_KEY": INGEST_KEY})
            equal((done.returncode, json.loads(done.stdout)["accepted"]), (0, 1), "after 429 and 503")
            posts = [asked for asked in server.asked if asked[0] == "POST"]
            equal(len(posts), 3, "attempts")
            check(all(post == posts[0] for post in posts), "each attempt is the same")
            _, path, fields, body = posts[0]
            equal((path, body.decode()), ("/below/ingest/v1/events", line), "path and body")
            equal(fields["x-sightglass-range"], f"0-{len(line)}", "the range")
            equal(fields["Authorization"], f"Bearer {INGEST_KEY}", "the key")
            equal(server.asked[0][1], "/below/ingest/v1/sources/" + fields["x-sightglass-source"], "the mark's question")
            check(re.fullmatch(r"[A-Za-z0-9._:/-]{1,128}", fields["x-sightglass-source"]), fields["x-sightglass-source"])
        with scripted((401, {}, "{}")) as (server, url):
            (w.folder / "wrong").write_text("sg_wrongkey0000000000000000000\n")
            wrong = ingest(w, "a.log", "--url", url, "--key-file", "wrong")
            equal(wrong.returncode, 2, f"exit code with a wrong key ({wrong.stdout})")
            check("--key-file" in wrong.stderr, f"says what to do: {wrong.stderr}")
        with scripted((200, {}, "not JSON")) as (server, url):
            equal(ingest(w, "a.log", "--url", url).returncode, 2, "exit code for an answer that is none")
        with scripted(*[(503, {}, "{}")] * 100) as (server, url):
            equal(ingest(w, "a.log", "--url", url, "--wait", "1").returncode, 2, "exit code after the patience's end")
        with scripted(*[(429, {"Retry-After": "1"}, "{}")] * 3, taken) as (server, url):
            equal(ingest(w, "a.log", "--url", url, "--wait", "1").returncode, 0, "a busy server is waited for")
        half = event(2) + "\n"
        (w.folder / "two.log").write_text(half * 2000)
        with scripted((413, {}, "{}"), *[taken] * 100) as (server, url):
            equal(ingest(w, "two.log", "--url", url, "--batch", "128KiB").returncode, 0, "after 413")
            sizes = [len(asked[3]) for asked in server.asked if asked[0] == "POST"]
            check(sizes[0] > 64 << 10 >= max(sizes[1:]), f"smaller batches after 413: {sizes}")
        equal(ingest(w, "a.log", "--url", "ftp://nowhere").returncode, 2, "exit code for a wrong URL")


def test_what_cannot_be_sent():
    with world() as w:
        nobody = ingest(w, "a.log", "--data", "nowhere", "--wait", "1")
        equal(nobody.returncode, 2, "exit code for a missing file")
        start(w)
        (w.folder / "a.log").write_text(event(1) + "\n")
        (w.folder / "array.json").write_text("[" + event(2) + ",\n" + event(3) + "]\n")
        packed = gzip.compress("".join(event(n) + "\n" for n in range(10, 5000)).encode())
        (w.folder / "cut.log.gz").write_bytes(packed[:len(packed) // 2])
        nobody = ingest(w, "a.log", "--data", "nowhere", "--wait", "1")
        equal(nobody.returncode, 2, "exit code without a server")
        check("is it running" in nobody.stderr, nobody.stderr)
        some = ingest(w, "missing.log", "array.json", "cut.log.gz", "a.log", "--json")
        equal(some.returncode, 2, "exit code where some could not be sent")
        for word in ("missing.log", "jq -c", "cut short"):
            check(word in some.stderr, f"{word} in: {some.stderr}")
        check(json.loads(some.stdout)["accepted"] > 100, f"what could be read was sent: {some.stdout}")
        equal(ingest(w, "a.log", "--format", "xml").returncode, 2, "exit code for a wrong option")


def test_killed_at_random_moments_and_run_again():
    rng = random.Random(7)
    total = 60_000
    with world() as w:
        start(w)
        path = w.folder / "big.log"
        path.write_text("".join(event(n) + "\n" for n in range(total)))
        kills = 0
        for _ in range(40 if FULL else 8):
            child = subprocess.Popen([str(BINARY), "ingest", str(path), "--batch", "20000", "--json"], cwd=w.folder,
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            time.sleep(rng.uniform(0.005, 0.12))
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
                kills += 1
            child.communicate()
        check(kills > 0, "no run was killed")
        last = ingest(w, path, "--json")
        equal(last.returncode, 0, f"the last run: {last.stderr}")
        exactly_once(w, range(total), f"{kills} kills of the sender")


def test_the_server_is_killed_and_restarted_meanwhile():
    total = 80_000
    with world() as w:
        start(w)
        path = w.folder / "big.log"
        path.write_text("".join(event(n) + "\n" for n in range(total)))
        result = {}
        thread = threading.Thread(target=lambda: result.update(done=ingest(w, path, "--batch", "20000", "--json")))
        thread.start()
        kills = 0
        rng = random.Random(3)
        while thread.is_alive() and kills < (10 if FULL else 3):
            time.sleep(rng.uniform(0.05, 0.3))
            if not thread.is_alive():
                break
            w.server.kill()
            kills += 1
            start(w)
        thread.join()
        check(kills > 0, "the server was never killed")
        equal(result["done"].returncode, 0, f"exit code ({result['done'].stderr})")
        exactly_once(w, range(total), f"{kills} kills of the server")


if __name__ == "__main__":
    run(test_files_plain_and_packed_each_line_once, test_rejections_are_named_by_line_and_reason,
        test_activity_lines_and_mixed_text, test_standard_input_is_known_by_its_content,
        test_a_pipe_that_pauses_is_not_waited_for, test_by_url_with_a_key,
        test_the_contract_and_patience, test_what_cannot_be_sent, test_killed_at_random_moments_and_run_again,
        test_the_server_is_killed_and_restarted_meanwhile)
