#!/usr/bin/env python3
"""POST /admin/v1/config and PUT /admin/v1/config/policy: whole or not at all, in the file and in force, audited, without a
secret in an answer; one after the other; and a reload that does the same from the file."""
import concurrent.futures
import json
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import ADMIN_KEY, BINARY, CLIENT_KEY, Process, check, equal, run, wait_for, whole_lines, world  # noqa: E402

UPSTREAM_KEY = "sk-test00000000000000000000ofconfig"
ENV = {"SG_TEST_UPSTREAM": UPSTREAM_KEY}
NEW_KEY = "sg_testclient0000000000000002"


def start(w, extra="", env=None):
    """A server whose file has comments and references to the environment."""
    (w.folder / "server.port").unlink(missing_ok=True)
    path = w.folder / "sightglass.yaml"
    if not path.exists():
        path.write_text(f"""# by hand
listen: "127.0.0.1:0"   # any port
port_file: {w.folder}/server.port
data: {w.folder}/data
admin_key: {ADMIN_KEY}
keys: {{path: {w.folder}/keyring}}
# the simulated provider
providers:
  - {{id: openai, kind: openai, base_url: "http://127.0.0.1:{w.upstream}/v1", api_keys: ["${{SG_TEST_UPSTREAM}}"]}}
clients:
  - {{id: app, key: {CLIENT_KEY}}}
logging:
  file: {{enabled: true, path: {w.folder}/logs/llm.log}}
{extra}""")
        path.chmod(0o640)
    w.server = Process(w.folder, "server", [BINARY, "serve", "--config", path], {**ENV, **(env or {})})
    w.port = int(w._wait_file(w.folder / "server.port", w.server))
    wait_for(w._healthy, "the server's health")
    return path


def post(w, body, path="/admin/v1/config"):
    answer = w.admin("POST", path, body if isinstance(body, str) else json.dumps(body))
    check(UPSTREAM_KEY not in answer.text and CLIENT_KEY not in answer.text and ADMIN_KEY not in answer.text, f"a secret: {answer.text}")
    return answer


def policy(w, body):
    return w.admin("PUT", "/admin/v1/config/policy", json.dumps(body))


def audit(w):
    return [json.loads(line) for line in whole_lines(w.folder / "data/audit/audit.jsonl") if line]


def model_of(w, model, key=CLIENT_KEY):
    answer = w.chat("sim: tokens=3\nwords", model=model, key=key)
    return answer.json()["model"] if answer.status == 200 else answer.status


def test_a_change_is_in_force_at_once_and_after_a_restart():
    with world() as w:
        w.start_simulator()
        path = start(w)
        before = path.read_text()
        answer = post(w, {"model_aliases": {"fast": "gpt-4o-mini"}})
        equal(answer.status, 200, answer.text)
        got = answer.json()
        equal(list(got)[0], "message", "the printed member first")
        equal(got["message"], "Config updated successfully", "as printed")
        equal((got["in_force"], got["restart_needed"]), (["model_aliases"], []), "what it did")
        equal(model_of(w, "fast"), "gpt-4o-mini", "the alias is in force")
        check(path.read_text().startswith(before), f"what was there stays as it was:\n{path.read_text()}")
        equal(path.stat().st_mode & 0o777, 0o640, "the file's permissions")
        equal([p.name for p in w.folder.glob("sightglass.yaml*")], ["sightglass.yaml"], "nothing is left beside it")
        # A further client, and the first one gone: from the next request on.
        got = post(w, {"clients": [{"id": "other", "key": NEW_KEY, "limits": {"requests_per_minute": 2}}]}).json()
        equal(got["in_force"], ["clients"], "clients")
        equal(model_of(w, "fast"), 401, "the client that is no more")
        equal([model_of(w, "fast", NEW_KEY) for _ in range(3)], ["gpt-4o-mini", "gpt-4o-mini", 429], "the new one and its limit")
        equal([c["id"] for c in w.admin("GET", "/admin/v1/clients/list").json()["clients"]], ["other"], "as the API lists them")
        equal(w.admin("POST", "/admin/v1/clients", json.dumps({"client_id": "other"})).status, 409, "its id is taken")
        equal(w.admin("POST", "/admin/v1/clients", json.dumps({"client_id": "app"})).status, 200, "the other's is free")
        # What only a restart applies is said, written, and not shown as if it were in force.
        got = post(w, {"listen": "127.0.0.1:0", "limits": {"connections": 99}}).json()
        equal((got["in_force"], got["restart_needed"]), ([], ["limits.connections"]), "restart")
        check("SG_TEST_UPSTREAM" in path.read_text() and UPSTREAM_KEY not in path.read_text(), "the reference is still one")
        w.server.stop()
        start(w)
        equal(model_of(w, "fast"), 401, "after a restart, too")
        equal(w.admin("POST", "/admin/v1/config/reload").json()["restart_needed"], [], "the restart has applied it")
        w.stop()


