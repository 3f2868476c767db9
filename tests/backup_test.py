#!/usr/bin/env python3
"""sightglass backup of a running server, and restore: what was recorded before the backup is there again, to the last
token; a backup or restore that was killed leaves nothing that looks whole."""
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import BINARY, PATIENCE_S, check, equal, run, wait_for, world  # noqa: E402

# Small seals and segments, so that files come, go and are cut while they are copied.
BUSY = "store: {seal_age: 1s, seal_rows: 20}\njournal: {segment_bytes: 64KiB, snapshot_bytes: 64KiB}\n"


def totals(w):
    """Of the folds that live in the data folder. The log file does not: it may be ahead of a restored one."""
    done = w.command("reconcile", "--data", w.folder / "data", "--json", "--timeout", PATIENCE_S)
    check(done.stdout.startswith("{"), f"reconcile: {done.stdout}{done.stderr}")
    return {name: {key: witness[key] for key in ("requests", "input_tokens", "output_tokens", "cost_nanousd")}
            for name, witness in json.loads(done.stdout)["witnesses"].items() if name != "logs"}


def restored(w, backup):
    """Puts the backup in the place of the data folder."""
    w.server.kill()
    (w.folder / "data").rename(w.folder / f"data-before-{backup.name}")
    done = w.command("restore", backup, "--data", w.folder / "data")
    equal(done.returncode, 0, f"restore: {done.stderr}")
    w.start_server(BUSY)


def test_a_backup_of_a_running_server_holds_all_that_was_recorded_before_it():
    with world() as w:
        w.start_simulator()
        w.start_server(BUSY)
        for i in range(30):
            w.chat(f"sim: tokens={i + 1}\nwords", stream=i % 2 == 0)
        before = totals(w)
        stop = threading.Event()

        def more():
            while not stop.is_set():
                w.chat("sim: tokens=2\nmore")
        threads = [threading.Thread(target=more) for _ in range(2)]
        for thread in threads:
            thread.start()
        backup = w.folder / "backup"
        try:
            done = w.command("backup", backup, "--data", w.folder / "data")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        equal(done.returncode, 0, f"backup: {done.stderr}")
        check("key ring" in done.stdout, done.stdout)
        names = {path.name for path in backup.rglob("*")}
        check("backup.json" in names and "manifest.json" in names, f"{sorted(names)[:20]}")
        check("lock" not in names and "keyring" not in names, "what does not belong into it")
        after = totals(w)
        restored(w, backup)
        again = totals(w)
        equal(set(again), set(before), "witnesses")
        one = next(iter(again.values()))
        for name, sums in again.items():
            equal(sums, one, f"{name} agrees with the others")
            for key, value in sums.items():
                check(before[name][key] <= value <= after[name][key], f"{name}: {key} is {value}, {before} to {after}")
        w.chat("sim: tokens=5\nand on it goes")
        equal({s["requests"] for s in totals(w).values()}, {one["requests"] + 1}, "it goes on from there")
        health = json.loads(w.admin("GET", "/admin/v1/health").body)
        check("lost" not in json.dumps(health), f"{health}")
        equal(w.stop(), 0, "stop")


def test_a_kill_leaves_nothing_that_looks_whole_and_it_can_be_repeated():
    with world() as w:
        w.start_simulator()
        w.start_server(BUSY)
        for _ in range(5):
            w.chat("sim: tokens=3\nwords")
        before = totals(w)
        backup = w.folder / "backup"
        for point in ("backup.copied", "backup.listed"):
            done = w.command("backup", backup, "--data", w.folder / "data", env={"SIGHTGLASS_FAILPOINT": point})
            equal(done.returncode, -signal.SIGKILL, f"{point} was not hit")
            check(not backup.exists(), f"{point}: the name is there")
        refused = w.command("restore", backup, "--data", w.folder / "new")
        equal(refused.returncode, 2, "restore from what is not there")
        equal(w.command("backup", backup, "--data", w.folder / "data").returncode, 0, "backup")
        equal([path.name for path in w.folder.glob("*.partial")], [], "nothing is left of the attempts")
        killed = w.command("restore", backup, "--data", w.folder / "new", env={"SIGHTGLASS_FAILPOINT": "restore.copied:3"})
        equal(killed.returncode, -signal.SIGKILL, "restore.copied was not hit")
        check(not (w.folder / "new").exists(), "a data folder that is not whole")
        restored(w, backup)
        equal(totals(w), before, "the totals")
        equal(w.stop(), 0, "stop")


