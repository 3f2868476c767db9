#!/usr/bin/env python3
"""Makes mistakes on purpose: requests, credentials, configuration, damaged files, a port and a folder
in use. Each gets a clear answer in the protocol's own shape, is counted, and costs nothing that was
accepted before."""
import json
import os
import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import CLIENT_KEY, PATIENCE_S, ROOT, check, equal, run, wait_for, world  # noqa: E402

JSON = {"Authorization": f"Bearer {CLIENT_KEY}", "Content-Type": "application/json"}


def openai_error(answer, status, what):
    equal(answer.status, status, what)
    error = answer.json()["error"]
    check(error["message"] and error["type"], f"{what}: not OpenAI's error shape: {answer.text}")
    check(answer.headers.get("x-request-id"), f"{what}: no x-request-id")
    check(answer.headers["x-request-id"] in answer.text, f"{what}: the body does not name the request id")
    return error


def anthropic_error(answer, status, what):
    equal(answer.status, status, what)
    body = answer.json()
    equal(body["type"], "error", what)
    check(body["error"]["type"] and body["error"]["message"], f"{what}: not Anthropic's error shape: {answer.text}")
    check(answer.headers["x-request-id"] in answer.text, f"{what}: the body does not name the request id")


def raw(port, data, half_close=True):
    """What the server answers to bytes that no library would send."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as s:
        s.sendall(data)
        if half_close:
            s.shutdown(socket.SHUT_WR)
        out = b""
        while True:
            try:
                piece = s.recv(65536)
            except (ConnectionResetError, socket.timeout):
                break
            if not piece:
                break
            out += piece
    return out


def test_requests_that_are_wrong():
    with world() as w:
        w.start_simulator()
        w.start_server("limits: {body_bytes: 1MiB}\n")
        equal(w.chat("hello").status, 200, "a right request")
        openai_error(w.ask("POST", "/v1/chat/completions", "{not json", JSON), 400, "malformed JSON")
        # What is well-formed is the provider's to judge; its own words reach the client.
        equal(w.ask("POST", "/v1/chat/completions", '{"messages":[]}', JSON).status, 400, "no model")
        equal(w.ask("POST", "/v1/chat/completions", '{"model":7,"messages":[]}', JSON).status, 400, "a model of the wrong type")
        openai_error(w.ask("POST", "/v1/chat/completions", json.dumps({"model": "gpt-4o", "x": "y" * 2_000_000}), JSON), 413, "an oversized body")
        openai_error(w.chat("x", key="sg_wrong00000000000000000"), 401, "a wrong key of ours")
        openai_error(w.ask("POST", "/v1/chat/completions", "{}", {"Content-Type": "application/json"}), 401, "no key")
        openai_error(w.ask("GET", "/v1/chat/completions", None, JSON), 405, "a wrong method")
        openai_error(w.ask("POST", "/v1/nothing/here", "{}", JSON), 404, "an unknown path below /v1")
        anthropic_error(w.ask("POST", "/v1/messages", "{not json", {"x-api-key": CLIENT_KEY}), 400, "malformed JSON for Anthropic")
        anthropic_error(w.ask("POST", "/v1/messages", "{}", {"x-api-key": "sg_wrong00000000000000000"}), 401, "a wrong key for Anthropic")
        equal(w.ask("GET", "/nothing", None, {}).status, 404, "an unknown path")
        # The upstream's refusals pass in its own words to the client, and as a type to us.
        for status, kind in ((400, "provider_bad_request"), (401, "provider_auth_failed"), (404, "provider_not_found"),
                             (429, "provider_rate_limited"), (500, "provider_server_error"), (529, "provider_overloaded")):
            answer = w.chat(f"sim: status={status} message=theirs")
            equal(answer.status, status, f"the provider's {status}")
            check("theirs" in answer.text, "the provider's own body reaches the client")
            # The record is folded a group commit after the answer; two workers' records of one commit stand in
            # either order.
            wait_for(lambda: kind in [e["error_type"] for e in w.admin("GET", "/metrics/logs").json()["errors"][:3]],
                     f"the error_type of {status}")
        check(w.reconcile()["agree"], "the witnesses differ")
        w.stop()


def test_bytes_that_are_not_http():
    with world() as w:
        w.start_simulator()
        w.start_server()
        host = b"Host: 127.0.0.1\r\n"
        cases = {
            b"GET / HTTP/1.1\nHost: x\n\n": b"400", b"BROKEN\r\n\r\n": b"400", b"GET / HTTP/9.9\r\n" + host + b"\r\n": b"505",
            b"POST /v1/messages HTTP/1.1\r\n" + host + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": b"400",
            b"POST /v1/messages HTTP/1.1\r\n" + host + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc": b"400",
            b"GET / HTTP/1.1\r\n" + host + b"A : b\r\n\r\n": b"400", b"GET / HTTP/1.1\r\n" + host + b"A: b\r\n c\r\n\r\n": b"400",
            b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + host + b"\r\n": b"414",
            b"GET / HTTP/1.1\r\n" + host + b"".join(b"H%d: v\r\n" % i for i in range(120)) + b"\r\n": b"431",
            b"GET / HTTP/1.1\r\n\r\n": b"400", b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n": b"421",
        }
        for data, status in cases.items():
            answer = raw(w.port, data)
            equal(answer[9:12], status, f"the answer to {data[:60]!r}")
        rejected = sum(v for k, v in w.series().items() if k.startswith("sightglass_http_rejections_total"))
        check(rejected >= 8, f"only {rejected} rejections were counted")
        equal(w.chat("still alive").status, 200, "a right request afterwards")
        w.stop()


def test_credentials_of_the_admin_api():
    with world() as w:
        w.start_simulator()
        w.start_server()
        paths = ["/admin/v1/health", "/admin/v1/metrics", "/admin/v1/metrics/global", "/admin/v1/metrics/clients/app",
                 "/admin/v1/metrics/providers/openai"]
        for path in paths + ["/api" + p for p in paths]:
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"x-api-key": "wrong"}, {"Authorization": "Basic abc"},
                            {"Authorization": "Bearer webui-admin-1760000000"}, {"Authorization": "Bearer "}):
                answer = w.ask("GET", path, None, headers)
                check(answer.status in (401, 429), f"{path} with {headers}: {answer.status}")
                check("total" not in answer.text and "points" not in answer.text, f"{path} shows something: {answer.text}")
        w.stop()


def test_times_that_are_wrong():
    with world() as w:
        w.start_simulator()
        w.start_server()
        for query in ("start=abc", "start=5&end=3", "end=-1", "start=1e300", "strat=1", "start=1&end=99999999999"):
            answer = w.admin("GET", "/admin/v1/metrics/global?" + query)
            equal(answer.status, 400, query)
            check(answer.json()["error"]["message"], f"{query}: no message")
        for query in ("include_active=maybe", "since=then", "providr=x"):
            equal(w.admin("GET", "/metrics/running-totals?" + query).status, 422, query)
        equal(w.admin("GET", "/metrics/logs?limit_errors=0").status, 422, "limit 0")
        w.stop()


def test_a_port_or_folder_in_use():
    with world() as w:
        w.start_simulator()
        w.start_server()
        config = w.config()
        second = w.command("serve", "--config", config)
        equal(second.returncode, 2, "a second server on the folder")
        check("in use" in second.stderr and "--data" in second.stderr, f"the message: {second.stderr}")
        third = w.command("serve", "--config", config, "--data", w.folder / "other", "--listen", f"127.0.0.1:{w.port}")
        equal(third.returncode, 2, "a second server on the port")
        check(str(w.port) in third.stderr and "in use" in third.stderr, f"the message: {third.stderr}")
        equal(w.chat("hello").status, 200, "the first goes on")
        w.stop()


def test_configuration_that_is_wrong():
    with world() as w:
        path = w.folder / "bad.yaml"
        path.write_text("listen: 127.0.0.1:0\nproviderz: []\n")
        for command in ("serve", "check"):
            done = w.command(command, "--config", path)
            check(done.returncode in (1, 2), f"{command}: {done.returncode}")
            check(":2:" in done.stdout + done.stderr and "providers" in done.stdout + done.stderr,
                  f"{command} names line and nearest key: {done.stdout}{done.stderr}")
        missing = w.command("serve", "--config", w.folder / "none.yaml")
        equal(missing.returncode, 2, "a file that is not there")
        unreadable = w.command("serve", "--data", "/proc/nowhere", "--listen", "127.0.0.1:0")
        equal(unreadable.returncode, 2, "a folder that cannot be made")
        check("--data" in unreadable.stderr, f"the message: {unreadable.stderr}")
        number = w.command("serve", env={"LOG_SUMMARY_INTERVAL": "many"})
        check("LOG_SUMMARY_INTERVAL" in number.stderr, f"the message: {number.stderr}")
        equal(w.command("nonsense").returncode, 2, "an unknown command")
        for command in ("serve", "demo", "check", "reconcile", "admin-key", "simulate"):
            help_text = w.command(command, "--help")
            equal(help_text.returncode, 0, f"{command} --help")
            check("Example:" in help_text.stdout, f"{command} --help has no example")
        reference = w.command("check", "--reference").stdout
        check(reference == (ROOT / "docs/configuration.md").read_text(), "docs/configuration.md is not what `check --reference` prints")
        check(w.command("--version").stdout.startswith("sightglass "), "--version")


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(bytes(data))


def test_damaged_files_cost_nothing_else():
    with world() as w:
        w.start_simulator()
        w.start_server()
        for i in range(30):
            w.chat(f"request {i}")
        before = w.reconcile()["witnesses"]["meter"]
        equal(before["requests"], 30, "requests before")
        w.stop()
        snapshots = sorted((w.folder / "data/snapshots").iterdir())
        check(snapshots, "no snapshot was written")
        newest = max((p for p in snapshots if "meter" in p.name), key=os.path.getmtime)
        flip(newest, newest.stat().st_size // 2)
        segment = sorted((w.folder / "data/journal").glob("*.sgj"))[-1]
        with open(segment, "ab") as f:
            f.write(b"torn tail of a batch")
        w.start_simulator()
        w.start_server()
        after = w.reconcile()
        equal(after["witnesses"]["meter"], before, "the meter after a damaged snapshot and a torn tail")
        check(after["agree"], "the witnesses differ")
        w.stop()


if __name__ == "__main__":
    run(test_requests_that_are_wrong, test_bytes_that_are_not_http, test_credentials_of_the_admin_api,
        test_times_that_are_wrong, test_a_port_or_folder_in_use, test_configuration_that_is_wrong,
        test_damaged_files_cost_nothing_else)
