#!/usr/bin/env python3
"""accepted = stored + dropped(reason), on the real program: the sum that `reconcile` makes against a count of
one's own, over kills, restarts and an older folder; and that it says so when something does not add up."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import PATIENCE_S, check, equal, run, world  # noqa: E402

PACK = """pack: shop
version: 1
events:
  sale: { level: info }
  view: { level: debug, sample: 4 }
"""


def crc32c(data):
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def begin(w, more=""):
    (w.folder / "shop.yaml").write_text(PACK)
    w.start_server(f"packs: [{w.folder}/shop.yaml]\n{more}")


def send(w, *events):
    answer = w.ask("POST", "/ingest/v1/events", "\n".join(json.dumps(e) if isinstance(e, dict) else e for e in events))
    equal(answer.status, 200, answer.text)
    return answer.json()["accepted"]


def reconcile(w, *more):
    return w.command("reconcile", "--data", w.folder / "data", "--timeout", PATIENCE_S, *more)


# Issue part "Bad input": the sum holds for every event, the gateway's and those of applications.
def the_sum_holds_and_equals_a_count_of_ones_own():
    with world() as w:
        w.start_simulator()
        begin(w)
        accepted = 0
        for i in range(40):
            accepted += send(w, {"event_type": "sale"}, {"event_type": "view"}, {"event_type": "unheard_of"}, "{bad")
        for i in range(10):
            equal(w.chat("sim: tools=1" if i % 2 else f"{i}").status, 200, "a call")
        equal(accepted, 120, "what the answers said")
        said = w.reconcile()
        sum_ = said["events"]
        check(said["agree"] and sum_["holds"], said)
        equal((sum_["since"], sum_["ingested"], sum_["acknowledged"]), (0, 120, 120), "events of applications")
        equal(sum_["dropped"]["unreadable"], 0, "unreadable records")
        check(0 < sum_["dropped"]["sampled"] < 40, sum_)
        check(sum_["dropped"]["no_row"] >= 10, "the starts of ten requests make no row")
        equal(sum_["stored"], 120 - sum_["dropped"]["sampled"] + 10, "rows: what was sent and kept, and ten ends")
        equal(sum_["accepted"], sum_["stored"] + sum(sum_["dropped"].values()), "the sum")
        table = reconcile(w)
        equal(table.returncode, 0, table.stdout)
        for word in ("accepted", "stored as rows", "dropped: sampled", "dropped: no_row", "The sum holds."):
            check(word in table.stdout, f"{word} is not in\n{table.stdout}")
        # Over a kill, and a store that seals after each few rows.
        w.server.kill()
        begin(w, "store: {seal_rows: 16}\n")
        accepted += send(w, *[{"event_type": "view"}] * 100)
        again = w.reconcile()["events"]
        check(again["holds"] and again["ingested"] == 220 and again["since"] == 0, again)
        # Rows of the Parquet files and tails, by the events' own endpoint.
        counts = w.admin("GET", "/admin/v1/events/counts").json()
        equal(counts["rows"], again["stored"], "rows by the events' counts")
        equal(w.stop(), 0, "the server's end")


# S0-B08: numbers from sampled rows are scaled by the kept rate and marked; others are untouched.
def counts_of_sampled_types_are_scaled_and_marked():
    with world() as w:
        w.upstream = 9
        begin(w)
        send(w, *[{"event_type": "view"}] * 400, *[{"event_type": "sale"}] * 30)
        sum_ = w.reconcile()["events"]
        counts = w.admin("GET", "/admin/v1/events/counts").json()
        by_type = {row["event_type"]: row for row in counts["types"]}
        kept = 400 - sum_["dropped"]["sampled"]
        equal(by_type["view"], {"event_type": "view", "rows": kept, "events": 4 * kept, "sampled": True}, "the sampled type")
        equal(by_type["sale"], {"event_type": "sale", "rows": 30, "events": 30, "sampled": False}, "the other")
        equal((counts["rows"], counts["events"], counts["sampled"]), (kept + 30, 4 * kept + 30, True), "together")
        check(200 < 4 * kept < 600, f"an estimate of 400 from {kept} rows")
        equal(w.stop(), 0, "the server's end")


def tamper(folder, change):
    """Changes the store's manifest as nobody should, with a checksum that fits."""
    path = folder / "data/store/manifest.json"
    body = path.read_bytes().rpartition(b',"crc32c":"')[0]
    changed = change(json.loads(body + b"}"))
    body = json.dumps(changed, separators=(",", ":")).encode()[:-1]
    path.write_bytes(body + b',"crc32c":"%08x"}\n' % crc32c(body))


# A row that nobody accepted, planted in what the store says that retention took.
def a_planted_row_is_reported():
    with world() as w:
        w.upstream = 9
        begin(w, "store: {seal_rows: 4}\n")
        send(w, *[{"event_type": "sale"}] * 20)
        check(w.reconcile()["events"]["holds"], "before")
        equal(w.server.stop(), 0, "the server's end")

        def one_more(manifest):
            manifest["expired"]["rows"] += 1
            return manifest
        tamper(w.folder, one_more)
        begin(w, "store: {seal_rows: 4}\n")
        done = reconcile(w, "--json")
        equal(done.returncode, 1, done.stdout + done.stderr)
        said = json.loads(done.stdout)
        check(not said["agree"] and not said["events"]["holds"], said)
        table = reconcile(w)
        equal(table.returncode, 1, table.stdout)
        check("The sum does NOT hold." in table.stdout, table.stdout)


# A folder whose folds began apart: the sum begins anew, at a record of its own, and holds from there.
def counters_that_were_reset_begin_a_new_sum():
    with world() as w:
        w.upstream = 9
        begin(w)
        send(w, *[{"event_type": "sale"}] * 20)
        equal(w.server.stop(), 0, "the server's end")
        begin(w, "store: {enabled: false}\n")
        send(w, *[{"event_type": "sale"}] * 3)
        without = w.reconcile()["events"]
        check(without["since"] > 0 and without["ingested"] == 3 and "stored" not in without, without)
        equal(w.server.stop(), 0, "the server's end")
        begin(w)
        send(w, *[{"event_type": "sale"}] * 5)
        said = w.reconcile()["events"]
        check(said["since"] > without["since"] and said["holds"], said)
        equal((said["ingested"], said["acknowledged"]), (5, 5), "since the store is back")
        equal(w.stop(), 0, "the server's end")


if __name__ == "__main__":
    run(the_sum_holds_and_equals_a_count_of_ones_own, counts_of_sampled_types_are_scaled_and_marked,
        a_planted_row_is_reported, counters_that_were_reset_begin_a_new_sum)
