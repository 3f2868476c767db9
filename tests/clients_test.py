#!/usr/bin/env python3
"""Clients over the admin API, their limits, and what becomes of both when the server is killed: held
against the provider's own list of requests and the stored history."""
import concurrent.futures
import http.client
import json
import pathlib
import re
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import ADMIN_PAUSE_S, CLIENT_KEY, PATIENCE_S, check, clear_of_midnight, equal, run, wait_for, world  # noqa: E402

KEY = "a-key-of-my-own-choosing"
LIMITS = """
  - id: hundred
    key: sg_hundred_requests_a_minute_0001
    limits: {requests_per_minute: 100}
  - id: spender
    key: sg_spender_of_six_tenths_of_a_cent
    limits: {usd_per_day: 0.006}
  - id: slow
    key: sg_slow_one_with_a_money_limit_01
    limits: {usd_per_month: 1}
"""


def started(w, clients="", extra=""):
    """The server with further clients in its file, which end the list that the harness begins."""
    if not w.simulator:
        w.start_simulator()
    original = w.config

    def config(more=""):
        path = original(more)
        path.write_text(path.read_text().replace("\nlogging:", clients.rstrip() + "\nlogging:", 1))
        return path
    w.config = config
    w.start_server(extra)
    w.config = original


def make(w, prefix="/admin/v1", **body):
    return w.admin("POST", f"{prefix}/clients", json.dumps(body), {"Content-Type": "application/json"})


def totals(w, client):
    return w.admin("GET", f"/admin/v1/metrics/clients/{client}").json()


# S4-A04, S4-A05
def test_a_client_is_made_used_and_deleted():
    with world() as w:
        started(w)
        for number, prefix in enumerate(["/admin/v1", "/api/admin/v1"]):
            name, key = f"client-12{number}", f"{KEY}-{number}"
            made = make(w, prefix, client_id=name, api_key=key, description="a test", allowed_providers=["openai"])
            equal(made.status, 200, "making a client")
            equal(made.json(), {"status": "created", "client_id": name}, "the printed answer")
            equal(make(w, prefix, client_id=name, api_key=KEY + "-other").status, 409, "a second one of this id")
            equal(make(w, prefix, client_id="another", api_key=key).status, 409, "a second one with this key")
            equal(w.chat("hello", key=key).status, 200, "a request with its key")
            equal(w.messages("hello", headers={"x-api-key": key}).status, 403, "a provider that is not allowed")
            shown = w.admin("GET", f"{prefix}/clients/{name}").json()
            equal(list(shown)[:6], ["id", "api_key", "description", "allowed_providers", "created_at", "last_used"],
                  "the printed keys, in order")
            check(shown["created_at"] > 0, f"{shown}")
            wait_for(lambda: w.admin("GET", f"{prefix}/clients/{name}").json()["last_used"] > 0, "when it was used last",
                     pause_s=ADMIN_PAUSE_S)
            gone = w.admin("DELETE", f"{prefix}/clients/{name}")
            equal(gone.json(), {"status": "deleted", "client_id": name}, "the printed answer")
            equal(w.chat("hello", key=key).status, 401, "the very next request")
            equal(w.admin("GET", f"{prefix}/clients/{name}").status, 404, "the deleted client")
            equal(w.admin("DELETE", f"{prefix}/clients/{name}").status, 404, "deleting it again")
            w.reconcile()
            equal(totals(w, name)["total_requests"], 2, "its history, which stays")
        # Also after a restart; and the keys stand nowhere.
        w.server.stop()
        w.start_server()
        equal(w.chat("hello", key=KEY + "-0").status, 401, "a revoked key after a restart")
        # S4-F05, S4-F07
        for line in ("POST /api/admin/v1/clients from 127.0.0.1", "DELETE /admin/v1/clients/client-120 from 127.0.0.1"):
            wait_for(lambda line=line: f"[AUDIT] {line}" in w.server.said(), line)
        for path in (w.folder / "data").rglob("*"):
            if path.is_file():
                check(KEY.encode() not in path.read_bytes(), f"a key stands in {path.name}")


