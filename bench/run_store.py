#!/usr/bin/env python3
"""A history of months: what a request costs on disk, what sealing costs, and the ten questions that page and admin API
ask most, beside SQLite and PostgreSQL with the same rows.

Run by `./dev bench store`, or by itself from a bench build:
    python3 bench/run_store.py --build build/bench --events 5000000
    python3 bench/run_store.py --build build/bench --events 100000000 --folder /big/disk --peers none
A peer whose answer differs from ours ends the run with exit code 1.
"""
import argparse
import csv
import http.client
import itertools
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.parse

from run import cpu_by_thread, rss_mib, table

ROOT = pathlib.Path(__file__).resolve().parent.parent
DAY = 86_400
KEY = "bench-admin-key"
MEMORY_MIB = 128  # store.memory_limit: its default
POSTGRES = pathlib.Path("/usr/lib/postgresql/15/bin")
TEXT = {"event_type", "level", "outcome", "provider", "client", "model", "unpriced_reason", "request_id", "endpoint", "method",
        "model_requested", "model_upstream", "model_response", "key", "user_id", "error_type", "usage_state", "price_version",
        "service", "env", "route", "trace_id", "span_id"}
BOOL = {"terminal", "is_streaming"}
INDEXES = {"time": "event_time", "client": "client, event_time", "provider": "provider, event_time", "request": "request_id",
           "error": "error_type, event_time"}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def forget_files(folder):
    """Drops every file below from the page cache; what is not written yet is written first."""
    for path in pathlib.Path(folder).rglob("*"):
        if not path.is_file() or path.is_symlink():
            continue
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def size_of(folder):
    return sum(path.stat().st_size for path in pathlib.Path(folder).rglob("*") if path.is_file())


