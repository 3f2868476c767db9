#!/usr/bin/env python3
"""sightglass export: the same rows as NDJSON, CSV and Parquet, beside a running server and without one, held against the
admin API, Python's csv reader and DuckDB's own package."""
import csv
import io
import json
import pathlib
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import ADMIN_KEY, ADMIN_PAUSE_S, check, equal, run, wait_for, world  # noqa: E402

SEALS = "store: {seal_age: 1s}\n"


def all_events(w):
    out, before = [], None
    while True:
        parameters = {"limit": 50, "start": 1, **({"before": before} if before else {})}
        answer = w.admin("GET", "/admin/v1/events?" + urllib.parse.urlencode(parameters))
        equal(answer.status, 200, answer.text)
        page = answer.json()
        out += page["events"]
        before = page["next"]
        if before is None:
            return sorted(out, key=lambda event: event["seq"])


def export(w, *arguments):
    done = w.command("export", "--data", w.folder / "data", *arguments)
    equal(done.returncode, 0, f"export {arguments}: {done.stderr}")
    return done


def lines(w, *arguments):
    return [json.loads(line) for line in export(w, *arguments).stdout.splitlines()]


def parquet_totals(w, path):
    """What DuckDB's package reads from one file: laid out as a data folder of its own."""
    folder = w.folder / f"read-{path.name}"
    (folder / "store/parquet").mkdir(parents=True)
    (folder / "store/manifest.json").write_text(".parquet")
    path.rename(folder / "store/parquet" / path.name)
    kept, w.folder = w.folder, folder
    try:
        (folder / "data").symlink_to(folder)
        return w.parquet_totals()
    finally:
        w.folder = kept


def traffic(w):
    for i in range(12):
        w.chat(f"sim: tokens={i + 1}\nwords", stream=i % 3 == 0)
        w.messages("sim: tokens=9\na b c")
    w.chat("sim: status=500")
    sent = "".join(json.dumps({"event_type": "session_created", "session_id": f"0x{i}", "model": "gpt-4o",
                               "timestamp": "2026-01-02T03:04:05.678+00:00"}) + "\n" for i in range(40))
    answer = w.ask("POST", "/ingest/v1/events", sent, {"Authorization": f"Bearer {ADMIN_KEY}",
                                                       "Content-Type": "application/x-ndjson"})
    equal(answer.json()["accepted"], 40, answer.text)
    w.reconcile()


def test_three_formats_hold_what_the_admin_api_shows():
    with world() as w:
        w.start_simulator()
        w.start_server(SEALS)
        traffic(w)
        wanted = all_events(w)
        check(len(wanted) >= 65, f"only {len(wanted)} events")
        wait_for(lambda: len(lines(w)) >= len(wanted), "every row to be sealed")
        beside = [event for event in lines(w) if event["seq"] <= wanted[-1]["seq"]]
        equal(beside, wanted, "NDJSON beside the running server")

        rows = list(csv.DictReader(io.StringIO(export(w, "--format", "csv").stdout)))
        rows = [row for row in rows if int(row["pos"]) <= wanted[-1]["seq"]]
        equal([int(row["pos"]) for row in rows], [event["seq"] for event in wanted], "CSV, each row")
        for row, event in zip(rows, wanted):
            equal(row["event_type"], event["event_type"], "CSV: event_type")
            for name in ("request_id", "outcome", "provider", "model", "session_id", "output_tokens", "cost_nanousd"):
                value = event.get(name)
                equal(row[name], "" if value is None else str(value), f"CSV: {name} of {event['seq']}")

        errors = [event for event in wanted if event.get("outcome") == "error"]
        equal(len(errors), 1, "errors")
        pattern = '{ $.outcome = "error" }'
        equal(lines(w, "--filter", pattern), errors, "by a pattern")
        equal([event["event_type"] for event in lines(w, "--end", 1767400000, "--start", 1767300000)],
              ["session_created"] * 40, "by event time")
        equal(lines(w, "--since", "1h", "--filter", '{ $.event_type = "session_created" }'), [], "older than an hour")

        totals = w.reconcile()["witnesses"]["store"]
        export(w, "--format", "parquet", "--output", w.folder / "all.parquet")
        got = parquet_totals(w, w.folder / "all.parquet")
        equal((got["requests"], got["output_tokens"], got["cost_nanousd"]),
              (totals["requests"], totals["output_tokens"], totals["cost_nanousd"]), "Parquet: totals")
        export(w, "--format", "parquet", "--filter", pattern, "--output", w.folder / "errors.parquet")
        got = parquet_totals(w, w.folder / "errors.parquet")
        equal((got["requests"], got["errors"]), (1, 1), "Parquet by a pattern")

        equal(w.stop(), 0, "stop")
        again = [event for event in lines(w) if event["seq"] <= wanted[-1]["seq"]]
        equal(again, wanted, "NDJSON without a server")