# S4-A04
def test_a_key_that_the_server_makes_is_shown_once():
    with world() as w:
        started(w)
        made = make(w, client_id="app-2", description="ours").json()
        equal(list(made), ["status", "client_id", "api_key"], "the answer")
        equal(w.chat("hello", key=made["api_key"]).status, 200, "a request with it")
        for path in ("/clients", "/clients/list", "/clients/app-2"):
            check(made["api_key"] not in w.admin("GET", "/admin/v1" + path).text, f"the key in {path}")
        changed = w.admin("PATCH", "/admin/v1/clients/app-2", json.dumps({"new_key": True, "allowed_models": ["gpt-4o"]})).json()
        equal(changed["status"], "updated", "a new key")
        equal(w.chat("hello", key=made["api_key"]).status, 401, "the old key")
        equal(w.chat("hello", key=changed["api_key"]).status, 403, "a model that is not allowed")
        equal(w.chat("hello", key=changed["api_key"], model="gpt-4o").status, 200, "one that is")
        # Expired.
        w.admin("PUT", "/admin/v1/clients/app-2", json.dumps({"expires_at": int(time.time()) - 1}))
        equal(w.chat("hello", key=changed["api_key"], model="gpt-4o").status, 401, "an expired key")
        shown = w.admin("GET", "/admin/v1/clients/app-2").json()
        equal((shown["expired"], shown["description"], shown["allowed_models"]), (True, "ours", ["gpt-4o"]),
              "what PUT and PATCH did not name")


def test_wrong_requests_get_a_clear_answer_and_change_nothing():
    with world() as w:
        started(w)
        wrong = [
            (dict(client_id="a", api_key="nineteen-characters"), 400, "20 to 512"),
            (dict(client_id="a b"), 400, "client_id"), (dict(), 400, "client_id"),
            (dict(client_id="list"), 400, "meaning of its own"), (dict(client_id="a", api_key=""), 400, "leave it out"),
            (dict(client_id="a", desciption="x"), 400, 'did you mean \\"description\\"'),
            (dict(client_id="a", allowed_providers="openai"), 400, "allowed_providers must be a list"),
            (dict(client_id="a", limits={"usd_per_day": -1}), 400, "limits.usd_per_day"),
            (dict(client_id="a", limits={"usd_per_week": 1}), 400, "limits has a member"),
            (dict(client_id="a", expires_at="tomorrow"), 400, "expires_at"),
            (dict(client_id="app"), 409, "already"),  # of the configuration file
            (dict(client_id="a", api_key=CLIENT_KEY), 409, "another client's"),
        ]
        for body, status, word in wrong:
            answer = make(w, **body)
            equal(answer.status, status, f"{body}")
            check(word in answer.text, f"{body}: {answer.text}")
        equal(w.admin("POST", "/admin/v1/clients", "{").status, 400, "no JSON")
        equal(w.admin("POST", "/admin/v1/clients", "x" * 300_000).status, 413, "too large")
        for method in ("PATCH", "DELETE"):
            answer = w.admin(method, "/admin/v1/clients/app", "{}")
            check(answer.status == 409 and "configuration file" in answer.text, answer.text)
        equal(w.admin("PATCH", "/admin/v1/clients/nobody", "{}").status, 404, "changing nobody")
        equal([c["id"] for c in w.admin("GET", "/admin/v1/clients/list").json()["clients"]], ["app"], "the clients")


def test_without_a_credential_nothing_is_shown_or_changed():
    with world() as w:
        started(w)
        routes = [("GET", "/clients"), ("GET", "/clients/list"), ("POST", "/clients"), ("GET", "/clients/app"), ("PUT", "/clients/app"),
                  ("PATCH", "/clients/app"), ("DELETE", "/clients/app"), ("GET", "/health/clients"), ("GET", "/health/clients/app")]
        routes = [(m, "/admin/v1" + p) for m, p in routes] + [("DELETE", "/metrics/active-requests/00000000-0000-4000-8000-000000000000")]
        for method, path in routes:
            for headers in ({}, {"Authorization": "Bearer wrong-key-0123456789"}, {"Authorization": f"Bearer {CLIENT_KEY}"}):
                answer = w.ask(method, path, "{}" if method != "GET" else None, headers)
                equal(answer.status, 401, f"{method} {path}")
                check("app" not in answer.text, answer.text)