def quantile(values, q):
    values = sorted(values)
    return values[max(1, -(-len(values) * q // 100)) - 1]


# ---- the ten questions ---------------------------------------------------------------------------------
#
# Each: its name, our path, SQL for a peer (`pg` tells which), and what to compare of our answer.


def seconds(end, back):
    return {"start": end - back, "end": end}


def path_of(name, **parameters):
    return f"/admin/v1/{name}?{urllib.parse.urlencode(parameters)}"


def in_range(end, back):
    return f"event_time >= {(end - back) * 10**9} AND event_time < {end * 10**9}"


TOTALS = ("count(*), coalesce(sum(total_tokens), 0), coalesce(sum(cost_nanousd), 0), "
          "count(*) FILTER (WHERE outcome = 'ok'), count(*) FILTER (WHERE outcome = 'rejected'), "
          "coalesce(sum(latency_us) FILTER (WHERE outcome IN ('ok', 'error')), 0), "
          "count(latency_us) FILTER (WHERE outcome IN ('ok', 'error')), count(unpriced_reason)")


def totals_of_row(row):
    requests, tokens, cost, ok, rejected, latency, timed, unpriced = map(int, row[:8])
    rate = ok / (requests - rejected) if requests != rejected else 0
    return [requests, tokens, cost, round(rate, 6), round(latency / timed / 1000, 2) if timed else 0, unpriced]


def totals_of_answer(answer):
    rate = answer.get("success_rate", answer.get("overall_success_rate"))
    return [answer["total_requests"], answer["total_tokens"], round(answer["total_cost"] * 1e9), round(rate, 6),
            round(answer["avg_latency"], 2), answer["unpriced_requests"]]


def positions(answer):
    return [event["seq"] for event in answer["events"]]


def first_column(rows):
    return [int(row[0]) for row in rows]


def questions(end, client, prefix, middle):
    cost_by = lambda of, by, value: f"SELECT {by}, coalesce(sum(cost_nanousd), 0) FROM events WHERE {of} = '{value}' AND {in_range(end, DAY)} GROUP BY 1"
    totals = lambda where: f"SELECT {TOTALS} FROM events WHERE {where} AND {in_range(end, DAY)}"
    parts = lambda costs: sorted((name, round(cost * 1e9)) for name, cost in costs.items())
    # Ours gives the costs with the totals: the peers are asked both.
    of_one = lambda of, by, value, name: {
        "name": name, "path": path_of(f"metrics/{of}s/{value}", **seconds(end, DAY)),
        "sql": lambda pg: [totals(f"{of} = '{value}'"), cost_by(of, by, value)],
        "peer": lambda rows: [totals_of_row(rows[0][0]), sorted((row[0] or "unknown", int(row[1])) for row in rows[1])],
        "ours": lambda a: [totals_of_answer(a), parts(a[f"cost_by_{by}"])]}

    def p95(pg):
        where = f"{in_range(end, 7 * DAY)} AND latency_us IS NOT NULL"
        if pg:
            return [f"SELECT model, percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_us), count(*) FROM events WHERE {where} GROUP BY 1"]
        return [f"SELECT model, latency_us, n FROM (SELECT model, latency_us, row_number() OVER (PARTITION BY model ORDER BY latency_us) AS r, "
                f"count(*) OVER (PARTITION BY model) AS n FROM events WHERE {where}) WHERE r = (n * 95 + 99) / 100"]

    periods = f"count(*) FILTER (WHERE event_time >= {(end - DAY) * 10**9}), count(*) FILTER (WHERE event_time < {(end - DAY) * 10**9})"
    hour = 3600 * 10**9
    failed = {"start": end - 7 * DAY, "end": end, "filter": '{ $.outcome = "error" && $.model = "gpt-4o" }', "limit": 50, "before": middle}
    return [
        {"name": "totals of 24 h", "path": path_of("metrics/global", **seconds(end, DAY)),
         "sql": lambda pg: [f"SELECT {TOTALS}, count(DISTINCT client), count(DISTINCT provider) FROM events WHERE {in_range(end, DAY)}"],
         "peer": lambda rows: [totals_of_row(rows[0][0]), int(rows[0][0][8]), int(rows[0][0][9])],
         "ours": lambda a: [totals_of_answer(a), a["total_clients"], a["total_providers"]]},
        of_one("client", "provider", client, "one client, 24 h"),
        of_one("provider", "key", "anthropic", "one provider, 24 h"),
        {"name": "newest 100 events", "path": path_of("events", **seconds(end, DAY), limit=100),
         "sql": lambda pg: [f"SELECT * FROM events WHERE {in_range(end, DAY)} ORDER BY pos DESC LIMIT 100"],
         "peer": lambda rows: first_column(rows[0]), "ours": positions},
        {"name": "a page of 50 errors of a model, 7 d", "path": path_of("events", **failed),
         "sql": lambda pg: [f"SELECT * FROM events WHERE {in_range(end, 7 * DAY)} AND pos < {middle} AND outcome = 'error' "
                            "AND model = 'gpt-4o' ORDER BY pos DESC LIMIT 50"],
         "peer": lambda rows: first_column(rows[0]), "ours": positions},
        {"name": "one request by 10 of its digits", "path": f"/admin/v1/requests/{prefix}",
         "sql": lambda pg: [f"SELECT * FROM events WHERE request_id >= '{prefix}' AND request_id < '{prefix}~' ORDER BY pos"],
         "peer": lambda rows: first_column(rows[0]), "ours": positions},
        {"name": "latency and tokens by hour, 7 d", "path": path_of("metrics", **seconds(end, 7 * DAY), step=3600),
         "sql": lambda pg: [f"SELECT event_time / {hour}, sum(latency_us) FILTER (WHERE outcome IN ('ok', 'error')), "
                            "count(latency_us) FILTER (WHERE outcome IN ('ok', 'error')), coalesce(sum(total_tokens), 0) "
                            f"FROM events WHERE {in_range(end, 7 * DAY)} GROUP BY 1 ORDER BY 1"],
         "peer": lambda rows: [[[int(r[0]) * 3600, round(int(r[1]) / int(r[2]) / 1000, 2)] for r in rows[0] if int(r[2])],
                               [[int(r[0]) * 3600, int(r[3])] for r in rows[0]]],
         "ours": lambda a: [[[p["timestamp"], round(p["value"], 2)] for p in a["latency"]["points"]],
                            [[p["timestamp"], int(p["value"])] for p in a["tokens"]["points"]]]},
        {"name": "ten dearest clients, 30 d",
         "path": path_of("query", **seconds(end, 30 * DAY), group_by="client", stat="sum(cost_nanousd),count", limit=10),
         "sql": lambda pg: ["SELECT client, sum(cost_nanousd) AS cost, count(*) FROM events WHERE "
                            f"{in_range(end, 30 * DAY)} GROUP BY 1 ORDER BY cost DESC, client LIMIT 10"],
         "peer": lambda rows: [[r[0], int(r[1]), int(r[2])] for r in rows[0]], "ours": lambda a: a["rows"]},
        {"name": "p95 latency by model, 7 d", "near": 0.0101,
         "path": path_of("query", **seconds(end, 7 * DAY), group_by="model", stat="p95(latency_us),count"), "sql": p95,
         "peer": lambda rows: sorted([r[0], float(r[1]), int(r[2])] for r in rows[0]),
         "ours": lambda a: sorted([r[0], float(r[1]), r[2]] for r in a["rows"])},
        {"name": "errors by type, 24 h and the day before",
         "path": path_of("query", **seconds(end, DAY), group_by="error_type", stat="count", compare="previous", filter="{ $.error_type = * }"),
         "sql": lambda pg: [f"SELECT error_type, {periods} FROM events WHERE error_type IS NOT NULL AND {in_range(end, 2 * DAY)} GROUP BY 1"],
         "peer": lambda rows: sorted([r[0], int(r[1]), int(r[2])] for r in rows[0]),
         "ours": lambda a: sorted(r[:3] for r in a["rows"])},
    ]


def same(ours, peer, near):
    if isinstance(ours, (list, tuple)):
        return len(ours) == len(peer) and all(same(a, b, near) for a, b in zip(ours, peer))
    if isinstance(ours, float) or isinstance(peer, float):
        return abs(ours - peer) <= max(near * abs(peer), 0.011)
    return ours == peer


# ---- who is asked --------------------------------------------------------------------------------------


class Sightglass:
    name = "sightglass"

    def __init__(self, build, data, log):
        self.build, self.data, self.log = build, data, log
        self.port = free_port()
        self.config = data / "sightglass.yaml"
        self.config.write_text(f"""
listen: "127.0.0.1:{self.port}"
data: {data}
admin_key: {KEY}
workers: 1
keys: {{path: {data}/keyring}}
providers: []
logging: {{console: false}}
store: {{memory_limit: {MEMORY_MIB}MiB}}
""")
        self.process = None
        self.asked = itertools.count()

    def start(self):
        """The seconds until it answers."""
        began = time.monotonic()
        self.process = subprocess.Popen([self.build / "sightglass", "serve", "--config", self.config],
                                        stdout=subprocess.DEVNULL, stderr=self.log)
        while True:
            try:
                self.get("/health", None)
                return time.monotonic() - began
            except (ConnectionError, OSError):
                if self.process.poll() is not None or time.monotonic() - began > 120:
                    raise SystemExit("the server did not start; see its log") from None
                time.sleep(0.002)

    def get(self, path, key=KEY):
        # A hundred requests a minute are let in from one address, and all of 127/8 is this machine.
        address = f"127.0.{next(self.asked) // 80 % 250 + 1}.2"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60, source_address=(address, 0))
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        return (answer.status, json.loads(body) if body.startswith((b"{", b"[")) else body)

    def ask(self, question):
        began = time.monotonic()
        status, answer = self.get(question["path"])
        taken = time.monotonic() - began
        if status != 200:
            return taken, None, f"{status} {answer}"
        return taken, question["ours"](answer), None

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(120)
            self.process = None

    def forget(self):
        self.stop()
        forget_files(self.data)

    def again(self):
        self.start()

    def wait_for_indexes(self):
        """Housekeeping makes those of ids once the server is up; seconds of the server's CPU."""
        began = self.cpu_s()
        while len(list((self.data / "store/ids").glob("*.ids"))) < len(list((self.data / "store/parquet").glob("*.parquet"))):
            time.sleep(0.2)
        return self.cpu_s() - began

    def cpu_s(self):
        return sum(cpu_by_thread(self.process.pid).values())

    def bytes(self):
        return size_of(self.data / "store")


def columns_of(path):
    with open(path, newline="") as file:
        return next(csv.reader(file))


class Sqlite:
    name = "SQLite"

    def __init__(self, folder):
        folder.mkdir()
        self.folder, self.path, self.connection = folder, folder / "events.db", None
        self.failed = False

    def load(self, export):
        columns = columns_of(export)
        self.connect()
        db = self.connection
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL"):
            db.execute(f"PRAGMA {pragma}")
        kinds = ", ".join(f'"{c}" {"INTEGER PRIMARY KEY" if c == "pos" else "TEXT" if c in TEXT else "INTEGER"}' for c in columns)
        db.execute(f"CREATE TABLE events ({kinds})")
        flags = [i for i, c in enumerate(columns) if c in BOOL]

        def rows(file):
            for row in file:
                for i in flags:
                    row[i] = "1" if row[i] == "true" else "0" if row[i] else ""
                yield [value or None for value in row]

        with open(export, newline="") as file:
            reader = csv.reader(file)
            next(reader)
            db.executemany(f"INSERT INTO events VALUES ({','.join('?' * len(columns))})", rows(reader))
        db.commit()
        for name, on in INDEXES.items():
            db.execute(f"CREATE INDEX by_{name} ON events ({on})")
        db.execute("ANALYZE")
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def connect(self):
        self.connection = sqlite3.connect(self.path)
        self.connection.execute("PRAGMA cache_size = -131072")  # 128 MiB, as ours may use
        self.connection.execute("PRAGMA mmap_size = 0")

    def ask(self, question):
        began = time.monotonic()
        self.connection.set_progress_handler(lambda: time.monotonic() - began > 60, 100_000)
        try:
            rows = [self.connection.execute(sql).fetchall() for sql in question["sql"](False)]
        except sqlite3.OperationalError as error:
            return time.monotonic() - began, None, str(error)
        return time.monotonic() - began, question["peer"](rows), None

    def stop(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def forget(self):
        self.stop()
        forget_files(self.folder)

    def again(self):
        self.connect()

    def bytes(self):
        return size_of(self.folder)


class Postgres:
    name = "PostgreSQL"

    def __init__(self, folder):
        folder.mkdir(mode=0o755)
        self.folder, self.data, self.port = folder, folder / "data", free_port()
        self.server = self.client = None
        self.user = []
        if os.getuid() == 0:  # which it refuses to run as
            who = pwd.getpwnam("postgres")
            os.chown(folder, who.pw_uid, who.pw_gid)
            self.user = ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups"]
        subprocess.run([*self.user, POSTGRES / "initdb", "-D", self.data, "-A", "trust", "-U", "bench", "-E", "UTF8", "--locale=C"],
                       check=True, stdout=subprocess.DEVNULL, cwd=folder)
        self.log = open(folder / "log", "ab")

    def start(self):
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "shared_buffers": "128MB",
                    "work_mem": "64MB", "maintenance_work_mem": "128MB", "max_wal_size": "4GB", "statement_timeout": "60s"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self.server = subprocess.Popen([*self.user, POSTGRES / "postgres", "-D", self.data, *options],
                                       stdout=self.log, stderr=self.log, cwd=self.folder)
        began = time.monotonic()
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                if self.server.poll() is not None or time.monotonic() - began > 60:
                    raise SystemExit(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-400:]}") from None
                time.sleep(0.02)
        for _ in range(300):  # it answers before it is ready
            self.client = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-F", "\x1f", "-h", "127.0.0.1", "-p", str(self.port), "-U", "bench",
                                            "postgres"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            try:
                if self.run("SELECT 1") == [["1"]]:
                    return
            except BrokenPipeError:
                pass
            self.client.wait()
            time.sleep(0.1)
        raise SystemExit("PostgreSQL takes no connection")

    def run(self, sql):
        self.client.stdin.write(f"{sql};\n\\echo :end\n")
        self.client.stdin.flush()
        rows = []
        for line in self.client.stdout:
            if line == ":end\n":
                return rows
            rows.append(line.rstrip("\n").split("\x1f"))
        return None

    def load(self, export):
        self.start()
        columns = columns_of(export)
        kinds = ", ".join(f'"{c}" {"bigint PRIMARY KEY" if c == "pos" else "text" if c in TEXT else "boolean" if c in BOOL else "bigint"}'
                          for c in columns)
        for sql in (f"CREATE TABLE events ({kinds})", "SET statement_timeout = 0", f"\\copy events FROM '{export}' CSV HEADER",
                    *(f"CREATE INDEX by_{name} ON events ({on})" for name, on in INDEXES.items()), "VACUUM ANALYZE events", "CHECKPOINT"):
            if sql.startswith("\\"):
                self.client.stdin.write(sql + "\n")
                continue
            if said := self.run(sql):
                raise SystemExit(f"PostgreSQL: {said}")
        self.run("SET statement_timeout = '60s'")

    def ask(self, question):
        began = time.monotonic()
        rows = [self.run(sql) for sql in question["sql"](True)]
        taken = time.monotonic() - began
        if rows[0] and rows[0][0][0].startswith("ERROR"):
            return taken, None, rows[0][0][0]
        return taken, question["peer"](rows), None

    def stop(self):
        if self.client is not None:
            self.client.stdin.close()
            self.client.wait()
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)  # fast: open connections are ended
            self.server.wait(120)
        self.client = self.server = None

    def forget(self):
        self.stop()
        forget_files(self.data)

    def again(self):
        self.start()

    def bytes(self):
        return int(self.run("SELECT pg_total_relation_size('events')")[0][0])


# ---- measuring -----------------------------------------------------------------------------------------


def generate(build, data, options):
    command = [build / "bench/bench_history", data, "--packs", ROOT / "packs/gateway.yaml", "--events", options.events, "--seed", 1,
               "--days", options.days, "--end", options.end, *(["--trace-ids"] if options.trace_ids else [])]
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout)


