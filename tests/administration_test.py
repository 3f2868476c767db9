#!/usr/bin/env python3
"""The Administration seed's requests as printed and their answers; the route table as its OpenAPI document;
credentials of every admin route; the audit trail; health."""
import base64
import hashlib
import hmac
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import ADMIN_KEY, ADMIN_PAUSE_S, NODE, ROOT, check, equal, run, wait_for, whole_lines, world  # noqa: E402

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden/administration"


def golden(name):
    return json.loads((GOLDEN / f"{name}.json").read_text())


def printed_as(got, wanted, what):
    """The printed keys first, in their order, with values of the printed kinds."""
    equal(list(got)[:len(wanted)], list(wanted), f"{what}: keys")
    for key, value in wanted.items():
        kind = (int, float) if isinstance(value, (int, float)) else type(value)
        check(isinstance(got[key], kind), f"{what}: {key} is {got[key]!r}, printed {value!r}")


def shell(text, port, key):
    """A printed command in a POSIX shell, with this server's port and the key that it speaks of."""
    text = text.replace("localhost:2906", f"127.0.0.1:{port}").replace("curl ", "curl -s ")
    text = re.sub(r"Bearer (your-)?admin-key", f"Bearer {key}", text)
    done = subprocess.run(["sh", "-c", text + "\nwait"], capture_output=True, text=True, timeout=300)
    check(done.stdout, f"{text}: no output; {done.stderr}")
    return json.loads(done.stdout)


def traffic(w):
    for i in range(4):
        w.chat(f"sim: tokens={i + 1}\nsome words")
        w.messages("sim: tokens=9 cached=3\na b c d")
    w.chat("sim: status=500")
    w.chat("hello", model="acme-unpriced-1")
    equal(w.reconcile()["witnesses"]["store"]["requests"], 10, "the store has all")


# ---- requests and answers as printed ----------------------------------------------------------------

def test_the_printed_commands_and_answers():
    """S4-C01 to C04, S4-A01 to A03, S4-J01 to J05, S4-F01 to F04, S4-B05 to B07."""
    with world() as w:
        w.start_simulator()
        w.start_server()
        traffic(w)
        key, now = ADMIN_KEY, int(time.time())
        client = shell('curl -H "Authorization: Bearer admin-key" \\\n'
                       '  http://localhost:2906/admin/v1/metrics/clients/client-123', w.port, key)
        printed_as(client, golden("clients"), "a client that nobody knows")
        equal((client["client_id"], client["total_requests"], client["total_cost"]), ("client-123", 0, 0), "client-123")
        equal(shell("curl http://localhost:2906/health", w.port, key), {"status": "ok"}, "health")
        health = shell('curl -H "Authorization: Bearer admin-key" \\\n  http://localhost:2906/admin/v1/health', w.port, key)
        equal(health["status"], "ok", "detailed health")
        # Without quotes the shell cuts at `&`: `end` never arrives, and 200 it is for start until now (S4-C02).
        unquoted = shell('curl -H "Authorization: Bearer your-admin-key" \\\n'
                         '  http://localhost:2906/admin/v1/metrics?start=1700000000&end=1700003600', w.port, key)
        printed_as(unquoted, golden("metrics"), "the unquoted command")
        check(unquoted["tokens"]["points"], "start until now has today's points")
        for prefix in ("", "/api"):
            quoted = shell(f'curl -H "Authorization: Bearer your-admin-key" '
                           f'"http://localhost:2906{prefix}/admin/v1/metrics?start=1700000000&end=1700003600"', w.port, key)
            equal(quoted, {"latency": {"points": []}, "tokens": {"points": []}}, "both bounds hold: no data, no null")
            for name, path in (("clients", "clients/app"), ("providers", "providers/openai"), ("global", "global")):
                for query in ("?start=1700000000&end=1700003600", f"?start={now - 600}&end={now + 60}", ""):
                    answer = w.admin("GET", f"{prefix}/admin/v1/metrics/{path}{query}")
                    equal(answer.status, 200, path + query)
                    printed_as(answer.json(), golden(name), path + query)
        equal(w.ask("GET", "/admin/v1/metrics/clients/client-123").status, 401, "without a key")
        w.stop()