# S4-B04, S4-M06
def test_of_a_thousand_parallel_requests_a_hundred_pass():
    with world() as w:
        started(w, LIMITS, "workers: 4")
        key, began = "sg_hundred_requests_a_minute_0001", time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            answers = list(pool.map(lambda _: w.chat("hello", key=key), range(1000)))
        took = time.monotonic() - began
        passed = [a for a in answers if a.status == 200]
        refused = [a for a in answers if a.status == 429]
        equal(len(passed) + len(refused), 1000, "answers")
        # On a machine that takes more than a minute for them, each further minute has a hundred.
        most = 100 * (1 + int(took / 60))
        check(len(passed) == 100 or (took > 60 and 100 < len(passed) <= most), f"{len(passed)} passed in {took} s")
        equal(w.tally()["requests"], len(passed), "what went upstream")
        one = refused[0]
        equal(one.json()["error"]["code"], "policy_rate_limited", "OpenAI's shape")
        equal(one.headers["x-ratelimit-limit-requests"], "100", "the limit")
        check(1 <= int(one.headers["retry-after"]) <= 61, one.headers["retry-after"])
        wait_for(lambda: w.sum_of("coo_llm_rate_limits_total") == len(refused), "the refused requests' count")
        # S4-M06: by the label `key` alone, one for each rejected request.
        hits = {name: value for name, value in w.series().items() if name.startswith("coo_llm_rate_limits_total")}
        check(all(re.fullmatch(r'coo_llm_rate_limits_total\{key="[^"]+"\}', name) for name in hits), f"labels: {hits}")
        equal(sum(hits.values()), len(refused), "hits by key")
        equal(sum(v for k, v in w.series().items() if k.startswith("sightglass_requests_total") and 'outcome="rejected"' in k),
              len(refused), "one terminal each")
        # The minute goes on after a restart.
        w.server.kill()
        started(w, LIMITS, "workers: 4")
        if time.monotonic() - began < 50:
            equal(w.chat("hello", key=key).status, 429, "the next one after kill -9")


def spend(w, key, prompt="ten words that are the whole prompt of this one"):
    """Requests until one is refused; how many passed, and the refusal."""
    for count in range(1000):
        answer = w.chat(prompt, key=key, max_tokens=100)
        if answer.status != 200:
            return count, answer
    return 1000, None


def test_a_budget_is_used_to_99_percent_never_passed_and_survives_kill_9():
    clear_of_midnight()
    with world() as w:
        started(w, LIMITS)
        limit, key = 0.006, "sg_spender_of_six_tenths_of_a_cent"
        half = 40
        for _ in range(half):
            equal(w.chat("ten words that are the whole prompt of this one", key=key, max_tokens=100).status, 200, "within the budget")
        w.reconcile()
        equal(totals(w, "spender")["total_requests"], half, "the first half's history")
        w.server.kill()  # in the middle
        started(w, LIMITS)
        more, refused = spend(w, key)
        equal(refused.status, 429, "past the budget")
        equal(refused.json()["error"]["code"], "policy_budget_exceeded", "its reason")
        check(0 < int(refused.headers["retry-after"]) <= 86_400, refused.headers["retry-after"])
        w.reconcile()
        equal(totals(w, "spender")["total_requests"], half + more + 1, "the history")
        cost = totals(w, "spender")["total_cost"]
        billed = sum(r["cost_nanousd"] for r in w.tally_lines()) / 1e9
        check(abs(cost - billed) < 1e-9, f"{cost} is stored, {billed} was billed")
        check(0.99 * limit <= cost <= limit, f"{cost} of {limit} was spent")
        w.server.kill()
        started(w, LIMITS)
        equal(w.chat("hello", key=key, max_tokens=100).status, 429, "after another kill -9")
        equal(w.chat("hello").status, 200, "another client")
        shown = w.admin("GET", "/admin/v1/clients/spender").json()
        check(abs(shown["spent"]["usd_today"] - cost) < 1e-9, f"{shown['spent']} beside {cost}")
        # S4-D01, S4-D04, S4-D05
        health = w.admin("GET", "/admin/v1/health/clients/spender").json()
        check({"usage", "errors", "cost", "providers"} <= set(health), f"the four parts: {list(health)}")
        equal(health["flags"], ["cost_overrun"], "the flags")
        budget = health["cost"]["budgets"][0]
        equal((budget["per"], budget["limit"], budget["state"]), ("day", limit, "over"), "the budget")
        for share in ("requests_share", "tokens_share", "cost_share"):
            check(abs(sum(p[share] for p in health["providers"]) - 1) < 1e-12, f"{share} of {health['providers']}")
        w.reconcile()
        equal(totals(w, "spender")["total_requests"], half + more + 2, "the last refusal")
        stats = w.admin("GET", "/admin/v1/clients").json()["client_stats"]["spender"]
        now = totals(w, "spender")
        equal((stats["total"]["queries"], stats["total"]["tokens"]), (now["total_requests"], now["total_tokens"]), "its queries")
        check(abs(stats["by_provider"]["openai"]["cost"] - cost) < 1e-9, f"{stats} beside {cost}")
        empty = w.admin("GET", "/api/admin/v1/clients?start=1700000000&end=1700003600").json()
        equal((empty["start"], empty["end"], empty["client_stats"]), (1700000000, 1700003600, {}), "another time")
        equal(w.admin("GET", "/admin/v1/clients?start=5&end=4").status, 400, "an impossible range")