def test_an_answer_may_be_changed_and_sent_back():
    """In the seed's own names, under both prefixes; masked secrets stand for those of the file."""
    with world() as w:
        w.start_simulator()
        path = start(w)
        before = path.read_text()
        shown = w.admin("GET", "/api/admin/v1/config").json()
        equal(post(w, shown, "/api/admin/v1/config").json()["in_force"], [], "sent back as it was")
        equal(path.read_text(), before, "the file")
        shown["ModelAliases"] = {"quick": "gpt-4o"}
        shown["LLMProviders"][0]["APIKeys"].append("sk-test00000000000000000000asecond")
        shown["APIKeys"].append({"ID": "second", "Key": NEW_KEY, "AllowedProviders": ["openai"]})
        got = post(w, shown, "/api/admin/v1/config")
        equal(sorted(got.json()["in_force"]), ["clients", "model_aliases", "providers"], got.text)
        equal((model_of(w, "quick"), model_of(w, "quick", NEW_KEY)), ("gpt-4o", "gpt-4o"), "in force")
        shown = w.admin("GET", "/admin/v1/config").json()
        equal(shown["LLMProviders"][0]["APIKeys"], ["****", "****"], "two keys, masked")
        check("${SG_TEST_UPSTREAM}" in path.read_text(), "the reference is still one")
        for i in range(4):
            model_of(w, "quick")
        keys = {line["key"] for line in wait_for(lambda: (lambda rows: rows if len(rows) == 6 else None)(
            [line for line in w.log_lines() if line.get("outcome")]), "six lines")}
        equal(len(keys), 2, f"both keys take turns: {keys}")
        w.stop()


def test_the_policy():
    with world() as w:
        w.start_simulator()
        path = start(w)
        answer = policy(w, {"algorithm": "least-loaded", "priority": "balanced", "cache": {"enabled": False, "ttl_seconds": 300}})
        equal(answer.status, 200, answer.text)
        equal(list(answer.json())[:2], ["message", "policy"], "the printed members first")
        equal(answer.json()["policy"], {"algorithm": "least_loaded", "priority": "balanced",
                                        "cache": {"enabled": False, "ttl_seconds": 300}}, "as printed; a dash is accepted")
        equal(w.admin("GET", "/admin/v1/config").json()["Policy"]["Algorithm"], "least_loaded", "in force")
        equal(policy(w, {"algorithm": "random"}).json()["policy"]["cache"]["ttl_seconds"], 300, "what is not named stays")
        before = path.read_text()
        for body, words in (({"algorithm": "fastest"}, "round_robin"), ({"algorithm": "weighted"}, "weights"),
                            ({"priority": "cost"}, "balanced"), ({"cache": {"enabled": True}}, "content"),
                            ({"algoritm": "random"}, 'did you mean \\"algorithm\\"?'), ({"cache": {"ttl": 5}}, "ttl_seconds"),
                            ({"cache": {"ttl_seconds": -1}}, "whole number"), ({}, "JSON object"), ([], "JSON object"),
                            ({"algorithm": 5}, "text"), ({"algorithm": "${PATH}"}, "round_robin")):
            got = policy(w, body)
            equal(got.status, 400, f"{body}: {got.text}")
            check(words in got.text, f"{body}: {got.text}")
        equal(path.read_text(), before, "the file")
        w.server.stop()
        start(w)
        equal(w.admin("GET", "/api/admin/v1/config").json()["Policy"]["Algorithm"], "random", "after a restart")
        w.stop()


