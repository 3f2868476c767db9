#!/usr/bin/env python3
"""People under their pseudonyms: looked up by the admin without a trace, over rotations by command."""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import BINARY, check, equal, run, world  # noqa: E402

PERSON = "grace.hopper.canary@example.com"


def command(w, *arguments, text=""):
    return subprocess.run([str(BINARY), *arguments, "--data", str(w.folder / "data")], input=text,
                          capture_output=True, text=True, timeout=300)


def test_lookup_gives_the_pseudonyms_of_every_epoch_and_leaves_no_trace():
    with world() as w:
        w.start_simulator()
        w.start_server(extra="store: {seal_age: 1s}")
        first = command(w, "lookup", "--kind", "u", text=PERSON + "\n")
        equal(first.returncode, 0, f"lookup: {first.stderr}")
        names = first.stdout.split()
        equal(len(names), 1, "pseudonyms before any rotation")
        check(names[0].startswith("u:1."), f"not a pseudonym: {names}")

        rotated = command(w, "keyring", "rotate", "--now", "--json")
        equal(rotated.returncode, 0, f"rotate: {rotated.stderr}")
        equal(json.loads(rotated.stdout)["epoch"], 2, "the new epoch")
        after = command(w, "lookup", "--kind", "u", text=PERSON.upper() + "\n").stdout.split()
        equal(after[0], names[0], "the old epoch's pseudonym")
        check(after[1].startswith("u:2."), f"not of the new epoch: {after}")
        shown = command(w, "keyring", "show").stdout
        equal(len(shown.splitlines()), 2, "epochs shown")

        answer = w.admin("POST", "/admin/v1/identifiers/lookup", json.dumps({"identifier": PERSON, "kind": "u"}))
        equal([p["pseudonym"] for p in answer.json()["pseudonyms"]], after, "the answer over HTTP")
        check("user_id" in answer.json()["fields"]["u"], "the fields of people")
        equal(w.ask("POST", "/admin/v1/identifiers/lookup", json.dumps({"identifier": PERSON})).status, 401,
              "without a key")
        for bad in ("", "{}", '{"identifier":5}', '{"identifier":"x","kind":"U"}', '{"identifiers":[]}'):
            got = w.admin("POST", "/admin/v1/identifiers/lookup", bad)
            equal(got.status, 400, f"for {bad}")
        equal(w.admin("POST", "/admin/v1/keyring/rotate?at=noon").status, 400, "a wrong time")
        w.stop()
        for path in w.folder.rglob("*"):
            if path.is_file() and path.name != "sightglass.yaml":
                check(PERSON.encode() not in path.read_bytes().lower(), f"the raw identifier is in {path}")
        audited = (w.folder / "logs/llm.log").read_text()
        check("identifiers" in audited, "the lookup was not audited")


def test_a_rotation_outlives_a_kill():
    with world() as w:
        w.start_simulator()
        w.start_server()
        equal(command(w, "keyring", "rotate", "--now").returncode, 0, "rotate")
        before = command(w, "lookup", "--kind", "u", text=PERSON).stdout
        w.server.kill()
        w.start_server()
        equal(command(w, "lookup", "--kind", "u", text=PERSON).stdout, before, "pseudonyms after the kill")


if __name__ == "__main__":
    run(test_lookup_gives_the_pseudonyms_of_every_epoch_and_leaves_no_trace, test_a_rotation_outlives_a_kill)
