#!/usr/bin/env python3
"""Real traffic through gateway and simulated provider; every witness says exactly the provider's
numbers, and witnesses outside the program (jq over the log, DuckDB's npm package over the Parquet
files) say the same. The trace is an hour of a production service; where it is not at hand, similar
traffic is made."""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import BINARY, FULL, NODE, ROOT, Failure, check, equal, log_files, run, whole_lines, world  # noqa: E402

TRACE = pathlib.Path(os.environ.get("SIGHTGLASS_TRACE", ROOT.parent / "shared/data/azure_llm_trace_2023_conv.csv"))
WITNESSES = ("provider", "metrics", "store", "live", "log")

JQ = """[inputs | select(.outcome != null)] | {requests: length,
  input_tokens: (map((.tokensIn // 0) + (.cache_read_tokens // 0) + (.cache_write_5m_tokens // 0) + (.cache_write_1h_tokens // 0)) | add),
  output_tokens: (map(.tokensOut // 0) | add), cost: (map(.costCents // 0) | add)}"""


def demo(folder, *arguments):
    done = subprocess.run([str(BINARY), "demo", "--listen", "127.0.0.1:0", "--data", str(folder), "--exit", "--json", *arguments],
                          capture_output=True, text=True, timeout=900)
    if not done.stdout.strip():
        raise Failure(f"demo ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.returncode, json.loads(done.stdout)


def outside_witnesses(folder):
    logs = log_files(folder / "logs")
    jq = subprocess.run(["jq", "-cn", JQ, *map(str, logs)], capture_output=True, text=True, check=True)
    parquet = subprocess.run([str(NODE), str(ROOT / "tests/e2e/lib/witness.mjs"), str(folder / "data")],
                             capture_output=True, text=True, timeout=120)
    check(parquet.returncode == 0, f"witness.mjs: {parquet.stderr}")
    return json.loads(jq.stdout), json.loads(parquet.stdout)


def compare(folder, code, report, wanted=None):
    for name in WITNESSES:
        equal(report[name], report["provider"], f"{name} against the provider")
    equal(code, 0, "exit code")
    if wanted:
        for key, value in wanted.items():
            equal(report["provider"][key], value, f"{key} against the trace file")
    check(report["provider"]["cost_nanousd"] > 0, "the cost is 0")
    jq, parquet = outside_witnesses(folder)
    for key in ("requests", "input_tokens", "output_tokens"):
        equal(jq[key], report["provider"][key], f"jq over the log: {key}")
        equal(parquet[key], report["provider"][key], f"DuckDB over the Parquet files: {key}")
    equal(parquet["cost_nanousd"], report["provider"]["cost_nanousd"], "DuckDB over the Parquet files: cost")
    # jq adds doubles of cents: to a nano-dollar of the whole.
    check(abs(jq["cost"] * 1e7 - report["provider"]["cost_nanousd"]) < 1e-6 * report["provider"]["cost_nanousd"] + 1,
          f"jq over the log: cost {jq['cost']}")
    print(f"      {report['provider']}")


def traffic():
    if TRACE.exists():
        rows = [line.split(",") for line in TRACE.read_text().splitlines()[1:] if line]
        return ["--trace", str(TRACE)], {"requests": len(rows), "input_tokens": sum(int(r[1]) for r in rows),
                                         "output_tokens": sum(int(r[2]) for r in rows)}
    return ["--requests", "5000"], {"requests": 5000}


def test_an_hour_of_real_traffic():
    arguments, wanted = traffic()
    with world() as w:
        code, report = demo(w.folder, *arguments, "--speed", "max")
        compare(w.folder, code, report, wanted)


def test_the_same_with_the_fault_plan():
    """Half streamed, compressed and split at random bytes, LF and CRLF, null usage on chunks, 2 % client
    aborts, 1 % 429, 0.5 % resets, 10 % cached tokens, 5 % unpriced; cost compared too."""
    arguments, wanted = (traffic() if FULL else (["--requests", "4000"], {}))
    with world() as w:
        code, report = demo(w.folder, *arguments, "--speed", "max", "--faults", "standard")
        compare(w.folder, code, report, {"requests": wanted["requests"]} if wanted else None)
        seen = [json.loads(line) for path in log_files(w.folder / "logs") for line in whole_lines(path)]
        outcomes = {line.get("outcome") for line in seen}
        for outcome in ("ok", "error", "client_gone"):
            check(outcome in outcomes, f"the fault plan gave no {outcome}: {outcomes}")
        check(any(line.get("unpriced_reason") == "no_price" for line in seen), "nothing was unpriced")
        check(any(line.get("cache_read_tokens", 0) > 0 for line in seen), "nothing was cached")


if __name__ == "__main__":
    run(test_an_hour_of_real_traffic, test_the_same_with_the_fault_plan)