def test_what_is_wrong_changes_nothing_and_is_said():
    with world() as w:
        w.start_simulator()
        path = start(w, "model_aliases: {fast: gpt-4o-mini}\n")
        before, shown = path.read_text(), w.admin("GET", "/admin/v1/config").json()
        good = {"model_aliases": {"slow": "gpt-4o"}}
        for body, words in (
                ({**good, "lissten": ":1"}, "did you mean 'listen'?"), ({**good, "listen": "nowhere"}, "address:port"),
                ({**good, "providers": [{"id": "x"}]}, "base_url"), ({**good, "policy": {"algorithm": "fastest"}}, "round_robin"),
                ({**good, "data": "/elsewhere"}, "stands in the configuration file only"),
                ({**good, "audit": {"enabled": False}}, "stands in the configuration file only"),
                ({**good, "packs": ["/etc/passwd"]}, "stands in the configuration file only"),
                ({**good, "sampling": {"no_such_type": 2}}, "no pack declares"),
                ({**good, "store": {"rollup_minutes": "10d", "rollup_hours": "1d"}}, "rollup_hours"),
                ({**good, "service": "${SG_TEST_UPSTREAM}"}, "can only be written into the file"),
                ({**good, "providers": [{"id": "openai", "base_url": "http://127.0.0.1:1/v1", "api_keys": ["****"]}]}, "in full"),
                ({**good, "providers": [{"id": "m", "base_url": "http://169.254.169.254/v1"}]}, "only the file may name"),
                ({**good, "clients": [{"id": "a", "key": NEW_KEY}, {"id": "b", "key": NEW_KEY}]}, "same key"),
                ({**good, "clients": [{"id": "a", "key": "short"}]}, "20 characters"),
                ("{", "not valid"), ("", "nothing to change"), ("[]", "must be a map"), ({"Server": {"Listn": "x"}}, "Server.Listen")):
            got = post(w, body)
            equal(got.status, 400, f"{body}: {got.text}")
            check(words in got.text, f"{body}: {got.text}")
            equal(path.read_text(), before, f"the file after {body}")
        equal(post(w, "x" * (5 << 20)).status, 413, "a body too large")
        equal(w.admin("GET", "/admin/v1/config").json(), shown, "in force")
        equal(model_of(w, "fast"), "gpt-4o-mini", "the alias of before")
        # A file that cannot be written: as before, and said.
        blocked = w.folder / "sightglass.yaml.new"
        blocked.mkdir()
        (blocked / "x").touch()
        got = post(w, good)
        check(got.status >= 500 and "cannot be written" in got.text, got.text)
        equal((path.read_text(), w.admin("GET", "/admin/v1/config").json()), (before, shown), "nothing has changed")
        (blocked / "x").unlink()
        blocked.rmdir()
        equal(post(w, good).status, 200, "and now it can")
        # What somebody broke by hand is not written over.
        path.write_text(path.read_text() + "lissten: x\n")
        equal(post(w, {"model_aliases": {}}).status, 400, "a broken file")
        check("lissten: x" in path.read_text(), "it is as it was left")
        w.stop()


def test_changes_at_once_come_one_after_the_other():
    with world() as w:
        w.start_simulator()
        path = start(w)
        bodies = [{"model_aliases": {"a": "gpt-4o"}}, {"policy": {"algorithm": "random"}}, {"service": "edge"}, {"environment": "test"},
                  {"pass_through": "off"}, {"limits": {"connections": 99}}, {"live": {"summary_interval": 7}},
                  {"upstream": {"connect_timeout": "3s"}}]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            equal([a.status for a in pool.map(lambda body: post(w, body), bodies)], [200] * 8, "all of them")
        text = path.read_text()
        for body in bodies:
            check(f"\n{next(iter(body))}:" in text, f"{body} is lost:\n{text}")
        equal(w.command("check", "--config", path, env=ENV).returncode, 0, "the file is right")
        w.stop()