def measure(system, asked, warm_rounds, times):
    """Each question cold, in a process of its own, then all warm by turns."""
    answers = {}
    for question in asked:
        system.forget()
        system.again()
        taken, answer, problem = system.ask(question)
        times.setdefault(question["name"], {})[system.name] = one = {"cold_s": taken, "warm_s": []}
        if problem:
            one["problem"] = problem
            print(f"  {system.name}: {question['name']}: {problem}", flush=True)
        answers[question["name"]] = answer
    if isinstance(system, Sightglass):
        # What the clock says is the neighbours' on a busy machine, the more as queries run at nice 10.
        for question in asked:
            before = system.cpu_s()
            for _ in range(5):
                system.ask(question)
            times[question["name"]][system.name]["cpu_s"] = (system.cpu_s() - before) / 5
    for round_number in range(warm_rounds + 1):
        for question in asked:
            one = times[question["name"]][system.name]
            if "problem" in one or sum(one["warm_s"]) > 30:
                continue
            taken, answer, problem = system.ask(question)
            if problem:  # it took too long, which is a time, too
                one["warm_s"].append(taken)
                print(f"  {system.name}: {question['name']}, warm: {problem}", flush=True)
            elif answer != answers[question["name"]]:
                raise SystemExit(f"{system.name} answers '{question['name']}' differently the second time")
            elif round_number > 0:
                one["warm_s"].append(taken)
    return answers