def test_numbers_of_clients_providers_and_all():
    """S4-F01 to F04, S4-B34, S4-J01 to J03: held against the log's lines; cost by provider sums up (S4-F02)."""
    with world() as w:
        w.start_simulator()
        w.start_server()
        traffic(w)
        ended = wait_for(lambda: (lambda rows: rows if len(rows) == 10 else None)(
            [line for line in w.log_lines() if line.get("outcome")]), "ten lines")
        nano = lambda rows: round(sum(r.get("costCents", 0) for r in rows) * 1e7)  # noqa: E731
        tokens = lambda rows: sum(r.get("total_tokens", 0) for r in rows)  # noqa: E731
        client = w.admin("GET", "/admin/v1/metrics/clients/app").json()
        equal((client["total_requests"], client["total_tokens"]), (10, tokens(ended)), "of the client")
        equal(round(client["total_cost"] * 1e9), nano(ended), "its cost")
        equal(client["success_rate"], 0.9, "its success rate")
        equal(client["unpriced_requests"], 1, "unpriced, beside")
        equal(sum(round(v * 1e9) for v in client["cost_by_provider"].values()), nano(ended), "cost by provider")
        check(abs(client["last_request_time"] - time.time()) < 300, "last activity in Unix seconds")
        for provider in ("openai", "anthropic"):
            mine = [r for r in ended if r["provider"] == provider]
            got = w.admin("GET", f"/admin/v1/metrics/providers/{provider}").json()
            equal((got["total_requests"], got["total_tokens"]), (len(mine), tokens(mine)), provider)
            equal(round(got["total_cost"] * 1e9), nano(mine), f"cost of {provider}")
            equal(round(client["cost_by_provider"][provider] * 1e9), nano(mine), f"of {provider} by the client")
            equal(got["error_count"], 1 if provider == "openai" else 0, f"errors of {provider}")
            equal(sum(round(v * 1e9) for v in got["cost_by_key"].values()), nano(mine), f"cost of {provider} by key")
        everything = w.admin("GET", "/admin/v1/metrics/global").json()
        equal((everything["total_clients"], everything["total_providers"]), (1, 2), "clients and providers")
        equal(everything["total_tokens"], tokens(ended), "tokens of all")
        stats(w, ended, tokens, nano)
        w.stop()


def stats(w, ended, tokens, nano):
    """GET /v1/stats of the original: nested by dimensions, filtered by the same names."""
    got = w.admin("GET", "/api/admin/v1/stats?group_by=provider,model").json()
    equal(got["group_by"], ["provider", "model"], "group_by")
    wanted = {}
    for row in ended:
        wanted.setdefault(row["provider"], {}).setdefault(row["modelId"], []).append(row)
    equal({p: {m: (c["queries"], c["tokens"], round(c["cost"] * 1e9)) for m, c in inner.items()} for p, inner in got["stats"].items()},
          {p: {m: (len(rows), tokens(rows), nano(rows)) for m, rows in inner.items()} for p, inner in wanted.items()}, "stats")
    by_key = w.admin("GET", "/admin/v1/stats?group_by=provider,key&client_key=app").json()
    check(all(re.fullmatch(r"(openai|anthropic)-[0-9a-f]{16}", key) for inner in by_key["stats"].values() for key in inner),
          f"keys are hashed ids: {by_key['stats']}")
    equal(sum(cell["tokens"] for inner in by_key["stats"].values() for cell in inner.values()), tokens(ended), "tokens by key")
    equal(list(w.admin("GET", "/admin/v1/stats").json()["stats"]), ["app"], "by client_key where nothing is said")
    equal(w.admin("GET", "/admin/v1/stats?provider=nobody").json()["stats"], {}, "a filter that nothing passes")
    for query in ("group_by=colour", "group_by=id,client_key", "start=9&end=8", "colour=red"):
        equal(w.admin("GET", "/admin/v1/stats?" + query).status, 400, query)


