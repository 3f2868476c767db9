#!/usr/bin/env python3
"""Measures taking in log lines beside what else reads them, in one run, and prints tables of ratios.

1. Loops over whole lines on one core: cutting lines, bare simdjson (looking two fields up, and validating
   everything), our parsing, and everything up to the journal's payload with a hundred meters.
2. Whole programs over the same file on one core: mtail, jq, DuckDB, grep and the seed's own pipeline.
3. All the way to the durable store on two cores, beside a ClickHouse server that takes the same JSON.

Figures differ from run to run on a shared machine; the ratios within one run are what counts. A program that is not
installed is left out and named.

Example: bench/run_ingest.py --build build/bench --lines 1000000
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from run import cpu_by_thread, rss_mib, table, wait_port

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORE = "1"
PACKS = [ROOT / "packs" / f"{name}.yaml" for name in ("gateway", "coo-llm", "atlas", "coachup", "morpheus", "vandamme")]
HUNDRED = ROOT / "bench/packs/hundred.yaml"
WAYS = {"lines": "cutting lines", "ondemand": "simdjson On-Demand, two fields, not validating",
        "dom": "simdjson DOM, validating", "parse": "sightglass, parse", "record": "sightglass, parse + match + guard + encode"}


def forget(path):
    """Drops the file from the page cache."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def generate(build, folder, lines):
    files = {}
    for mix, name in (("0", "events-0.ndjson"), ("3", "events-3.ndjson"), ("metric", "activity.log")):
        files[mix] = folder / name
        with open(files[mix], "wb") as out:
            subprocess.run([build / "generate_events", str(lines), "1", "1755633600", "30", mix], stdout=out, check=True)
    return files


def loops(build, path, ways, rounds):
    packs = ",".join(map(str, [*PACKS, HUNDRED]))
    command = ["taskset", "-c", CORE, build / "bench/bench_lines", ",".join(ways), path, "--packs", packs, "--rounds", rounds]
    return json.loads(subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout)


def measure_loops(build, files, rounds, figures):
    for mix, path in files.items():
        ways = ["record"] if mix == "metric" else list(WAYS)
        warm = loops(build, path, ways, rounds)
        cold = {}
        for way in ways:
            forget(path)
            cold[way] = loops(build, path, [way], 1)
        figures[f"loops-{mix}"] = {"warm": warm, "cold": cold}
        base = warm["ways"].get("dom", {}).get("cpu_s")
        rows = []
        for way in ways:
            w, c = warm["ways"][way], cold[way]["ways"][way]
            rows.append([WAYS[way], f"{w['lines'] / w['cpu_s'] / 1e6:.2f}", f"{w['bytes'] / w['cpu_s'] / 1e6:,.0f}",
                         f"{w['cpu_s'] / w['lines'] * 1e6:.3f}", f"{base / w['cpu_s']:.0%}" if base else "–",
                         f"{c['lines'] / c['cpu_s'] / 1e6:.2f}", f"{cold[way]['rss_mib']:.0f}"])
        size = warm["ways"][ways[-1]]["bytes"] / warm["ways"][ways[-1]]["lines"]
        what = "[METRIC] lines" if mix == "metric" else f"JSON lines with {mix} identifiers"
        table(f"{what}, {size:.0f} bytes a line, {warm['meters']} meters, one core, by CPU time (cold: once, in a new process, the file not in memory)",
              ["", "M lines/s", "MB/s", "CPU µs/line", "of validating", "cold M lines/s", "MiB"], rows)


class Ran:
    def __init__(self, wall, cpu, rss_mib, out):
        self.wall, self.cpu, self.rss_mib, self.out = wall, cpu, rss_mib, out


def run_once(command, **options):
    """A program and its children from start to end."""
    began = time.monotonic()
    before = os.times()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **options)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - began
    after = os.times()
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    if process.returncode not in (0, 1):
        raise SystemExit(f"{command} ended with {process.returncode}")
    return Ran(wall, cpu, usage.ru_maxrss / 1024, out)


MTAIL = """counter events by event_type
/"event_type": ?"(?P<type>[^"]+)"/ {
  events[$type]++
}
"""