def test_a_kill_leaves_the_old_file_or_the_new_one():
    for point, alias in (("config.before_rename", False), ("config.after_rename", True)):
        with world() as w:
            w.start_simulator()
            path = start(w, env={"SIGHTGLASS_FAILPOINT": point})
            before = path.read_text()
            try:
                post(w, {"model_aliases": {"fast": "gpt-4o-mini"}})
            except OSError:
                pass
            w.server.child.wait(20)
            equal(w.server.child.returncode, -signal.SIGKILL, f"{point} was not hit")
            equal("fast" in path.read_text(), alias, point)
            check(path.read_text().startswith(before), "what was there")
            start(w)
            equal(post(w, {"model_aliases": {"quick": "gpt-4o-mini"}}).status, 200, "and again")
            equal(model_of(w, "quick"), "gpt-4o-mini", "in force")
            equal(sorted(p.name for p in w.folder.glob("sightglass.yaml*")), ["sightglass.yaml"], "nothing is left beside it")
            w.stop()


def test_changes_are_audited():
    with world() as w:
        w.start_simulator()
        start(w)
        equal(post(w, {"model_aliases": {"a": "gpt-4o"}, "limits": {"connections": 99}}).status, 200, "a change")
        equal(policy(w, {"algorithm": "random"}).status, 200, "another")
        equal(post(w, {"lissten": 1}).status, 400, "one that was refused")
        def told():
            lines = audit(w)
            changes = [(x["config_key"], x["config_effect"], x["admin_actor"]) for x in lines if x["event_type"] == "admin_config_changed"]
            done = [(x["admin_path"], x["status_code"]) for x in lines if x["event_type"] == "admin_request" and "config" in x["admin_path"]]
            return (changes, done) if len(done) == 3 else None
        changes, done = wait_for(told, "the audit trail")
        equal(changes[:2], [("model_aliases", "in_force", "admin"), ("limits.connections", "restart_needed", "admin")], "the first")
        check(("policy.algorithm", "in_force", "admin") in changes[2:], f"the second: {changes}")
        equal(done, [("/admin/v1/config", 200), ("/admin/v1/config/policy", 200), ("/admin/v1/config", 400)], "the requests")
        wait_for(lambda: "[AUDIT] PUT /admin/v1/config/policy from 127.0.0.1" in w.server.err_path.read_text(), "the printed line")
        wait_for(lambda: "[AUDIT] POST /admin/v1/config completed in " in w.server.err_path.read_text(), "its end")
        equal(w.command("audit", "verify", "--data", w.folder / "data").returncode, 0, "the chain holds")
        equal(w.sum_of('sightglass_config_reloads_total{result="refused"}'), 1, "refusals are counted")
        w.stop()


def test_a_reload_puts_the_same_in_force():
    with world() as w:
        w.start_simulator()
        path = start(w)
        path.write_text(path.read_text().replace(f"key: {CLIENT_KEY}", f"key: {NEW_KEY}") + "model_aliases: {fast: gpt-4o-mini}\n")
        os.kill(w.server.child.pid, signal.SIGHUP)
        wait_for(lambda: model_of(w, "fast", NEW_KEY) == "gpt-4o-mini", "the alias and the new key")
        equal(model_of(w, "fast"), 401, "the old key")
        w.stop()


if __name__ == "__main__":
    run(test_a_change_is_in_force_at_once_and_after_a_restart, test_an_answer_may_be_changed_and_sent_back, test_the_policy,
        test_what_is_wrong_changes_nothing_and_is_said, test_changes_at_once_come_one_after_the_other,
        test_a_kill_leaves_the_old_file_or_the_new_one, test_changes_are_audited, test_a_reload_puts_the_same_in_force)
