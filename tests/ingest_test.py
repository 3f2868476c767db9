"""Ingest over HTTP on the whole program: the commands of docs/ingest.md as printed, and SIGKILL in the
middle of sources and event_ids, after which nothing acknowledged is lost and nothing is doubled."""
import collections
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "support"))
from harness import ADMIN_KEY, BINARY, PATIENCE_S, ROOT, Process, ask, check, equal, log_files, wait_for, whole_lines  # noqa: E402

KILLS = 5


class Server:
    def __init__(self, folder):
        self.folder = folder
        self.config = folder / "sightglass.yaml"
        self.config.write_text(f"""
listen: "127.0.0.1:0"
port_file: {folder}/port
data: {folder}/data
admin_key: {ADMIN_KEY}
keys: {{path: {folder}/keyring}}
ingest: {{rum_origins: ["https://app.example"]}}
logging: {{console: false, file: {{enabled: true, path: {folder}/logs/llm.log}}}}
""")
        self.start()

    def start(self):
        port = self.folder / "port"
        port.unlink(missing_ok=True)
        self.process = Process(self.folder, "server", [BINARY, "serve", "--config", self.config])
        self.port = int(wait_for(lambda: whole_lines(port), "the server")[0])

    def logged(self):
        events = []
        for path in log_files(self.folder / "logs"):
            if path.exists():
                for line in whole_lines(path):
                    event = json.loads(line)
                    if event.get("ingested"):
                        events.append(event)
        return events

    def reconcile(self):
        """What was taken before is then in the log, where its level puts it there."""
        done = subprocess.run([BINARY, "reconcile", "--data", self.folder / "data", "--timeout", str(PATIENCE_S)],
                              capture_output=True, text=True)
        equal(done.returncode, 0, f"the witnesses: {done.stdout}{done.stderr}")


def test_documented_commands(server):
    text = (ROOT / "docs/ingest.md").read_text()
    commands = re.findall(r"```sh\n(.*?)```", text, re.S)
    check(len(commands) >= 5, "the page has commands")
    answers = []
    for command in commands:
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True,
                              env={**os.environ, "URL": f"http://127.0.0.1:{server.port}"})
        equal(done.returncode, 0, command)
        answers.append(json.loads(done.stdout))
    equal([a.get("accepted") for a in answers], [1, 1, 1, 1, None], "accepted")
    equal(answers[1]["rejected"], [{"line": 2, "reason": "truncated_json"}], "the cut line")
    equal(answers[4], {"next": 34}, "the mark")
    beacon = b'{"service":"next","page":"/chat","webVitals":{"lcpMs":1600}}'
    for origin, status in (("https://app.example", 200), ("https://evil.example", 403)):
        got = ask(server.port, "POST", "/ingest/v1/rum", beacon,
                  {"Origin": origin, "Content-Type": "text/plain"})
        equal(got.status, status, f"a beacon from {origin}")


def send_until_dead(server, source, state):
    """Sends numbered lines by ranges, as a follower would; remembers what was acknowledged."""
    try:
        while True:
            number = state["line"]
            body = json.dumps({"event_type": "session_created", "session_id": f"{source}-{number}"})
            first = state["next"]
            end = first + len(body) + 1
            got = ask(server.port, "POST", "/ingest/v1/events", body,
                      {"x-sightglass-source": source, "x-sightglass-range": f"{first}-{end}"})
            if got.status in (429, 503):
                continue
            equal(got.status, 200, f"{source} {first}-{end}: {got.text}")
            equal(got.json()["next"], end, "the mark")
            state["line"], state["next"] = number + 1, end
    except (OSError, ValueError, http.client.HTTPException):
        return


def test_kills(server):
    sources = {f"s{i}": {"line": 0, "next": 0} for i in range(4)}
    ids_sent = 0
    server.reconcile()
    before = len(server.logged())
    for round_number in range(KILLS):
        threads = [threading.Thread(target=send_until_dead, args=(server, name, state))
                   for name, state in sources.items()]
        for thread in threads:
            thread.start()
        at_least = sum(s["line"] for s in sources.values()) + 40
        wait_for(lambda: sum(s["line"] for s in sources.values()) >= at_least, "lines to be taken")
        server.process.kill()
        for thread in threads:
            thread.join()
        server.start()
        # An id that was acknowledged before the kill, and the same again.
        body = json.dumps({"event_type": "session_marked_inactive", "event_id": f"id-{round_number}"})
        old = json.dumps({"event_type": "session_marked_inactive", "event_id": "id-0"})
        equal(ask(server.port, "POST", "/ingest/v1/events", body).json()["accepted"], 1, "a new id")
        equal(ask(server.port, "POST", "/ingest/v1/events", body + "\n" + old).json()["duplicates"], 2,
              "ids that are known")
        ids_sent += 1
        for name, state in sources.items():
            mark = ask(server.port, "GET", f"/ingest/v1/sources/{name}").json()["next"]
            check(mark >= state["next"], f"{name}: {state['next']} was acknowledged, {mark} is there")
            if mark > state["next"]:  # taken, but the answer was lost with the server
                state["line"], state["next"] = state["line"] + 1, mark
    lines = sum(s["line"] for s in sources.values())
    server.reconcile()  # ingested events leave the witnesses alone
    types = collections.Counter(e["event_type"] for e in server.logged()[before:])
    equal(types, {"session_created": lines, "session_marked_inactive": ids_sent}, "events in the log")
    positions = [e["seq"] for e in server.logged()]
    equal(len(set(positions)), len(positions), "positions are written once")
    found = collections.Counter()
    for name, value in re.findall(r"^sightglass_ingest_(\w+)(?:{[^}]*})? (\d+)$",
                                  ask(server.port, "GET", "/metrics").text, re.M):
        found[name] += int(value)
    check(found["accepted_total"] > 0, "something was accepted in this life")
    equal(found["lines_total"], found["accepted_total"] + found["rejected_total"] + found["duplicates_total"],
          "lines = accepted + rejected + duplicates")
    print(f"{lines} lines in {len(sources)} sources, {ids_sent} ids, {KILLS} kills: none lost, none doubled")


def main():
    with tempfile.TemporaryDirectory() as name:
        server = Server(pathlib.Path(name))
        try:
            test_documented_commands(server)
            test_kills(server)
            equal(server.process.stop(), 0, "a clean stop")
        finally:
            if server.process.running():
                server.process.kill()


if __name__ == "__main__":
    main()