def test_what_a_kill_cut_off_counts_as_it_was_reserved():
    with world() as w:
        started(w, LIMITS)
        w.chat("one that ends", key="sg_slow_one_with_a_money_limit_01", max_tokens=10)

        def run_into_the_kill():
            try:
                w.chat("sim: delay_ms=600000\nlong", key="sg_slow_one_with_a_money_limit_01", max_tokens=10_000, timeout=600)
            except (OSError, http.client.HTTPException):
                pass  # as it must be
        running = threading.Thread(target=run_into_the_kill)
        running.start()
        # Reserved: 10,000 tokens of output and some of input, at 0.60 dollars a million.
        rows = lambda: w.ask("GET", "/metrics/active-requests").json()["active_requests"]  # noqa: E731
        wait_for(rows, "the request that runs")
        reserved = lambda: w.admin("GET", "/admin/v1/health/clients/slow").json()["cost"]["budgets"][0]["reserved"]  # noqa: E731
        held = wait_for(reserved, "its reservation", pause_s=ADMIN_PAUSE_S)
        check(held >= 0.006, f"{held} is reserved")
        w.reconcile()  # behind its start record, which is durable then
        w.server.kill()
        running.join()
        started(w, LIMITS)
        spent = w.admin("GET", "/admin/v1/clients/slow").json()["spent"]["usd_this_month"]
        check(spent >= held, f"{spent} is spent, {held} was reserved")
        equal(reserved(), 0, "nothing runs any more")


# S4-D03
def test_a_folder_that_never_counted_what_clients_use_starts_though_its_journal_is_cut():
    """An upgrade loses nothing that was counted and refuses nothing: the fold begins with what the journal holds."""
    small = "journal: {segment_bytes: 64KiB, snapshot_bytes: 64KiB}\nstore: {seal_age: 1s}"
    with world() as w:
        started(w, LIMITS, small)
        segments = lambda: sorted(p.name for p in (w.folder / "data/journal").iterdir())  # noqa: E731
        first = segments()[0]

        def cut():
            for _ in range(10):
                w.chat("words", key="sg_slow_one_with_a_money_limit_01", max_tokens=10)
            return first not in segments()
        wait_for(cut, "the journal to be cut", 120)
        w.server.stop()
        before = w.tally()["requests"]
        snapshots = list((w.folder / "data/snapshots").glob("clients*"))
        check(snapshots, f"{sorted(p.name for p in (w.folder / 'data/snapshots').iterdir())}")
        for path in snapshots:
            path.unlink()
        # As a version would leave it that did not have the fold; and killed, perhaps before its first snapshot.
        started(w, LIMITS, small)
        check("the fold 'clients' is new to this data folder" in w.server.err_path.read_text(), w.server.errors())
        check(w.series()['sightglass_fold_skipped_records_total{fold="clients"}'] > 0, "what it did not see is counted")
        w.server.kill()
        started(w, LIMITS, small)
        equal(w.sum_of("sightglass_requests_total"), before, "the other folds have lost nothing")
        equal(w.chat("hello", key="sg_slow_one_with_a_money_limit_01", max_tokens=10).status, 200, "the client may go on")
        wait_for(lambda: w.admin("GET", "/admin/v1/clients/slow").json()["last_used"] > 0, "and is counted", 20, ADMIN_PAUSE_S)
        w.stop()


