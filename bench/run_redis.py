#!/usr/bin/env python3
"""What shared limits cost a request: one gateway with a limited client, without Redis and with it, in turn,
before the same mock provider. Open loop at a fixed rate; latency counts from when a request was due."""
import argparse
import json
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEY = "sg_bench000000000000000000"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_port(port):
    for _ in range(1500):
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.01)
    raise SystemExit(f"nothing answers on port {port}")


def gateway(binary, folder, upstream, redis):
    folder.mkdir()
    port, config = free_port(), folder / "sightglass.yaml"
    storage = f'storage: {{runtime: {{type: redis, addr: "127.0.0.1:{redis}", timeout: 1s}}}}' if redis else ""
    config.write_text(f"""
listen: "127.0.0.1:{port}"
data: {folder}/data
admin_key: bench-admin-key
workers: 1
keys: {{path: {folder}/keyring}}
providers:
  - {{id: openai, kind: openai, base_url: "http://127.0.0.1:{upstream}/v1", api_keys: ["sk-bench00000000000000000000"]}}
clients: [{{id: bench, key: {KEY}, limits: {{requests_per_minute: 1000000000, usd_per_day: 1000000}}}}]
limits: {{connections_per_address: 16384}}
store: {{enabled: false}}
logging: {{console: false}}
{storage}
""")
    process = subprocess.Popen([binary, "serve", "--config", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port)
    return process, port


def series(port):
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    return {k: float(v) for k, _, v in (line.rpartition(" ") for line in text.splitlines() if line and line[0] != "#")}


def script_us(port):
    """Redis' own count: microseconds of a call of the script."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(b"INFO commandstats\r\n")
        text = connection.recv(1 << 20).decode()
    return float(text.split("cmdstat_evalsha:")[1].split("usec_per_call=")[1].split(",")[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/bench")
    parser.add_argument("--binary", help="in place of the build's sightglass")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=int, default=500)
    options = parser.parse_args()
    build = ROOT / options.build
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sightglass-bench-"))
    redis_port, upstream = free_port(), free_port()
    running = [subprocess.Popen([build / "bench/bench_upstream", "--port", str(upstream), "--gap-us", "0"]),
               subprocess.Popen(["redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "",
                                 "--dir", folder], stdout=subprocess.DEVNULL)]
    try:
        wait_port(redis_port)
        wait_port(upstream)
        binary = options.binary or build / "sightglass"
        ports = {}
        for name, redis in (("limits without Redis", None), ("limits on Redis", redis_port)):
            process, ports[name] = gateway(binary, folder / name.replace(" ", "-"), upstream, redis)
            running.append(process)
        results = {name: [] for name in ports}
        for _ in range(options.rounds):
            for name, port in ports.items():
                done = subprocess.run([build / "bench/bench_load", "--port", str(port), "--connections", "16", "--seconds",
                                       str(options.seconds), "--rate", str(options.rate), "--header",
                                       f"Authorization: Bearer {KEY}"], capture_output=True, text=True, check=True)
                results[name].append(json.loads(done.stdout))
        print(f"\nFixed rate {options.rate}/s, 16 connections: the median of {options.rounds} rounds")
        for name, rounds in results.items():
            figures = {q: statistics.median(r[q] for r in rounds) for q in ("p50_us", "p99_us")}
            least = min(r["p99_us"] for r in rounds)
            errors = sum(r["errors"] for r in rounds)
            print(f"  {name:22} p50 {figures['p50_us']:8.0f} µs  p99 {figures['p99_us']:8.0f} µs  best p99 {least:8.0f} µs  errors {errors}")
        seen = series(ports["limits on Redis"])
        trips = {k: v for k, v in seen.items() if k.startswith("sightglass_redis_round_trips_total")}
        total = sum(trips.values())
        print(f"  round trips: {total:.0f}, mean {seen['sightglass_redis_round_trip_seconds_total'] / max(1, total) * 1e6:.0f} µs")
        for name, count in trips.items():
            print(f"    {name.split('took=')[1].strip('{}').strip(chr(34)):10} {100 * count / max(1, total):6.2f} %")
        print(f"  of it the script itself: {script_us(redis_port):.0f} µs a call")
        alone = sum(v for k, v in seen.items() if k.startswith("sightglass_redis_fallback_admissions_total"))
        print(f"  decided without Redis: {alone:.0f}")
    finally:
        for process in running:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
