"""A real Prometheus and a real Alertmanager on loopback, and PromQL's arithmetic once more in Python, so that
an answer can be recomputed from the very samples that Prometheus holds."""
import contextlib
import json
import math
import os
import pathlib
import re
import subprocess
import urllib.parse

from support.harness import Process, ask, check, wait_for

DEPLOY = pathlib.Path(__file__).resolve().parent.parent.parent / "deploy"
GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden/administration"


def tool(*arguments, **more):
    """promtool or amtool; its output on failure is the message."""
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=600, **more)
    check(done.returncode == 0, f"{' '.join(map(str, arguments))}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


class Prometheus:
    def __init__(self, folder, config):
        path = folder / "prometheus.yml"
        path.write_text(config)
        self.process = Process(folder, "prometheus", [
            "prometheus", f"--config.file={path}", f"--storage.tsdb.path={folder}/prometheus",
            "--web.listen-address=127.0.0.1:0", "--log.level=info"])
        self.port = wait_for(lambda: port_of(self.process), "Prometheus' port")
        wait_for(self._ready, "Prometheus to be ready")

    def _ready(self):
        try:
            return ask(self.port, "GET", "/-/ready").status == 200
        except OSError:
            return False

    def get(self, path, **parameters):
        answer = ask(self.port, "GET", f"{path}?{urllib.parse.urlencode(parameters)}").json()
        check(answer["status"] == "success", f"{path} {parameters}: {answer}")
        return answer["data"]

    def query(self, expression, at):
        return self.get("/api/v1/query", query=expression, time=f"{at:.3f}")["result"]

    def vector(self, expression, at):
        """An instant vector as {labels: value}."""
        return {labels_of(row["metric"]): float(row["value"][1]) for row in self.query(expression, at)}

    def samples(self, selector, window, at):
        """The raw samples of a window: {labels: [(milliseconds, value)]}."""
        return {labels_of(row["metric"]): [(round(t * 1000), float(v)) for t, v in row["values"]]
                for row in self.query(f"{selector}[{window}]", at)}

    def stop(self):
        self.process.stop()


def port_of(process):
    """The TCP port on which a process listens, by proc(5): servers that are told port 0 do not all say it."""
    check(process.running(), f"{process.name} ended\n{process.errors()}")
    inodes = set()
    for fd in pathlib.Path(f"/proc/{process.child.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(fd))
            inodes |= {match.group(1)} if match else set()
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and columns[9] in inodes:  # listens
                return int(columns[1].rpartition(":")[2], 16)
    return None


def labels_of(metric, without=()):
    return tuple(sorted((k, v) for k, v in metric.items() if k not in without))


def drop(labels, *names):
    return tuple((k, v) for k, v in labels if k not in names)


def only(labels, *names):
    return tuple((k, v) for k, v in labels if k in names)


class Alertmanager:
    def __init__(self, folder, config):
        path = folder / "alertmanager.yml"
        path.write_text(config)
        self.process = Process(folder, "alertmanager", [
            "prometheus-alertmanager", f"--config.file={path}", f"--storage.path={folder}/alertmanager",
            "--web.listen-address=127.0.0.1:0", "--cluster.listen-address="])
        self.port = wait_for(lambda: port_of(self.process), "Alertmanager's port")

    def stop(self):
        self.process.stop()


# ---- PromQL of Prometheus 2.42 (promql/functions.go, quantile.go), written down once more ---------

def rate(samples, window_s, at_ms):
    """rate() of one counter's samples in (at - window, at], extrapolated; None below two samples."""
    if len(samples) < 2:
        return None
    first_t, first_v = samples[0]
    last_t, last_v = samples[-1]
    increase = last_v - first_v
    for (_, before), (_, after) in zip(samples, samples[1:]):
        if after < before:
            increase += before  # a reset
    to_start = (first_t - (at_ms - window_s * 1000)) / 1000
    to_end = (at_ms - last_t) / 1000
    sampled = (last_t - first_t) / 1000
    average = sampled / (len(samples) - 1)
    if increase > 0 and first_v >= 0:
        to_start = min(to_start, sampled * (first_v / increase))  # no counter begins below 0
    threshold = average * 1.1
    covered = sampled
    covered += to_start if to_start < threshold else average / 2
    covered += to_end if to_end < threshold else average / 2
    return increase * (covered / sampled / window_s)


def rates(samples, window_s, at_ms):
    """rate() of each series; the name is dropped."""
    every = {drop(labels, "__name__"): rate(points, window_s, at_ms) for labels, points in samples.items()}
    return {labels: value for labels, value in every.items() if value is not None}


def quantile(q, buckets):
    """histogram_quantile() of [(upper bound, cumulative value)]."""
    buckets = sorted(buckets)
    highest = 0.0
    for i, (bound, count) in enumerate(buckets):
        highest = max(highest, count)
        buckets[i] = (bound, highest)
    observations = buckets[-1][1]
    if len(buckets) < 2 or not math.isinf(buckets[-1][0]) or observations == 0:
        return math.nan
    rank = q * observations
    b = next((i for i in range(len(buckets) - 1) if buckets[i][1] >= rank), len(buckets) - 1)
    if b == len(buckets) - 1:
        return buckets[-2][0]
    start, count = 0.0, buckets[b][1]
    if b > 0:
        start, count, rank = buckets[b - 1][0], count - buckets[b - 1][1], rank - buckets[b - 1][1]
    return start + (buckets[b][0] - start) * (rank / count)


def quantiles(q, bucket_rates):
    by_series = {}
    for labels, value in bucket_rates.items():
        bound = float(dict(labels)["le"].replace("+Inf", "inf"))
        by_series.setdefault(drop(labels, "le"), []).append((bound, value))
    return {labels: quantile(q, buckets) for labels, buckets in by_series.items()}


def ratios(above, below):
    """above / below, one to one by all labels."""
    return {labels: (above[labels] / below[labels] if below[labels] else math.nan)
            for labels in above if labels in below}


def sums(values, *by):
    out = {}
    for labels, value in values.items():
        out[only(labels, *by)] = out.get(only(labels, *by), 0.0) + value
    return out


def top(k, values):
    return dict(sorted(values.items(), key=lambda item: -item[1])[:k])


def same(got, wanted, what):
    """Every series and every value, to 1e-9 of it."""
    check(got, f"{what}: no answer")
    check(set(got) == set(wanted), f"{what}: series differ: {sorted(set(got) ^ set(wanted))[:4]}")
    for labels, value in got.items():
        other = wanted[labels]
        near = (math.isnan(value) and math.isnan(other)) or math.isclose(value, other, rel_tol=1e-9, abs_tol=1e-12)
        check(near, f"{what} {labels}: Prometheus says {value!r}, its samples {other!r}")


# ---- the text that /metrics gives -----------------------------------------------------------------

def parse_exposition(text):
    """{series as it is written: its value's text}."""
    return {line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in text.splitlines()
            if line and not line.startswith("#")}


def printed_queries():
    """The seed's promql blocks: [(comment, expression)]."""
    out, comment = [], ""
    for line in (GOLDEN / "queries.promql").read_text().splitlines():
        if line.startswith("# "):
            comment = line[2:]
        elif line:
            out.append((comment, line))
    return out


def dashboard():
    return json.loads((DEPLOY / "grafana/coo-llm.json").read_text())["dashboard"]