def test_one_series_by_its_name():
    """S4-A06, S4-J05: latency, tokens, cost; ascending; tokens and cost sum up to the totals."""
    with world() as w:
        w.start_simulator()
        w.start_server()
        traffic(w)
        now = int(time.time())
        everything = w.admin("GET", "/admin/v1/metrics/global").json()
        for prefix in ("", "/api"):
            for name in ("latency", "tokens", "cost"):
                got = w.admin("GET", f"{prefix}/admin/v1/metrics?name={name}&start={now - 600}&end={now + 5}&step=1").json()
                equal(list(got), ["name", "start", "end", "points"], name)
                equal((got["name"], got["start"], got["end"]), (name, now - 600, now + 5), name)
                times = [point["timestamp"] for point in got["points"]]
                check(times == sorted(set(times)) and times, f"{name}: {times}")
                values = [point["value"] for point in got["points"]]
                if name == "tokens":
                    equal(sum(values), everything["total_tokens"], "tokens")
                if name == "cost":
                    equal(sum(round(v * 1e9) for v in values), round(everything["total_cost"] * 1e9), "cost")
                if name == "latency":
                    check(all(v > 0 for v in values), f"latency in ms: {values}")
        for query in ("name=speed", "step=0", "start=5&end=3", "start=soon", "start=0&end=9000000000&step=1"):
            answer = w.admin("GET", "/admin/v1/metrics?" + query)
            equal(answer.status, 400, query)
            check(len(answer.json()["error"]["message"]) > 20, f"{query}: {answer.text}")
        # What is wrong is counted, by endpoint and status.
        counted = lambda: w.series().get('sightglass_admin_errors_total{endpoint="/admin/v1/metrics",status="400"}')  # noqa: E731
        wait_for(lambda: counted() == 5, "five errors of /admin/v1/metrics")
        w.stop()


# ---- the route table ----------------------------------------------------------------------------------

PRINTED = {("get", path) for prefix in ("", "/api") for path in (
    prefix + "/admin/v1/metrics", prefix + "/admin/v1/metrics/global", prefix + "/admin/v1/metrics/clients/{client_id}",
    prefix + "/admin/v1/metrics/providers/{provider_id}", prefix + "/admin/v1/health", prefix + "/admin/v1/stats")
} | {("post", prefix + "/admin/v1/config") for prefix in ("", "/api")} | {
     ("put", prefix + "/admin/v1/config/policy") for prefix in ("", "/api")} | {
     ("get", "/health"), ("get", "/metrics"), ("post", "/api/login"), ("post", "/admin/v1/clients"),
     ("delete", "/admin/v1/clients/{client_id}"), ("delete", "/metrics/active-requests/{request_id}")}
VALUES = {"client_id": "app", "provider_id": "openai", "id": "openai", "rest": "models", "name": "coo_llm_requests_total",
          "pack": "morpheus"}


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def called(w, path, method, operation, headers):
    """One documented operation with its documented example."""
    url = re.sub(r"\{(\w+)\}", lambda m: VALUES.get(m[1], "x"), path)
    body = None
    if "requestBody" in operation:
        body = json.dumps(operation["requestBody"]["content"]["application/json"]["example"])
    return w.ask(method.upper(), url, body, headers)