def test_a_full_disk_leaves_no_backup_and_it_can_be_repeated():
    """The kernel answers the n-th write with ENOSPC: of the history, the control database, the journal."""
    with world() as w:
        w.start_simulator()
        w.start_server(BUSY)
        for i in range(20):
            w.chat("sim: tokens=3\nwords")
        w.admin("POST", "/admin/v1/clients", json.dumps({"client_id": "one"}))
        wait_for(lambda: ".parquet" in (w.folder / "data/store/manifest.json").read_text(), "a sealed file", 60)
        before = totals(w)
        backup = w.folder / "backup"

        def backed_up(calls, when):
            trace = w.folder / "trace"
            words = ["strace", "-f", "-qq", "-o", trace, "-e", f"trace={calls}", "-e", f"inject={calls}:error=ENOSPC:when={when}"]
            done = subprocess.run([*map(str, words), str(BINARY), "backup", str(backup), "--data", str(w.folder / "data")],
                                  capture_output=True, text=True, timeout=120)
            return done, trace.read_text().count("INJECTED")
        hits = 0
        # Its own message is a write, too: none is injected after the first.
        for calls, whens in (("write", (1, 2, 3, 6, 12, 20)), ("pwrite64", (1, 2)), ("fdatasync", (1, 4, 9)), ("fsync", (1, 2))):
            for when in whens:
                done, injected = backed_up(calls, when)
                if injected == 0:
                    equal(done.returncode, 0, f"{calls} {when}: {done.stderr}")
                    shutil.rmtree(backup)
                    continue
                hits += 1
                equal(done.returncode, 2, f"{calls} {when}: {done.stdout}{done.stderr}")
                check(len(done.stderr) > 20, f"{calls} {when}: nothing is said")
                check(not backup.exists(), f"{calls} {when}: the name is there")
                equal([path.name for path in w.folder.glob("*.partial")], [], f"{calls} {when}: what fills the disk is left")
        check(hits >= 6, f"only {hits} failures")
        equal(totals(w), before, "the running server")
        equal(w.command("backup", backup, "--data", w.folder / "data").returncode, 0, "backup")
        restored(w, backup)
        equal(totals(w), before, "the totals")
        equal([c["id"] for c in w.admin("GET", "/admin/v1/clients/list").json()["clients"]], ["app", "one"], "the clients")
        equal(w.stop(), 0, "stop")


def test_what_cannot_be_backed_up_or_restored_is_said():
    with world() as w:
        w.start_simulator()
        w.start_server(BUSY)
        w.chat("sim: tokens=3\nwords")
        wait_for(lambda: ".parquet" in (w.folder / "data/store/manifest.json").read_text(), "a sealed file")
        backup = w.folder / "backup"

        def refused(words, *arguments):
            done = w.command(*arguments)
            equal(done.returncode, 2, f"{arguments}: {done.stdout}{done.stderr}")
            check(words in done.stderr, f"{arguments}: {done.stderr}")
        refused("no data folder", "backup", backup, "--data", w.folder / "nowhere")
        check(not backup.exists(), "a backup of nothing")
        equal(w.command("backup", backup, "--data", w.folder / "data").returncode, 0, "backup")
        refused("not empty", "backup", backup, "--data", w.folder / "data")
        refused("not empty", "restore", backup, "--data", w.folder / "data")
        refused("no whole backup", "restore", w.folder / "logs", "--data", w.folder / "new")
        listed = backup / "backup.json"
        text = listed.read_text()
        listed.write_text(text.replace('"version":1', '"version":2'))
        refused("newer version", "restore", backup, "--data", w.folder / "new")
        listed.write_text(text.replace('"gateway-id"', '"../gateway-id"'))
        refused("damaged", "restore", backup, "--data", w.folder / "new")
        listed.write_text(text)
        hurt = next((backup / "store/parquet").glob("*.parquet"))
        content = bytearray(hurt.read_bytes())
        content[len(content) // 2] ^= 1
        hurt.write_bytes(content)
        refused("not as the backup lists it", "restore", backup, "--data", w.folder / "new")
        check(not (w.folder / "new").exists(), "a data folder from a damaged backup")
        w.stop()


if __name__ == "__main__":
    run(test_a_backup_of_a_running_server_holds_all_that_was_recorded_before_it,
        test_a_kill_leaves_nothing_that_looks_whole_and_it_can_be_repeated,
        test_a_full_disk_leaves_no_backup_and_it_can_be_repeated, test_what_cannot_be_backed_up_or_restored_is_said)
