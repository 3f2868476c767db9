#!/usr/bin/env python3
"""Erasure of a person: after `sightglass forget` no byte of the data folder, of the log files and
their backups holds one of their pseudonyms, also inside Parquet, while everybody else's stay and all
numbers still add up; and the same when the server is killed in the middle."""
import contextlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import ADMIN_PAUSE_S, BINARY, CLIENT_KEY, check, equal, run, wait_for, whole_lines, world  # noqa: E402
from canary_test import written_by  # noqa: E402

GONE, STAYS = "gone.person@example.com", "other.person@example.com"
# A meter with people as a label, so that series and snapshots hold pseudonyms, too.
PACK = """pack: people
version: 1
meters:
  - metric: requests_by_person_total
    type: counter
    help: Requests of each person.
    match: '{ $.user_id = * && $.outcome = * }'
    labels: { person: $.user_id }
"""


def command(w, *arguments, text="", timeout=300):
    return subprocess.run([str(BINARY), *arguments, "--data", str(w.folder / "data")], input=text,
                          capture_output=True, text=True, timeout=timeout)


def start(w, extra=""):
    pack = w.folder / "people.yaml"
    pack.write_text(PACK)
    w.start_server(extra=f"store: {{seal_age: 1s}}\npacks: [{pack}]\n{extra}")


def pseudonyms(w, person):
    done = command(w, "lookup", text=person)
    equal(done.returncode, 0, f"lookup: {done.stderr}")
    return done.stdout.split()


def traffic(w, n):
    for i in range(n):
        for person in (GONE, STAYS):
            answer = w.chat("hello", headers={"x-user-id": person, "x-session-id": person, "Authorization": f"Bearer {CLIENT_KEY}"})
            equal(answer.status, 200, "a request")


def places_of(w, words):
    """Which files hold one of the words, decoded. A copy is searched, since the server goes on with its own."""
    with tempfile.TemporaryDirectory(prefix="sightglass-copy-") as copy:
        for path in w.folder.rglob("*"):
            to = pathlib.Path(copy) / path.relative_to(w.folder)
            with contextlib.suppress(FileNotFoundError):  # sealed, replaced or cut meanwhile
                if path.is_file():
                    to.parent.mkdir(parents=True, exist_ok=True)
                    # Half a Parquet file has no rows to read; its bytes are searched all the same.
                    shutil.copy(path, to.with_suffix(".part") if path.parent.name == "tmp" else to)
        return sorted({name for name, data in written_by(pathlib.Path(copy)) for word in words if word.encode() in data})


def test_after_forget_no_byte_of_the_person_is_left():
    with world() as w:
        w.start_simulator()
        start(w, extra="")
        traffic(w, 3)
        equal(command(w, "keyring", "rotate", "--now").returncode, 0, "rotate")
        traffic(w, 3)
        gone, stays = pseudonyms(w, GONE), pseudonyms(w, STAYS)
        check(len(gone) >= 3, f"two epochs and a session: {gone}")
        totals = w.reconcile()["witnesses"]["store"]  # and every fold has all of it
        wait_for(lambda: any("parquet" in p for p in places_of(w, gone)), "a sealed row of the person")
        before = places_of(w, gone)
        for place in ("data/journal", "logs/", "rows"):
            check(any(place in p for p in before), f"the search does not look into {place}: {before}")
        check(any(f'person="{p}"' in w.ask("GET", "/metrics").text for p in gone), "no series of the person")
        requests = w.sum_of("requests_by_person_total")

        done = command(w, "forget", text=GONE + "\n")
        equal(done.returncode, 0, f"forget: {done.stdout}{done.stderr}")
        equal(places_of(w, gone), [], "places that still hold the person")
        check(not any(p in w.ask("GET", "/metrics").text for p in gone), "a series still names the person")
        equal(w.sum_of("requests_by_person_total"), requests, "the sum over people")
        check(places_of(w, stays) != [], "the other person is gone, too")
        after = w.reconcile()
        check(after["agree"], f"the witnesses differ: {after}")
        equal(after["witnesses"]["store"], totals, "the store's totals")
        equal(w.parquet_totals()["requests"], totals["requests"], "what DuckDB's own package reads")
        shown = w.admin("GET", "/admin/v1/forget").json()["requests"]
        equal([r["state"] for r in shown], ["done"], "what the admin sees")
        equal(w.admin("GET", f"/admin/v1/forget/{shown[0]['id']}").json()["state"], "done", "one request")
        equal(w.admin("GET", "/admin/v1/forget/0000").status, 404, "an unknown request")

        traffic(w, 1)  # what comes afterwards is new
        check(w.reconcile()["agree"], "the witnesses differ after further traffic")
        w.stop()
        for name, data in written_by(w.folder):
            check(GONE.encode() not in data, f"the raw identifier is in {name}")
        lines = [json.loads(line) for line in whole_lines(w.folder / "logs/llm.log")]
        seqs = [line["seq"] for line in lines]
        equal(seqs, sorted(set(seqs)), "the log's seq")


def test_forgetting_goes_on_after_a_kill():
    with world() as w:
        w.start_simulator()
        start(w)
        traffic(w, 4)
        gone = pseudonyms(w, GONE)
        wait_for(lambda: any("parquet" in p for p in places_of(w, gone)), "a sealed row of the person")
        asked = command(w, "forget", "--timeout", "0", "--json", text=GONE)
        check(asked.returncode in (0, 1), f"forget: {asked.stderr}")
        w.server.kill()
        start(w)
        identifier = json.loads(asked.stdout)["id"]
        wait_for(lambda: w.admin("GET", f"/admin/v1/forget/{identifier}").json()["state"] == "done",
                 "the end of forgetting", pause_s=ADMIN_PAUSE_S)
        equal(places_of(w, gone), [], "places that still hold the person")
        check(w.reconcile()["agree"], "the witnesses differ")


def test_what_is_no_identifier_is_refused():
    with world() as w:
        w.start_simulator()
        w.start_server()
        equal(command(w, "forget", text="\n").returncode, 2, "an empty line")
        equal(command(w, "forget", text="[unknown]\n").returncode, 2, "nobody")
        equal(w.admin("POST", "/admin/v1/forget", "{}").status, 400, "no identifier")


if __name__ == "__main__":
    run(test_after_forget_no_byte_of_the_person_is_left, test_forgetting_goes_on_after_a_kill,
        test_what_is_no_identifier_is_refused)
