"""Short measurements of the real engines, for the parameters that no rule gives: how long Debian's ClickHouse takes for a
block and how fast it merges, and how long Redis takes for one question of a client that N gateways serve. Servers are
started on loopback in a folder of their own and ended afterwards."""
import base64
import collections
import gzip
import http.server
import itertools
import json
import os
import pathlib
import random
import statistics
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
os.environ.setdefault("SIGHTGLASS_BIN", str(ROOT / "build/release/sightglass"))
from run import FIRST_WAIT_S, MOST_WAIT_S  # noqa: E402
from support.clickhouse import PASSWORD, ClickHouse, Cluster  # noqa: E402
from support.engines import free_port  # noqa: E402
from support.harness import Process, world  # noqa: E402
from support.redis import Redis  # noqa: E402

BLOCKS = (10, 1_000, 10_000)
FILLED = {  # as a request of a chat fills them; what is not named stays NULL
    "event_type": "'llm_request'", "level": "'INFO'", "terminal": "toUInt8(1)",
    "request_id": "hex(sipHash128(toString(number)))", "endpoint": "'chat.completions'", "provider": "'openai'", "client": "'app-7'",
    "key": "'openai-0123456789abcdef'", "model": "'gpt-4o-mini'", "model_requested": "'gpt-4o-mini'",
    "model_upstream": "'gpt-4o-mini'", "user_id": "hex(sipHash128(toString(number % 997)))",
    "session_id": "hex(sipHash128(toString(number % 4099)))", "outcome": "'ok'", "usage_state": "'complete'", "status_code": "toInt64(200)",
    "input_tokens": "toInt64(number % 3000)", "output_tokens": "toInt64(number % 700)", "cost_nanousd": "toInt64(number * 37 % 900000)",
    "latency_us": "toInt64(number * 7919 % 9000000)"}


def rows(server, gateway, first, count):
    """A block's bytes and the columns they are of."""
    columns = [row[0] for row in server.query("SELECT name FROM system.columns WHERE database = 'sightglass' AND table = 'events'")]
    kinds = dict(server.query("SELECT name, type FROM system.columns WHERE database = 'sightglass' AND table = 'events'"))
    now = int(time.time())
    values = {"gateway": f"'{gateway}'", "pos": f"number + {first}", "accept_date": f"toDate(toDateTime({now}))",
              "accept_time_ns": f"toInt64({now} * 1000000000 + number)", "event_time": f"toDateTime({now})",
              "event_time_ns": f"toInt64({now} * 1000000000 + number)", **FILLED}
    picked = [f"CAST({values[c]} AS {kinds[c]})" if c in values else f"CAST({'[]' if kinds[c].startswith('Array') else 'NULL'} AS {kinds[c]})"
              for c in columns]
    sql = f"SELECT {', '.join(picked)} FROM system.numbers LIMIT {count} FORMAT RowBinary"
    return columns, post(server, sql.encode())