def test_the_openapi_document_is_the_route_table():
    """Every documented route answers, the printed ones are among them, and the document's own schema holds."""
    with world() as w:
        w.start_simulator()
        # Each call comes from an address of its own, since no address may ask a hundred times a minute.
        w.start_server("trusted_proxies: [127.0.0.1]\n")
        w.chat("something to look at")
        answer = w.admin("GET", "/admin/v1/openapi.json")
        document = answer.json()
        equal(w.ask("GET", "/admin/v1/openapi.json").status, 401, "without a key")
        equal(w.admin("GET", "/api/admin/v1/openapi.json").json(), document, "under both prefixes")
        done = subprocess.run([str(NODE), str(ROOT / "tests/e2e/lib/openapi.mjs")], input=answer.body, capture_output=True, timeout=300)
        equal((done.returncode, done.stdout.strip()), (0, b"3.1"), f"the schema: {done.stderr.decode()[:2000]}")
        documented = {(method, path) for path, method, _ in operations(document)}
        equal(PRINTED - documented, set(), "printed routes that are not documented")
        ids = [operation["operationId"] for _, _, operation in operations(document)]
        equal(len(ids), len(set(ids)), "operation ids")
        # What changes anything comes last: it must not disturb what is read.
        for i, (path, method, operation) in enumerate(sorted(operations(document), key=lambda o: o[2]["x-changes"])):
            check(operation["summary"] and isinstance(operation["x-changes"], bool), f"{method} {path}: help")
            if method == "get" and operation["x-realm"] == "admin":
                check(not operation["x-changes"], f"GET {path} changes nothing")
            if path.endswith(("/stream", "/logout")):
                continue  # without an end; and ends nobody's login here
            headers = {"Authorization": f"Bearer {ADMIN_KEY}", "Content-Type": "application/json",
                       "X-Forwarded-For": f"10.0.{i // 200}.{i % 200 + 1}"}
            got = called(w, path, method, operation, headers)
            check(got.status not in (405, 500) and "nothing at this path" not in got.text, f"{method} {path}: {got.status} {got.text[:200]}")
            if operation["x-realm"] == "admin" and method == "get" and "{" not in path:
                equal(got.status, 200, f"{method} {path}: {got.text[:200]}")
                check(got.headers["content-type"].startswith(next(iter(operation["responses"]["200"]["content"]))), f"{path}: its type")
        w.stop()


def test_the_configuration_is_shown_masked_and_tried():
    """GET /v1/config and POST /v1/config/validate of the original, without its leaks."""
    with world() as w:
        w.start_simulator()
        w.start_server()
        for prefix in ("", "/api"):
            answer = w.admin("GET", prefix + "/admin/v1/config")
            shown = answer.json()
            equal(shown["Server"]["AdminAPIKey"], "****", "the admin key")
            equal([(p["ID"], p["APIKeys"]) for p in shown["LLMProviders"]], [("openai", ["****"]), ("anthropic", ["****"])], "providers")
            equal([(c["ID"], c["Key"]) for c in shown["APIKeys"]], [("app", "****")], "clients")
            equal(shown["Logging"]["File"]["MaxSizeMB"], 100, "logging")
            for secret in (ADMIN_KEY, "sk-test", "sk-ant", "sg_test"):
                check(secret not in answer.text and secret[:4] + "****" not in answer.text, f"{secret} is shown")
            path = prefix + "/admin/v1/config/validate"
            good = 'listen: ":2906"\nproviders:\n  - {id: a, base_url: "https://a.example/v1", api_keys: ["${SOME_KEY}"]}\n'
            equal(w.admin("POST", path, good).text, "Config is valid", "as the original says it")
            as_json = {"Accept": "application/json"}
            equal(w.admin("POST", path, json.dumps({"listen": ":2906"}), as_json).json(), {"valid": True, "errors": []}, "as JSON")
            bad = w.admin("POST", path, "listen: 2906\nlissten: x\n", as_json)
            equal((bad.status, bad.json()["valid"]), (400, False), "faults")
            check(any(":2:" in e and "listen" in e for e in bad.json()["errors"]), f"line and nearest key: {bad.text}")
            equal(w.admin("POST", path, "lissten: x\n").status, 400, "faults as a sentence")
        w.stop()


# ---- who may not ----------------------------------------------------------------------------------------

def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(w, key=None, expires_in=3600):
    """A login's token as the server makes it, with the server's own key or another one."""
    text = (w.folder / "data/session-key").read_text().strip()
    secret = key or base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    now = int(time.time())
    payload = json.dumps({"admin_id": "admin", "type": "webui", "jti": "00112233445566778899aabbccddeeff", "iat": now - 7200,
                          "exp": now + expires_in}, separators=(",", ":"))
    signed = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + b64(payload.encode())
    return signed + "." + b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())