def tools(build, folder, files):
    """(name, file, part of its lines, command): each counts the events of each type, or what its name says."""
    events, metric = files["3"], files["metric"]
    (folder / "mtail").mkdir()
    (folder / "mtail/count.mtail").write_text(MTAIL)
    few = folder / "few.ndjson"
    with open(events, "rb") as source, open(few, "wb") as out:
        for _, line in zip(range(20_000), source):
            out.write(line)
    shell = lambda text: ["taskset", "-c", CORE, "sh", "-c", text]
    packs = ",".join(map(str, [*PACKS, HUNDRED]))
    columns = "{event_type: 'VARCHAR', model: 'VARCHAR', level: 'VARCHAR', service: 'VARCHAR', user_id: 'VARCHAR'}"
    sql = (f"SELECT count(*) FROM (SELECT event_type, model, count(*) FROM read_json('{events}', format = 'newline_delimited', "
           f"columns = {columns}) GROUP BY ALL)")
    return [
        ("sightglass, 100 meters", events, shell(f"{build}/bench/bench_lines record {events} --packs {packs}"), None),
        ("grep -c, one event, C locale", events, shell(f"LC_ALL=C grep -c '\"event_type\": \"stream_completed\"' {events}"), "grep"),
        ("grep -o | sort | uniq -c, C locale", events,
         shell(f"LC_ALL=C grep -o '\"event_type\": \"[^\"]*\"' {events} | LC_ALL=C sort | uniq -c"), "grep"),
        ("DuckDB read_json, 5 columns", events, ["taskset", "-c", CORE, str(build / "bench/bench_duckdb"), "1", sql], None),
        ("mtail, one meter", events, shell(f"mtail --one_shot --progs {folder}/mtail --logs {events}"), "mtail"),
        ("jq -r .event_type | sort | uniq -c", few, shell(f"jq -r '.event_type // empty' {few} | LC_ALL=C sort | uniq -c"), "jq"),
        ("sightglass, [METRIC] lines", metric, shell(f"{build}/bench/bench_lines record {metric} --packs {packs}"), None),
        ("the seed's grep | cut | sort | uniq -c", metric,
         shell(f"LC_ALL=C grep '\\[METRIC\\].*tool_call' {metric} | cut -d' ' -f2 | LC_ALL=C sort | uniq -c"), "grep"),
    ]


def count_lines(path):
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def measure_tools(build, folder, files, figures):
    rows, base = [], {}
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 + 1  # what a child counts before it is another program
    for name, path, command, needs in tools(build, folder, files):
        if needs and shutil.which(needs) is None:
            print(f"  left out: {name} ({needs} is not installed)", flush=True)
            continue
        lines, size = count_lines(path), path.stat().st_size
        forget(path)
        cold = run_once(command)
        warm = run_once(command)
        kind = "metric" if path == files["metric"] else "json"
        rate = lines / warm.cpu  # the clock would measure the neighbours on a shared machine
        base.setdefault(kind, rate)
        figures.setdefault("tools", {})[name] = {"lines": lines, "bytes": size, "wall_s": warm.wall, "cpu_s": warm.cpu,
                                                 "cold_cpu_s": cold.cpu, "rss_mib": warm.rss_mib}
        rows.append([name, f"{rate / 1e3:,.0f}", f"{size / warm.cpu / 1e6:,.0f}", f"{warm.cpu / lines * 1e6:.2f}",
                     f"{base[kind] / rate:.2f}×", f"{lines / cold.cpu / 1e3:,.0f}",
                     f"{lines / warm.wall / 1e3:,.0f}", f"{warm.rss_mib:,.0f}" if warm.rss_mib > own else f"< {own:,.0f}"])
    table("Whole programs on one core, start to end, the same files (jq: the first 20,000 lines), per second of CPU",
          ["", "k lines/s", "MB/s", "CPU µs/line", "ours is faster by", "cold k lines/s", "by the clock", "MiB"], rows)


# ---- all the way to the store ------------------------------------------------------------------------


class Server:
    def __init__(self, command, port, path, **options):
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
        wait_port(port, path, 60, self.process)

    def cpu(self):
        return sum(cpu_by_thread(self.process.pid).values())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def to_sightglass(build, folder, path):
    folder.mkdir()
    config = folder / "sightglass.yaml"
    config.write_text(f"""
listen: "127.0.0.1:9120"
data: {folder}/data
admin_key: bench-admin-key
workers: 1
keys: {{path: {folder}/keyring}}
providers: []
packs: [{HUNDRED}]
logging: {{console: false}}
""")
    server = Server([build / "sightglass", "serve", "--config", config], 9120, "/health")
    try:
        before, began = server.cpu(), time.monotonic()
        done = subprocess.run([str(build / "sightglass"), "ingest", str(path), "--data", f"{folder}/data", "--quiet"],
                              capture_output=True, text=True)
        taken = time.monotonic() - began
        if done.returncode != 0:
            raise SystemExit(f"sightglass ingest: {done.returncode} {done.stderr}")
        # It answers when every fold, the store among them, has passed what was taken.
        request = urllib.request.Request("http://127.0.0.1:9120/admin/v1/reconcile", data=b"", method="POST",
                                         headers={"Authorization": "Bearer bench-admin-key"})
        answer = json.load(urllib.request.urlopen(request, timeout=600))
        stored = time.monotonic() - began
        return {"taken_s": taken, "stored_s": stored, "cpu_s": server.cpu() - before, "rss_mib": rss_mib(server.process.pid),
                "reconciled": answer}
    finally:
        server.stop()


