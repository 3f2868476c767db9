#!/usr/bin/env python3
"""The log file as the Administration seed configures it: the printed block, rotation by size and age without
a line lost or doubled, levels, and the structured fields it lists."""
import json
import pathlib
import re
import sys

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import check, equal, log_files, run, wait_for, whole_lines, world  # noqa: E402

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden/administration"


def without_logging(w, extra):
    """The harness' configuration with another `logging` section."""
    path = type(w).config(w)
    text = path.read_text()
    path.write_text(text[:text.index("logging:")] + extra)
    return path


def start(w, extra, env=None):
    w.config = lambda _="": without_logging(w, extra)
    w.start_server(env=env)


def test_the_printed_block_is_taken():
    """S4-G02, S4-B31: pasted into the configuration, with this test's folder for /var/log; each line is JSON."""
    with world() as w:
        w.start_simulator()
        printed = (GOLDEN / "logging.yml").read_text()
        path = w.folder / "printed.yaml"
        path.write_text(printed)
        done = w.command("check", "--config", path)
        equal(done.returncode, 0, done.stdout + done.stderr)
        folder = w.folder / "var/log/coo-llm"
        start(w, printed.replace("/var/log/coo-llm", str(folder)))
        w.chat("hello")
        wait_for(lambda: [line for line in whole_lines(folder / "app.log") if '"outcome":"ok"' in line], "the request's line")
        for row in map(json.loads, filter(None, whole_lines(folder / "app.log"))):
            check(row["event_type"] and row["level"] in ("debug", "info", "warn", "error"), f"{row}")
        w.server.stop()
        start(w, printed.replace("/var/log/coo-llm", str(w.folder / "off")).replace("enabled: true", "enabled: false"))
        w.chat("hello")
        w.stop()
        check(not (w.folder / "off").exists(), "switched off there is no file")


def send(w, numbers):
    body = "\n".join(json.dumps({"event_type": "tool_call", "request_id": f"00000000-0000-4000-8000-{n:012}", "tool_name": f"t{n}"})
                     for n in numbers)
    answer = w.ask("POST", "/ingest/v1/events", body, {"Content-Type": "application/x-ndjson"})
    check(answer.status in (200, 202), f"ingest: {answer.status} {answer.text[:300]}")


def numbers_in(path):
    return [int(m[1]) for line in whole_lines(path) if (m := re.search(r'-8000-(\d{12})"', line))]


def test_rotation_by_size_loses_and_doubles_nothing():
    """S4-B22: 1 MB and 2 backups; no file above the size, no third backup, the lines go on over the edges."""
    with world() as w:
        w.start_simulator()
        start(w, f"logging: {{file: {{enabled: true, path: {w.folder}/logs/llm.log, max_size_mb: 1, max_backups: 2}}}}\n")
        sent = 0
        while sent < 12_000 or not (w.folder / "logs/llm.log.2").exists():
            send(w, range(sent, sent + 500))
            sent += 500
            if sent >= 12_000:
                w.reconcile()  # the log has them now
            check(sent < 100_000, "it is never rotated")
        w.stop()
        names = sorted(p.name for p in (w.folder / "logs").glob("llm.log*"))
        equal(names, ["llm.log", "llm.log.1", "llm.log.2", "llm.log.state"], "files")
        kept = []
        for path in log_files(w.folder / "logs"):
            check(path.stat().st_size <= 1_000_000, f"{path.name} has {path.stat().st_size} bytes")
            kept += numbers_in(path)
        check(len(kept) > 1000, "lines were kept")
        equal(kept, list(range(kept[0], sent)), "each line once, up to the last")


def test_rotation_by_age():
    """A file is not written on for longer than it is told, also over a restart."""
    with world() as w:
        w.start_simulator()
        start(w, f"logging: {{file: {{enabled: true, path: {w.folder}/logs/llm.log, max_age: 1s, max_backups: 3}}}}\n")
        sent = 0
        while not (w.folder / "logs/llm.log.2").exists():
            send(w, [sent])
            sent += 1
            check(sent < 100_000, "it is never rotated")
        w.reconcile()
        w.stop()
        kept = [n for path in log_files(w.folder / "logs") for n in numbers_in(path)]
        equal(kept, list(range(kept[0], sent)), "each line once")