def login(w, password=ADMIN_KEY, headers=None):
    return w.ask("POST", "/api/login", json.dumps({"admin_id": "admin", "password": password}), headers)


def audit_lines(w):
    return [json.loads(line) for line in whole_lines(w.folder / "data/audit/audit.jsonl") if line]


def test_every_admin_route_refuses_whoever_may_not():
    """Without, with wrong, expired, forged and revoked credentials: 401, audited by reason, nothing shown."""
    with world() as w:
        w.start_simulator()
        w.start_server("trusted_proxies: [127.0.0.1]\nscrape_token: scrape-token-0123456789\n")
        w.chat("something that must not be shown", model="gpt-4o")
        document = w.admin("GET", "/admin/v1/openapi.json").json()
        revoked = login(w).json()["token"]
        equal(w.ask("GET", "/admin/v1/health", None, {"Authorization": f"Bearer {revoked}"}).status, 200, "the token works (S4-B13)")
        equal(w.ask("POST", "/api/logout", None, {"Authorization": f"Bearer {revoked}"}).status, 200, "logout")
        credentials = {"missing": {}, "wrong": {"Authorization": "Bearer not-the-admin-key-0000"},
                       "expired": {"Authorization": f"Bearer {token(w, expires_in=-60)}"},
                       "forged": {"Authorization": f"Bearer {token(w, key=b'x' * 32)}"},
                       "revoked": {"Authorization": f"Bearer {revoked}"},
                       "scrape_only": {"Authorization": "Bearer scrape-token-0123456789"}}
        asked, n = {reason: 0 for reason in credentials}, 0
        for path, method, operation in operations(document):
            if operation["x-realm"] != "admin":
                continue
            for reason, headers in credentials.items():
                n += 1
                got = called(w, path, method, operation, {**headers, "X-Forwarded-For": f"10.1.{n // 200}.{n % 200 + 1}"})
                equal(got.status, 403 if reason == "scrape_only" else 401, f"{method} {path} {reason}: {got.text[:200]}")
                equal(set(got.json()), {"error"}, f"{method} {path} {reason} shows something")
                check("gpt-4o" not in got.text and ADMIN_KEY not in got.text, f"{method} {path} {reason}: {got.text}")
                asked[reason] += 1
        equal(len(set(asked.values())), 1, "each credential at each route")
        # Past ten a second refused requests are one event with their number.
        def audited():
            lines = audit_lines(w)
            own = [line for line in lines if line["event_type"] == "admin_request" and line["status_code"] in (401, 403)]
            many = sum(line["count"] for line in lines if line["event_type"] == "admin_requests_refused")
            return (own, many) if len(own) + many == n else None
        own, many = wait_for(audited, f"{n} refused requests in the audit trail")
        check(own and {line["refusal_reason"] for line in own} <= set(credentials), "reasons")
        check(all("admin_actor" not in line for line in own), "nobody was let in")
        series = w.series()
        for reason in ("missing", "wrong", "expired", "forged", "revoked"):  # S4-B11, S4-B13
            equal(series[f'sightglass_auth_total{{result="{reason}"}}'], asked[reason], reason)
        w.stop()


def within_a_minute(w):
    """Failed logins and admin requests past the limits of one minute: made again, by a new server, where the machine
    was too slow to make them all within one."""
    while True:
        w.start_server()
        began = time.monotonic()
        equal(login(w).status, 200, "the right password")
        answers = [login(w, "wrong-password-00000") for _ in range(12)]
        last = login(w)
        statuses = [w.admin("GET", "/admin/v1/meters").status for _ in range(102)]
        limited = w.admin("GET", "/admin/v1/meters")
        if time.monotonic() - began < 55:
            return answers, last, statuses, limited
        w.server.stop()
        shutil.rmtree(w.folder / "data")
        shutil.rmtree(w.folder / "logs")