def test_errors_of_one_client_are_flagged_with_their_type():
    with world() as w:
        started(w, LIMITS)
        for _ in range(30):
            w.chat("sim: status=500\nx")
            w.chat("fine", key="sg_hundred_requests_a_minute_0001")
        w.reconcile()
        equal((totals(w, "app")["total_requests"], totals(w, "hundred")["total_requests"]), (30, 30), "the history")
        found = {c["client_id"]: c for c in w.admin("GET", "/admin/v1/health/clients").json()["clients"]}
        equal(found["app"]["flags"], ["error_rate_increase"], "the failing client")
        equal(found["app"]["errors"]["types"], {"provider_server_error": 30}, "its errors")
        equal(found["hundred"]["flags"], [], "the other")
        equal(found["hundred"]["status"], "ok", "the other")


def test_one_running_request_is_cancelled():
    with world() as w:
        started(w)
        equal(w.admin("DELETE", "/metrics/active-requests/00000000-0000-4000-8000-000000000000").status, 404, "nobody's")
        request_id = "11111111-2222-4333-8444-555555555555"
        seen = []

        def stream():
            connection = http.client.HTTPConnection("127.0.0.1", w.port, timeout=PATIENCE_S)
            body = {"model": "claude-haiku-4-5", "max_tokens": 5000, "stream": True,
                    "messages": [{"role": "user", "content": "sim: gap_ms=200 tokens=5000 chunks=5000\nsome words here"}]}
            connection.request("POST", "/v1/messages", json.dumps(body),
                               {"x-api-key": CLIENT_KEY, "anthropic-version": "2023-06-01", "x-request-id": request_id})
            answer = connection.getresponse()
            try:
                while piece := answer.read1(65536):
                    seen.append(piece)
            except (OSError, http.client.HTTPException) as error:
                seen.append(error)
            connection.close()
        client = threading.Thread(target=stream)
        client.start()
        wait_for(lambda: len(seen) > 1, "the stream")
        done = w.admin("DELETE", f"/metrics/active-requests/{request_id}")
        equal(done.json(), {"status": "cancelled", "request_id": request_id}, "the answer")
        client.join()
        check(isinstance(seen[-1], Exception) or b"message_stop" not in b"".join(seen), "the stream was cut")
        line = wait_for(lambda: next((x for x in w.log_lines() if x.get("requestId") == request_id and "outcome" in x), None), "its end")
        equal((line["outcome"], line["error"]["type"] if "error" in line else line.get("error_type")),
              ("interrupted", "policy_cancelled"), "how it ended")
        equal(w.admin("DELETE", f"/metrics/active-requests/{request_id}").status, 404, "it runs no more")
        whole = w.admin("GET", f"/admin/v1/requests/{request_id}")
        check('"partial"' in whole.text, f"its usage: {whole.text}")


def test_a_damaged_database_is_refused_with_the_next_step():
    with world() as w:
        started(w)
        make(w, client_id="a", api_key=KEY)
        w.server.stop()
        path = w.folder / "data/control.db"
        good = path.read_bytes()
        path.write_bytes(b"\xa5" * len(good))
        w.start_server(expect_death=True)
        wait_for(lambda: not w.server.running(), "the refused start")
        check(w.server.child.returncode != 0 and "control.db" in w.server.errors() and "backup" in w.server.errors(), w.server.errors())
        path.write_bytes(good)
        w.start_server()
        equal(w.chat("hello", key=KEY).status, 200, "with the backup in its place")


if __name__ == "__main__":
    run(test_a_client_is_made_used_and_deleted, test_a_key_that_the_server_makes_is_shown_once,
        test_wrong_requests_get_a_clear_answer_and_change_nothing, test_without_a_credential_nothing_is_shown_or_changed,
        test_of_a_thousand_parallel_requests_a_hundred_pass,
        test_a_budget_is_used_to_99_percent_never_passed_and_survives_kill_9,
        test_what_a_kill_cut_off_counts_as_it_was_reserved,
        test_a_folder_that_never_counted_what_clients_use_starts_though_its_journal_is_cut, test_errors_of_one_client_are_flagged_with_their_type,
        test_one_running_request_is_cancelled, test_a_damaged_database_is_refused_with_the_next_step)