def test_the_structured_fields():
    """S4-F08, S4-F10, S4-F12 to F17: in the profile of the Administration seed, on each request's line."""
    with world() as w:
        w.start_simulator()
        start(w, f"logging: {{profile: coo-llm, file: {{enabled: true, path: {w.folder}/logs/llm.log}}}}\n")
        answer = w.chat("one two three", max_tokens=5)
        w.chat("sim: status=500")
        lines = wait_for(lambda: (lambda rows: rows if len(rows) == 2 else None)(
            [line for line in w.log_lines() if line.get("outcome")]), "two lines")
        good, bad = sorted(lines, key=lambda line: line["outcome"] != "ok")  # two workers' come in either order
        equal((good["level"], bad["level"]), ("info", "error"), "levels")
        equal(good["request_id"], answer.headers["x-request-id"], "the whole request id")
        equal((good["provider"], good["model"]), ("openai", "gpt-4o-mini"), "provider and model")
        usage = answer.json()["usage"]
        equal(good["tokens_used"], usage["prompt_tokens"] + usage["completion_tokens"], "tokens_used")
        check(isinstance(good["latency_ms"], (int, float)) and good["latency_ms"] > 0, f"latency_ms: {good['latency_ms']}")
        check(re.fullmatch(r"openai-[0-9a-f]{16}", good["client_key"]), f"client_key: {good['client_key']}")
        w.reconcile()
        check(any(f'key="{good["client_key"]}"' in name for name in w.series() if name.startswith("coo_llm_requests_total")),
              "the same value as the label key")
        w.stop()


TWO_KEYS = """
  - {{id: twice, kind: openai, base_url: "http://127.0.0.1:{upstream}/v1", api_keys: [sk-test000000000000000000000first, sk-test00000000000000000000second]}}
  - {{id: gone, kind: openai, base_url: "http://127.0.0.1:1/v1", api_keys: [sk-test0000000000000000000000gone]}}
clients:
  - {{id: small, key: sg_client_with_a_small_budget_001, limits: {{usd_per_day: 0.0006}}}}
"""


def test_what_is_no_failure_yet_is_a_warning():
    """S4-F09: attempts that are made again, another key in place of one, refusals, and a budget that is nearly spent."""
    with world() as w:
        w.start_simulator()
        original = w.config

        def config(extra=""):
            path = original(extra)
            path.write_text(path.read_text().replace("\nclients:\n", TWO_KEYS.format(upstream=w.upstream), 1))
            return path
        w.config = config
        w.start_server()
        equal(w.chat("sim: status=429", model="twice:gpt-4o-mini").status, 429, "both keys are told to wait")
        check(w.chat("hello", model="gone:gpt-4o-mini").status >= 500, "nobody is there")
        key = "sg_client_with_a_small_budget_001"
        for _ in range(1000):
            if w.chat("ten words that are the whole prompt of this one", key=key, max_tokens=20).status == 429:
                break

        def told():
            rows = w.log_lines()
            of = lambda name, **more: [r for r in rows if r["event_type"] == name and more.items() <= r.items()]  # noqa: E731
            found = {"another key": of("proxy_request_error", provider="twice"), "again": of("proxy_request_error", provider="gone"),
                     "refused": of("request_rejected"), "near its limit": of("client_near_limit", budget="usd_per_day")}
            return found if all(found.values()) else None
        found = wait_for(told, "the warnings")
        for what, rows in found.items():
            equal({row["level"] for row in rows}, {"warn"}, what)
        check(len(found["again"]) >= 2, f"each attempt that failed: {found['again']}")
        equal(len(found["near its limit"]), 1, "once a day")
        w.stop()


def test_levels_are_switched_by_configuration_and_environment():
    """S4-F08 to F11: INFO by default; ERROR leaves out what is below it but no request's end; DEBUG by either way."""
    with world() as w:
        w.start_simulator()
        section = "logging: {{level: {level}, file: {{enabled: true, path: {folder}/{name}/llm.log}}}}\n"
        for name, level, env, startup in (("plain", "info", None, True), ("quiet", "error", None, False),
                                          ("loud", "error", {"LOG_LEVEL": "DEBUG"}, True), ("debug", "debug", None, True)):
            start(w, section.format(level=level, folder=w.folder, name=name), env)
            w.chat(f"canary-{name} is a secret")
            w.reconcile(agree=False)  # the file is new, the counters are not
            rows = [json.loads(line) for line in whole_lines(w.folder / name / "llm.log")]
            check(any(row.get("outcome") for row in rows), f"{name}: the request's line")
            equal(any(row["event_type"] == "startup_complete" for row in rows), startup, f"{name}: info lines")
            check("canary-" not in json.dumps(rows) and "canary-" not in w.server.err_path.read_text(), f"{name}: no content")
            w.server.stop()
        check(yaml.safe_load((GOLDEN / "logging.yml").read_text())["logging"]["file"]["max_backups"] == 5, "the printed block")


if __name__ == "__main__":
    run(test_the_printed_block_is_taken, test_rotation_by_size_loses_and_doubles_nothing, test_rotation_by_age,
        test_the_structured_fields, test_what_is_no_failure_yet_is_a_warning, test_levels_are_switched_by_configuration_and_environment)