def test_old_rows_are_archived_and_go_and_their_sums_stay():
    """S4-B33: exported as Parquet, then past their retention; what the admin API adds up stays the same."""
    with world() as w:
        w.start_simulator()
        w.start_server(SEALS)
        traffic(w)
        wanted = all_events(w)
        wait_for(lambda: len(lines(w)) >= len(wanted), "every row to be sealed", 60)
        time.sleep(2)  # so that all of them are older than a second by the time of one more
        w.chat("sim: tokens=1\none more")
        totals = w.reconcile()["witnesses"]["store"]
        before = w.admin("GET", "/admin/v1/metrics/global").json()
        equal(w.stop(), 0, "stop")
        export(w, "--format", "parquet", "--output", w.folder / "archive.parquet")
        # Housekeeping begins with the start.
        w.start_simulator()
        w.start_server("store: {seal_age: 1s, retention: 1s}\n")

        def gone():
            w.chat("sim: tokens=1\none more")  # time goes by what is recorded
            return all(event["seq"] > wanted[-1]["seq"] for event in all_events(w))
        wait_for(gone, "the old rows to go", 180, 4 * ADMIN_PAUSE_S)
        more = w.tally()["requests"]
        after = wait_for(lambda: (lambda got: got if got["total_requests"] == before["total_requests"] + more else None)(
            w.admin("GET", "/admin/v1/metrics/global").json()), "every request to count", 20, ADMIN_PAUSE_S)
        check(after["total_cost"] >= before["total_cost"] and after["total_tokens"] > before["total_tokens"], f"{before} and {after}")
        got = parquet_totals(w, w.folder / "archive.parquet")
        equal((got["requests"], got["output_tokens"], got["cost_nanousd"]),
              (totals["requests"], totals["output_tokens"], totals["cost_nanousd"]), "the archive")
        w.stop()


def test_what_cannot_be_exported_is_said():
    with world() as w:
        w.start_simulator()
        w.start_server(SEALS)
        w.chat("sim: tokens=3\nwords")
        w.reconcile()
        wait_for(lambda: lines(w, "--filter", '{ $.outcome = "ok" }'), "a sealed row")
        taken = w.folder / "taken.csv"
        taken.write_text("mine")
        for arguments, words in (
                (("--format", "xml"), "ndjson, csv or parquet"),
                (("--start", "yesterday"), "Unix seconds"),
                (("--since", "soon"), "a duration such as"),
                (("--since", "1h", "--start", "5"), "exclude each other"),
                (("--start", "9", "--end", "9"), "after the start"),
                (("--filter", "{ $.outcome = "), "filter"),
                (("--filter", '{ $.prompt = "x" }'), "prompt"),
                (("--format", "csv", "--output", taken), "there already"),
                (("--format", "parquet", "--output", taken), "there already"),
                (("--data", w.folder / "nowhere"), "no history")):
            done = w.command("export", *(() if "--data" in arguments else ("--data", w.folder / "data")), *arguments)
            equal(done.returncode, 2, f"{arguments}: {done.stdout[:200]}{done.stderr}")
            check(words in done.stderr, f"{arguments}: {done.stderr}")
            equal(done.stdout, "", f"{arguments}: nothing is written")
        equal(taken.read_text(), "mine", "a file that was there")
        equal([path.name for path in w.folder.glob("*.partial")], [], "nothing half-written is left")
        w.stop()


if __name__ == "__main__":
    run(test_three_formats_hold_what_the_admin_api_shows, test_old_rows_are_archived_and_go_and_their_sums_stay, test_what_cannot_be_exported_is_said)