def test_logins_are_limited_counted_and_audited():
    """S4-B10 to B12, S4-Q02, S4-M08: with Retry-After; the answer does not say what was wrong."""
    with world() as w:
        w.start_simulator()
        answers, last, statuses, limited = within_a_minute(w)
        equal([a.status for a in answers].count(401), 10, "failed logins a minute")
        equal(answers[-1].status, 429, "the eleventh")
        check(1 <= int(answers[-1].headers["retry-after"]) <= 60, f"Retry-After: {answers[-1].headers}")
        equal(last.status, 429, "also with the right password, from this address")
        # A hundred admin requests a minute by identity and address (S4-Q02).
        equal((statuses.count(200), statuses[-1]), (100, 429), "admin requests")
        check(int(limited.headers["retry-after"]) >= 1, "Retry-After")
        w.reconcile()
        series = w.series()
        equal(series["coo_llm_admin_rate_limits_total"], 3 + 3, "limits that were hit")
        equal([series[f'sightglass_logins_total{{result="{r}"}}'] for r in ("ok", "failed", "limited")], [1, 10, 3], "logins")
        kinds = lambda: [line["event_type"] for line in audit_lines(w)]  # noqa: E731
        wait_for(lambda: kinds().count("admin_rate_limited") == 6, "the limits in the audit trail")
        equal((kinds().count("admin_login_success"), kinds().count("admin_login_failed")), (1, 10), "audited logins")
        w.stop()


def test_pages_of_configured_origins_may_call_with_a_token():
    """CORS as configured: named origins, no wildcard, never with a cookie."""
    with world() as w:
        w.start_simulator()
        w.start_server("admin_origins: ['https://ops.example']\n")
        ours, other = {"Origin": "https://ops.example"}, {"Origin": "https://evil.example"}
        asking = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
        preflight = w.ask("OPTIONS", "/api/admin/v1/health", None, {**ours, **asking})
        equal((preflight.status, preflight.headers["access-control-allow-origin"]), (204, "https://ops.example"), "a preflight")
        equal(preflight.headers["access-control-allow-headers"], "authorization", "its fields")
        equal(w.ask("OPTIONS", "/api/admin/v1/health", None, {**other, **asking}).status, 403, "of another origin")
        answer = w.admin("GET", "/admin/v1/health", None, ours)
        equal((answer.status, answer.headers["access-control-allow-origin"]), (200, "https://ops.example"), "a request")
        check("access-control-allow-credentials" not in answer.headers, "never with a cookie")
        check("access-control-allow-origin" not in w.admin("GET", "/admin/v1/health", None, other).headers, "no leave for others")
        equal(w.ask("GET", "/admin/v1/health", None, ours).status, 401, "an origin is no credential")
        equal(login(w, headers={**ours, "Sec-Fetch-Site": "cross-site"}).status, 200, "a login of such a page")
        equal(login(w, headers={**other, "Sec-Fetch-Site": "cross-site"}).status, 403, "of another page")
        w.stop()


# ---- the audit trail --------------------------------------------------------------------------------------

def verify(w, *arguments):
    done = w.command("audit", "verify", "--data", w.folder / "data", *arguments)
    return done.returncode, done.stdout + done.stderr


def test_the_audit_trail_is_a_chain():
    """S4-B08, S4-B09: over a restart; a line that was changed, and lines cut from the end, are found."""
    with world() as w:
        w.start_simulator()
        equal(verify(w)[0], 2, "nothing to read")
        w.start_server()
        for _ in range(3):
            w.admin("GET", "/admin/v1/metrics/global")
        wait_for(lambda: len(audit_lines(w)) == 6, "three requests, their beginnings and ends")
        w.ask("GET", "/admin/v1/health")  # refused; its lines are the seventh and the eighth
        wait_for(lambda: len(audit_lines(w)) == 8, "the refused one")
        code, text = verify(w)  # beside the running server
        equal(code, 0, text)
        w.server.stop()
        w.start_server()
        w.admin("GET", "/admin/v1/meters")
        w.stop()
        lines = audit_lines(w)
        equal([line["link"] for line in lines], list(range(1, 11)), "one chain over the restart")
        previous = "0" * 64
        path = w.folder / "data/audit/audit.jsonl"
        for line in whole_lines(path):
            body, _, hash_ = line.rpartition(',"hash":"')
            equal(hashlib.sha256((body + "}").encode()).hexdigest(), hash_[:64], "a hash by another hand")
            equal(json.loads(line)["previous"], previous, "bound to the line before")
            previous = hash_[:64]
        code, text = verify(w, "--json")
        verdict = json.loads(text)
        equal((code, verdict["intact"], verdict["links"], verdict["head"]), (0, True, 10, previous), "the verdict")
        equal(verify(w, "--head", previous)[0], 0, "the head is among the links")
        whole = path.read_bytes()
        path.write_bytes(whole.replace(b'"status_code":401', b'"status_code":200'))
        code, text = verify(w)
        equal(code, 1, text)
        check("BROKEN at link 8" in text and "audit.jsonl:8" in text, f"it names the first broken link: {text}")
        path.write_bytes(b"".join(line + b"\n" for line in whole.split(b"\n")[:9] if line))
        equal(verify(w)[0], 0, "cut from the end it is a chain still")
        code, text = verify(w, "--head", previous)
        check(code == 1 and "MISSING" in text, f"but not the one whose head was noted: {text}")
        check(shutil.which("sha256sum") is not None, "sha256sum")