def post(server, body, **settings):
    credentials = base64.b64encode(f"default:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    if "query" in settings:
        headers["Content-Encoding"] = "gzip"
    request = urllib.request.Request(f"{server.url}/?{urllib.parse.urlencode(settings)}", body, headers)
    return urllib.request.urlopen(request, timeout=120).read()


def insert_seconds(server, rounds, **settings):
    """{rows in a block: (median seconds, bytes a row)}."""
    out, first = {}, 1
    for count in BLOCKS:
        taken = []
        for _ in range(rounds):
            columns, block = rows(server, "measure", first, count)
            packed = gzip.compress(block, 1)
            first += count
            began = time.monotonic()
            post(server, packed, query=f"INSERT INTO sightglass.events ({','.join(columns)}) FORMAT RowBinary", **settings)
            taken.append(time.monotonic() - began)
        out[count] = (statistics.median(taken), len(block) / count)
    return out


def ask_seconds(server, rounds):
    """What a gateway asks in doubt: the columns, the schema's version, what is there of a block."""
    taken = []
    for _ in range(rounds):
        began = time.monotonic()
        server.query("SELECT version(), listed FROM (SELECT arrayStringConcat(groupArray(concat(name, ' ', type)), ',') AS listed "
                     "FROM system.columns WHERE database = 'sightglass' AND table = 'events')")
        server.query("SELECT toString(max(version)) FROM sightglass.schema_version")
        server.query("SELECT toString(max(pos)), toString(countIf(pos <= 9)), toString(sumIf(accept_time_ns % 1000000007, pos <= 9)), "
                     "(SELECT toString(count()) FROM system.processes WHERE startsWith(query_id, 'sightglass-measure-')) "
                     "FROM sightglass.events WHERE gateway = 'measure' AND pos >= 1")
        taken.append(time.monotonic() - began)
    return statistics.median(taken)


def merge_rows_per_second(server, parts=20, count=50_000):
    """(rows merged a second, bytes a row on disk): parts that were written while merges stood still become one."""
    server.query("TRUNCATE TABLE sightglass.events")
    server.query("SYSTEM STOP MERGES")
    for part in range(parts):
        columns, block = rows(server, "merged", 1 + part * count, count)
        post(server, gzip.compress(block, 1), query=f"INSERT INTO sightglass.events ({','.join(columns)}) FORMAT RowBinary")
    active = "FROM system.parts WHERE table = 'events' AND active"
    if int(server.query(f"SELECT toString(count()) {active}")[0][0]) != parts:
        raise SystemExit("measure: ClickHouse merged although it was told not to; nothing can be said of its speed")
    server.query("SYSTEM START MERGES")
    began = time.monotonic()
    while int(server.query(f"SELECT toString(count()) {active}")[0][0]) > 1:
        server.query("OPTIMIZE TABLE sightglass.events FINAL")
    took = time.monotonic() - began
    size = int(server.query(f"SELECT toString(sum(bytes)) {active}")[0][0])
    return parts * count / took, size / (parts * count)


def resident_mib(process):
    status = pathlib.Path(f"/proc/{process.child.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def clickhouse(rounds):
    with tempfile.TemporaryDirectory(prefix="sightglass-measure-") as folder:
        folder = pathlib.Path(folder)
        single = ClickHouse(folder)
        cluster = Cluster(folder, shards=1)
        try:
            single.start()
            single.create()
            plain = insert_seconds(single, rounds)
            asked = ask_seconds(single, rounds)
            merged, disk = merge_rows_per_second(single)
            resident = resident_mib(single.process)
            single.kill()
            cluster.start()
            quorum = insert_seconds(cluster.shards[0][0], rounds, insert_quorum=2, insert_quorum_timeout=15_000)
        finally:
            cluster.stop()
            if single.process and single.process.running():
                single.kill()
    return {"ask_ms": round(1e3 * asked, 1), "server_mib": round(resident), "insert_ms": {n: round(1e3 * t, 1) for n, (t, _) in plain.items()},
            "insert_quorum_ms": {n: round(1e3 * t, 1) for n, (t, _) in quorum.items()},
            "made_up_bytes_per_row": round(plain[BLOCKS[-1]][1]), "merged_rows_per_s": round(merged), "disk_bytes_per_row": round(disk)}


def contention(gateways=40, age_s=5.0, count=40, seconds=90):
    """What the simulation says of a shard's quorum, tried: so many writers, each with a block every `age_s`, sent again after a
    failure as a gateway does. Blocks and refusals a second, and how late blocks are."""
    with tempfile.TemporaryDirectory(prefix="sightglass-measure-") as folder:
        cluster = Cluster(pathlib.Path(folder), shards=1)
        try:
            cluster.start()
            replicas = cluster.shards[0]
            columns, pattern = rows(replicas[0], "gw000000", 1, count)
            numbers, late, refused = itertools.count(), [], []
            until = time.monotonic() + seconds

            def writer(chance):
                time.sleep(chance.random() * age_s)
                at = 0
                while time.monotonic() < until:
                    block = gzip.compress(pattern.replace(b"gw000000", b"gw%06d" % next(numbers)), 1)
                    due, failures = time.monotonic(), 0
                    while time.monotonic() < until:
                        try:
                            post(replicas[at], block, query=f"INSERT INTO sightglass.events ({','.join(columns)}) FORMAT RowBinary",
                                 insert_quorum=2, insert_quorum_timeout=15_000)
                            late.append(time.monotonic() - due)
                            break
                        except urllib.error.HTTPError as error:
                            refused.append(error.read()[:10].decode(errors="replace"))
                        at = 1 - at
                        time.sleep(min(MOST_WAIT_S, FIRST_WAIT_S * 2 ** failures) * chance.uniform(0.5, 1))
                        failures += 1
                    time.sleep(age_s)
            threads = [threading.Thread(target=writer, args=(random.Random(i),)) for i in range(gateways)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            cluster.stop()
    ordered = sorted(late)
    return {"gateways": gateways, "blocks_per_s": round(len(late) / seconds, 1), "refused": round(len(refused) / (len(late) + len(refused)), 3),
            "late_p50_s": round(ordered[len(ordered) // 2], 2), "late_p99_s": round(ordered[int(len(ordered) * 0.99)], 1),
            "codes": dict(collections.Counter(refused))}


CLIENT = """
  - id: shared
    key: sg_measure_shared_client_000000001
    limits: {LIMITS}
"""
MINUTES = "requests_per_minute: 1000000, tokens_per_minute: 100000000, usd_per_day: 100000"
MONEY = "usd_per_day: 100000"


def redis_script(gateways, requests, limits=MINUTES):
    """Microseconds of one question where so many other gateways have said something of that client lately."""
    with world() as w:
        server = Redis(w.folder, "--save", "")
        try:
            w.start_simulator()
            original = w.config

            def config(more=""):
                path = original(more)
                client = CLIENT.rstrip().replace("LIMITS", limits)
                path.write_text(path.read_text().replace("\nlogging:", client + "\nlogging:", 1))
                return path
            w.config = config
            w.start_server(f'storage: {{runtime: {{type: "redis", addr: "localhost:{server.port}", timeout: 1s}}}}\nworkers: 1\n')
            now = int(time.time())
            day = now // 86400
            minute = " ".join(f"{now - s}=5" for s in range(60))
            base = "sightglass:limits:{shared}:"
            memory = used_memory(server)
            for i in range(gateways - 1):
                name = f"{i:032x}"
                server.say("HSET", base + "open", name, f"9 {now * 1000} 2 4000 90000")
                if limits is MINUTES:
                    server.say("HSET", base + "requests", name, minute)
                    server.say("HSET", base + "tokens", name, minute)
                server.say("HSET", base + f"usd-day:{day}", name, "123456789")
            memory = used_memory(server) - memory
            server.say("CONFIG", "RESETSTAT")
            chats(w, requests)
            stats = server.say("INFO", "commandstats").decode()
            us = float(stats.split("cmdstat_evalsha:")[1].split("usec_per_call=")[1].split(",")[0])
            w.stop()
        finally:
            server.kill()
    return us, memory / max(1, gateways - 1)


def used_memory(server):
    return int(server.say("INFO", "memory").decode().split("used_memory:")[1].split()[0])


def chats(w, count, models=("gpt-4o",)):
    for i in range(count):
        body = {"model": models[i % len(models)], "messages": [{"role": "user", "content": "hello"}]}
        w.ask("POST", "/v1/chat/completions", json.dumps(body).encode(),
              {"Authorization": "Bearer sg_measure_shared_client_000000001", "Content-Type": "application/json"})


def gateway(requests=400):
    """Of one gateway: bytes of journal a request, and series and bytes of a scrape with one model and with four."""
    out = {}
    with world() as w:
        w.start_simulator()
        original = w.config

        def config(more=""):
            path = original(more)
            path.write_text(path.read_text().replace("\nlogging:", CLIENT.rstrip().replace("LIMITS", MONEY) + "\nlogging:", 1))
            return path
        w.config = config
        w.start_server("workers: 1\n")
        for models in (("gpt-4o",), ("gpt-4o", "gpt-4o-mini", "gpt-4", "gpt-3.5-turbo")):
            chats(w, requests, models)
            time.sleep(1)
            text = w.ask("GET", "/metrics").text
            series = sum(1 for line in text.splitlines() if line and not line.startswith("#"))
            out[f"models_{len(models)}"] = {"series": series, "scrape_bytes": len(text)}
        out["journal_bytes_per_request"] = round(sum(f.stat().st_size for f in (w.folder / "data/journal").rglob("*") if f.is_file())
                                                 / (2 * requests))
        out["resident_mib"] = round(resident_mib(w.server))
        out["prometheus"] = prometheus(text)
        w.stop()
    return out


class Scraped(http.server.BaseHTTPRequestHandler):
    text = b""

    def do_GET(self):  # noqa: N802
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(self.text)))
        self.end_headers()
        self.wfile.write(self.text)

    def log_message(self, *arguments):
        pass


def prometheus(text, gateways=100, seconds=60):
    """Resident memory that Debian's Prometheus has more for each series, of so many gateways that all say this text."""
    Scraped.text = text.encode()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scraped)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    resident = []
    with tempfile.TemporaryDirectory(prefix="sightglass-measure-") as folder:
        folder = pathlib.Path(folder)
        for count in (0, gateways):
            # One listener under many names: the label `gateway` makes them different.
            targets = "".join(f"\n  - targets: ['127.0.0.1:{server.server_port}']\n    labels: {{gateway: 'gw-{i}'}}" for i in range(count))
            (folder / "prometheus.yml").write_text("global: {scrape_interval: 5s}\nscrape_configs:\n- job_name: coo-llm\n"
                                                   f"  static_configs: {targets or '[]'}\n")
            process = Process(folder, f"prometheus-{count}", [
                "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data-{count}",
                f"--web.listen-address=127.0.0.1:{free_port()}"])
            try:
                time.sleep(seconds if count else seconds / 6)
                resident.append(resident_mib(process))
            finally:
                process.kill()
    server.shutdown()
    series = gateways * sum(1 for line in text.splitlines() if line and not line.startswith("#"))
    return {"series": series, "resident_mib": round(resident[1]), "empty_mib": round(resident[0]),
            "kib_per_series": round((resident[1] - resident[0]) * 1024 / series, 1)}


def measure(rounds):
    """Prints JSON, one engine after the other."""
    print(json.dumps({"gateway": gateway()}, indent=1), flush=True)
    print(json.dumps({"clickhouse": clickhouse(rounds)}, indent=1), flush=True)
    print(json.dumps({"quorum": [contention(n) for n in (10, 40)]}, indent=1), flush=True)
    for name, limits in (("requests, tokens and money", MINUTES), ("money alone", MONEY)):
        script = {n: redis_script(n, 60, limits) for n in (1, 10, 100, 1_000)}
        print(json.dumps({f"redis, limits on {name}": {
            "script_us": {n: round(us) for n, (us, _) in script.items()},
            "bytes_per_gateway_and_client": round(script[1_000][1])}}, indent=1), flush=True)