COLUMNS = ["timestamp String", "ts String", "level String", "logger String", "caller String", "event_type String", "service String",
           "env String", "route String", "method String", "span String", "provider String", "model String", "modelId String",
           "user_id String", "session_id String", "api_key_id String", "userIdHash String", "sessionIdHash String", "focusIdHash String",
           "request_id String", "requestId String", "latencyMs Float64", "tokensIn Int64", "tokensOut Int64", "costCents Float64",
           "chunk_count Int64", "total_chunks Int64", "input_tokens Int64", "status_code Int32", "error_type String"]


def to_clickhouse(folder, path):
    folder.mkdir()
    (folder / "config.xml").write_text(f"""<yandex>
<logger><level>error</level><log>{folder}/log</log><errorlog>{folder}/errors</errorlog></logger>
<http_port>9122</http_port><tcp_port>9121</tcp_port><listen_host>127.0.0.1</listen_host>
<path>{folder}/data/</path><tmp_path>{folder}/tmp/</tmp_path><user_files_path>{folder}/files/</user_files_path>
<users_config>{folder}/users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>5368709120</mark_cache_size></yandex>""")
    (folder / "users.xml").write_text("""<yandex><profiles><default/></profiles><quotas><default/></quotas>
<users><default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users></yandex>""")
    server = Server(["clickhouse-server", f"--config-file={folder}/config.xml"], 9122, "/", cwd=folder)
    client = ["clickhouse-client", "--port", "9121"]
    try:
        subprocess.run([*client, "--query", f"CREATE TABLE events ({', '.join(COLUMNS)}, day Date DEFAULT toDate('2025-08-19')) "
                        "ENGINE = MergeTree PARTITION BY day ORDER BY (event_type, service)"], check=True)
        before, began, children = server.cpu(), time.monotonic(), os.times()
        with open(path, "rb") as source:
            subprocess.run([*client, "--input_format_skip_unknown_fields=1", "--query", "INSERT INTO events FORMAT JSONEachRow"],
                           stdin=source, check=True)
        stored = time.monotonic() - began
        used = os.times()
        sender = used.children_user - children.children_user + used.children_system - children.children_system
        rows = subprocess.run([*client, "--query", "SELECT count() FROM events"], capture_output=True, text=True, check=True)
        return {"taken_s": stored, "stored_s": stored, "cpu_s": server.cpu() - before + sender, "rss_mib": rss_mib(server.process.pid),
                "rows": int(rows.stdout)}
    finally:
        server.stop()


def measure_store(build, folder, files, figures):
    path = files["3"]
    lines, size = count_lines(path), path.stat().st_size
    results = {"sightglass": to_sightglass(build, folder / "sightglass", path)}
    if shutil.which("clickhouse-server") and shutil.which("clickhouse-client"):
        results["ClickHouse"] = to_clickhouse(folder / "clickhouse", path)
        if results["ClickHouse"]["rows"] != lines:
            raise SystemExit(f"ClickHouse has {results['ClickHouse']['rows']} of {lines} rows")
    else:
        print("  left out: ClickHouse (clickhouse-server or clickhouse-client is not installed)", flush=True)
    figures["store"] = results
    base = results.get("ClickHouse", results["sightglass"])["stored_s"]
    table("To the durable store, two cores, JSON lines with 3 identifiers",
          ["", "acknowledged k lines/s", "stored k lines/s", "MB/s", "CPU µs/line", "of ClickHouse", "MiB"],
          [[name, f"{lines / r['taken_s'] / 1e3:,.0f}", f"{lines / r['stored_s'] / 1e3:,.0f}", f"{size / r['stored_s'] / 1e6:,.0f}",
            f"{r['cpu_s'] / lines * 1e6:.2f}", f"{base / r['stored_s']:.2f}×", f"{r['rss_mib']:,.0f}"] for name, r in results.items()])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/bench")
    parser.add_argument("--lines", type=int, default=200_000, help="of each file (200,000: about two minutes on a quiet machine)")
    parser.add_argument("--rounds", type=int, default=5, help="of the loops; the best counts")
    parser.add_argument("--json", help="also write the figures to this file")
    options = parser.parse_args()
    build = (ROOT / options.build).resolve()
    subprocess.run(["ninja", "-C", build, "sightglass", "generate_events", "bench_lines", "bench_duckdb"], check=True,
                   stdout=subprocess.DEVNULL)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sightglass-bench-"))
    figures = {"lines": options.lines, "load": os.getloadavg()}
    print(f"{options.lines:,} lines a file; the machine's load is {figures['load'][0]:.1f} on {os.cpu_count()} cores")
    try:
        files = generate(build, folder, options.lines)
        measure_loops(build, files, options.rounds, figures)
        measure_tools(build, folder, files, figures)
        measure_store(build, folder, files, figures)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