# ---- health -----------------------------------------------------------------------------------------------

def threads_by_name(w):
    process = w.admin("GET", "/admin/v1/health").json()["checks"]["process"]
    named = process["threads_by_name"]
    return named if sum(named.values()) == process["threads"] else None


def test_detailed_health():
    """S4-C04, S4-B23 to B26: each check with its figures; a provider that is away shows, and costs nobody the service."""
    with world() as w:
        w.start_simulator()
        w.start_server()
        w.chat("sim: status=500")
        w.reconcile()
        answer = w.admin("GET", "/admin/v1/health")
        equal((answer.status, answer.json()["status"]), (200, "ok"), "all is well")
        checks = answer.json()["checks"]
        for name, numbers in {"journal": ("position", "bytes"), "folds": ("fast_lag_records", "store_lag_records"),
                              "store": ("rows", "tail_rows", "answer_us"), "provider.openai": ("since", "last_error_time"),
                              "process": ("resident_bytes", "limit_bytes", "threads", "goroutines", "connections")}.items():
            for number in numbers:
                check(isinstance(checks[name][number], int), f"{name}.{number}: {checks[name]}")
        equal(checks["provider.openai"]["last_error_type"], "provider_server_error", "its last error")
        check("last_error_type" not in checks["provider.anthropic"], "the other provider had none")
        process = checks["process"]
        equal(process["goroutines"], process["threads"], "the alias")
        # The two are counted one after the other, and a thread may begin or end in between.
        named = wait_for(lambda: threads_by_name(w), "all threads by name", pause_s=ADMIN_PAUSE_S)
        check(named.get("io", 0) >= 1 and named.get("sg-journal") == 1, f"threads by name: {named}")
        check(0 < process["resident_bytes"] < process["limit_bytes"], "memory and its limit")
        equal(w.ask("GET", "/admin/v1/health").status, 401, "without the key")
        tally = w.tally()["requests"]
        w.simulator.stop()
        away = w.admin("GET", "/api/admin/v1/health")
        equal((away.status, away.json()["status"]), (200, "degraded"), "a provider is away")
        equal(away.json()["checks"]["provider.openai"]["status"], "degraded", "which one")
        check("base_url" in away.json()["checks"]["provider.openai"]["problem"], "what to do")
        check(away.json()["checks"]["provider.openai"]["since"] >= checks["provider.openai"]["since"], "since when")
        equal(tally, 1, "no check was a call to a provider")
        w.server.stop()


if __name__ == "__main__":
    run(test_the_printed_commands_and_answers, test_numbers_of_clients_providers_and_all, test_one_series_by_its_name,
        test_the_openapi_document_is_the_route_table, test_the_configuration_is_shown_masked_and_tried, test_every_admin_route_refuses_whoever_may_not,
        test_logins_are_limited_counted_and_audited, test_pages_of_configured_origins_may_call_with_a_token,
        test_the_audit_trail_is_a_chain, test_detailed_health)