def compare(asked, ours, theirs, name):
    different = []
    for question in asked:
        a, b = ours[question["name"]], theirs[question["name"]]
        if a is not None and b is not None and not same(a, b, question.get("near", 0)):
            different.append(f"'{question['name']}': sightglass {str(a)[:400]}, {name} {str(b)[:400]}")
    for line in different:
        print(f"DIFFERENT {line}", file=sys.stderr)
    return not different


def milliseconds(one, q):
    if one is None or "problem" in one:
        return "–"
    value = one[f"{q}_s"] if q in ("cold", "cpu") else quantile(one["warm_s"], q) if one["warm_s"] else None
    return "–" if value is None else f"{value * 1000:,.0f}" if value >= 0.01 else f"{value * 1000:.1f}"


def sample_row(export, end):
    """A client with some requests, a request's first digits and a position in the middle of the last week."""
    def of_last_week(file):
        return (row for row in csv.DictReader(file) if int(row["event_time"]) >= (end - 7 * DAY) * 10**9)
    # Twice through the file rather than all of it in memory: it may have millions of rows.
    with open(export, newline="") as file:
        count = sum(1 for _ in of_last_week(file))
    with open(export, newline="") as file:
        one = next(itertools.islice(of_last_week(file), count // 2, None))
    return "client-1003", one["request_id"][:10], int(one["pos"])


def print_tables(figures, systems):
    made, events = figures["generated"], figures["generated"]["events"]
    per = lambda cpu: f"{made[cpu] / events * 1e6:.2f}"
    whole = made["append_cpu_s"] + made["seal_cpu_s"] + made["merge_cpu_s"]
    table(f"{events:,} requests over {made['days']} days into the store's files, one thread, by CPU time",
          ["", "CPU µs/row", "k rows/s"],
          [["appended to the tail", per("append_cpu_s"), f"{events / made['append_cpu_s'] / 1e3:,.0f}"],
           [f"sealed, roll-ups with them ({made['seals']:,} seals)", per("seal_cpu_s"), f"{events / made['seal_cpu_s'] / 1e3:,.0f}"],
           ["merged and expired", per("merge_cpu_s"), f"{events / max(made['merge_cpu_s'], 1e-9) / 1e3:,.0f}"],
           ["together", f"{whole / events * 1e6:.2f}", f"{events / whole / 1e3:,.0f}"]])
    rows = [["sightglass, rows as sealed", f"{made['sealed_bytes'] / events:.1f}", "–"],
            [f"sightglass, rows merged ({made['files']} files)", f"{made['bytes'] / events:.1f}", f"{events / made['wall_s'] / 1e3:,.0f}"],
            ["sightglass, roll-ups kept", f"{made['rollup_bytes'] / events:.1f}", "–"]]
    for name, one in figures["peers"].items():
        rows.append([f"{name}, with indexes", f"{one['bytes'] / events:.1f}", f"{events / one['load_s'] / 1e3:,.0f}"])
    table("On disk", ["", "bytes/event", "loaded, k rows/s by the clock"], rows)
    shown = [(system, q) for system in systems for q in ("cold", 50, 95, *(("cpu",) if system == Sightglass.name else ()))]
    short = {Sightglass.name: "ours", Postgres.name: "PG"}
    columns = [f"{short.get(system, system)} {q if isinstance(q, str) else f'p{q}'}" for system, q in shown]
    table("The ten questions, ms (cold: once, files not in memory, new process; then warm; PG: PostgreSQL; cpu: the server's)", ["", *columns],
          [[name, *(milliseconds(by.get(system), q) for system, q in shown)] for name, by in figures["questions"].items()])
    table("The server over it", ["", "", "target"],
          [["ready to serve, files not in memory, ms", f"{figures['ready_cold_s'] * 1000:,.0f}", "300"],
           ["ready to serve, ms (best of 5)", f"{min(figures['ready_s']) * 1000:,.0f}", "300"],
           ["ids indexed behind it, CPU µs/row", f"{figures['indexed_s'] * 1e6 / figures['generated']['events']:.2f}", "–"],
           [f"resident after the questions, MiB (engine's limit {MEMORY_MIB})", f"{figures['rss_mib']:,.0f}", "256"]])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/bench")
    parser.add_argument("--events", type=int, default=1_000_000, help="1,000,000: some ten minutes on a machine of 2 cores")
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--rounds", type=int, default=20, help="of warm questions")
    parser.add_argument("--peers", default="sqlite,postgres", help="'none': sightglass alone, as for 100,000,000 events")
    parser.add_argument("--folder", help="where everything is kept meanwhile; default: the folder for temporary files")
    parser.add_argument("--trace-ids", action="store_true", help="24 random bytes more in each event, as the gateway's have")
    parser.add_argument("--end", type=int, default=int(time.time()) // 3600 * 3600, help="Unix seconds; default: the full hour")
    parser.add_argument("--json", help="also write the figures to this file")
    options = parser.parse_args()
    build = (ROOT / options.build).resolve()
    subprocess.run(["ninja", "-C", build, "sightglass", "bench_history"], check=True, stdout=subprocess.DEVNULL)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sightglass-bench-", dir=options.folder))
    folder.chmod(0o755)  # PostgreSQL's user has to pass
    figures = {"load": os.getloadavg(), "peers": {}, "questions": {}}
    print(f"{options.events:,} events; the machine's load is {figures['load'][0]:.1f} on {os.cpu_count()} cores", flush=True)
    systems, good = [], True
    try:
        data = folder / "data"
        figures["generated"] = made = generate(build, data, options)
        with open(folder / "server.log", "wb") as log:
            ours = Sightglass(build, data, log)
            systems.append(ours)
            ours.forget()
            figures["ready_cold_s"] = ours.start()
            figures["ready_s"] = []
            for _ in range(5):
                ours.stop()
                figures["ready_s"].append(ours.start())
            figures["indexed_s"] = ours.wait_for_indexes()
            # Out of the files, so that nothing of it depends on who asks. The peers get all of it.
            export = folder / "export.csv"
            whole = "none" not in options.peers
            since = made["end"] - (options.days if whole else 7) * DAY
            subprocess.run([build / "sightglass", "export", "--data", data, "--start", str(since), "--format", "csv", "--output", export],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            asked = questions(made["end"], *sample_row(export, made["end"]))
            answers = measure(ours, asked, options.rounds, figures["questions"])
            figures["rss_mib"] = rss_mib(ours.process.pid)
            ours.stop()
            export.chmod(0o644)
            for name, make in (("sqlite", Sqlite), ("postgres", Postgres)):
                if name not in options.peers:
                    continue
                if name == "postgres" and not (POSTGRES / "initdb").exists():
                    print("  left out: PostgreSQL (postgresql-15 is not installed)", flush=True)
                    continue
                peer = make(folder / name)
                systems.append(peer)
                began = time.monotonic()
                peer.load(export)
                figures["peers"][peer.name] = {"load_s": time.monotonic() - began, "bytes": peer.bytes()}
                theirs = measure(peer, asked, options.rounds, figures["questions"])
                good = compare(asked, answers, theirs, peer.name) and good
                peer.stop()
        print_tables(figures, [system.name for system in systems])
    finally:
        for system in systems:
            system.stop()
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(figures, indent=1))
    if not good:
        sys.exit(1)


if __name__ == "__main__":
    main()
