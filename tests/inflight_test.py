#!/usr/bin/env python3
"""The requests in flight of two gateways over a real Redis: each shows both, either ends what runs on the other,
and when Redis or a gateway is killed the view says so and nothing else is the worse for it."""
import contextlib
import http.client
import json
import pathlib
import signal
import sys
import threading
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from redis_test import FAKETIME, MINUTE, gateways, log, ready, redis_health  # noqa: E402
from support.harness import CLIENT_KEY, PATIENCE_S, ROOT, check, equal, run, wait_for  # noqa: E402
from support.redis import Redis  # noqa: E402

ALL = "/metrics/active-requests?gateways=all"
FIELDS = ["request_id", "provider", "model", "requested_model", "resolved_model", "qualified_model", "is_streaming",
          "start_time", "duration_ms", "input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens",
          "tool_uses", "tool_results", "tool_calls", "request_size", "message_count"]


class Held:
    """A request that its provider does not answer, until it is ended or its gateway is."""

    def __init__(self, w, **fields):
        self.id = str(uuid.uuid4())
        self.answer = None
        self.thread = threading.Thread(target=self._run, args=(w, fields), daemon=True)
        self.thread.start()
        wait_for(lambda: self.id in own(w), "the request in flight")

    def _run(self, w, fields):
        with contextlib.suppress(OSError, http.client.HTTPException):
            self.answer = w.chat("sim: delay_ms=3600000\na-prompt-that-stands-nowhere", headers={"x-request-id": self.id},
                                 timeout=3600, **fields)

    def ended(self):
        self.thread.join(PATIENCE_S)
        check(not self.thread.is_alive(), "the request goes on")
        return self.answer


def own(w):
    return {r["request_id"]: r for r in w.ask("GET", "/metrics/active-requests").json()["active_requests"]}


def view(w):
    answer = w.ask("GET", ALL)
    equal(answer.status, 200, answer.text)
    return answer.json()


def seen(w):
    return {r["request_id"]: r for r in view(w)["active_requests"]}


def states(w):
    return {g["gateway"]: g["state"] for g in view(w)["gateways"]}


def names(made):
    return [next(g["gateway"] for g in view(w)["gateways"] if g["state"] == "here") for w in made]


def heard(made):
    """Each hears all; and their names."""
    ready(made)
    for w in made:
        wait_for(lambda w=w: sorted(states(w).values()) == ["here"] + ["ok"] * (len(made) - 1), "the other gateways", pause_s=0.2)
    return names(made)


def both_seen(made, held):
    for w in made:
        wait_for(lambda w=w: {one.id for one in held} <= seen(w).keys(), "all rows on each", pause_s=0.2)


def end(w, request_id, **headers):
    return w.admin("DELETE", f"/metrics/active-requests/{request_id}", headers=headers)


def end_there(w, held):
    """From another gateway. On a machine that stands still for seconds the answer may be that none came in time."""
    answer = end(w, held.id)
    check(answer.status in (200, 504), f"{answer.status} {answer.text}")
    held.ended()
    return answer


def frames(w, path):
    """What the stream sends, frame by frame."""
    connection = http.client.HTTPConnection("127.0.0.1", w.port, timeout=PATIENCE_S)
    connection.request("GET", path)
    answer = connection.getresponse()
    equal((answer.status, answer.headers["content-type"]), (200, "text/event-stream"), "the stream")
    try:
        while line := answer.readline():
            if line.startswith(b"data: "):
                yield json.loads(line[6:])
    finally:
        connection.close()


def test_each_gateway_shows_the_requests_of_both():
    with gateways(Redis) as (redis, made):
        a, b = heard(made)
        held = [Held(made[0]), Held(made[1], stream=True, model="openai:gpt-4o-mini")]
        both_seen(made, held)
        for w in made:
            rows, local = seen(w), own(w)
            equal([rows[one.id]["gateway"] for one in held], [a, b], "where they run")
            equal(list(rows[held[0].id]), FIELDS + ["gateway"], "a row's fields")
            equal([list(r) for r in local.values()], [FIELDS], "without the parameter: its own, as printed")
            equal(list(w.ask("GET", "/metrics/active-requests").json()), ["disabled", "active_requests"], "the answer as printed")
            for gateway in view(w)["gateways"]:
                equal((gateway["requests"], gateway["left_out"]), (1, 0), f"{gateway}")
        here, there = (seen(w)[held[1].id] for w in reversed(made))
        for field in set(FIELDS) - {"start_time", "duration_ms"}:
            equal(there[field], here[field], field)
        # The stream has the same, at once or with the next reading, and an end on the other gateway is news.
        stream = frames(made[0], "/metrics/active-requests/stream?gateways=all")
        next(f for f in stream if {one.id for one in held} <= {r["request_id"] for r in f["active_requests"]})
        equal(end(made[1], held[1].id).status, 200, "ending one where it runs")
        frame = next(f for f in stream if held[1].id not in {r["request_id"] for r in f["active_requests"]})
        equal(list(frame), ["disabled", "active_requests", "gateways", "timestamp"], "a frame's members")
        stream.close()
        plain = next(frames(made[0], "/metrics/active-requests/stream"))
        equal(list(plain), ["disabled", "active_requests", "timestamp"], "a frame as printed")
        for path in ("/metrics/active-requests", "/metrics/active-requests/stream"):
            wrong = made[0].ask("GET", path + "?gateways=some")
            check(wrong.status == 422 and "gateways must be 'all'" in wrong.text, wrong.text)
        equal(redis_health(made[0])["gateways"], 2, "gateways in the health check")
        equal(end(made[0], held[0].id).status, 200, "ending the other one")
        made[1].server.stop()
        wait_for(lambda: redis.say("EXISTS", f"sightglass:inflight:{b}") == b":0\r\n", "the end of its rows")
        wait_for(lambda: list(states(made[0]).values()) == ["here"], "its absence", pause_s=0.2)


def test_no_more_stands_in_redis_than_the_rows():
    with gateways(Redis) as (redis, made):
        a, _ = heard(made)
        secret = "sk-proj-" + "abcdefghij0123456789" * 4
        held = Held(made[0], model=secret)
        wait_for(lambda: held.id in seen(made[1]), "its row", pause_s=0.2)
        equal(seen(made[1])[held.id]["requested_model"], "other", "a name that looks like a secret")
        stored = redis.say("GET", f"sightglass:inflight:{a}")
        check(held.id.encode() in stored, f"{stored}")
        for word in (secret, "stands-nowhere", CLIENT_KEY, "127.0.0.1"):
            check(word.encode() not in stored, f"{word} stands in {stored}")


def test_a_request_is_ended_from_the_other_gateway():
    with gateways(Redis) as (_, made):
        a, b = heard(made)
        ended = 0
        while True:
            held = Held(made[0])
            path = f"/metrics/active-requests/{held.id}"
            equal(made[1].ask("DELETE", path).status, 401, "without a credential")
            check(held.id in own(made[0]), "nothing has happened")
            answer = end_there(made[1], held)
            ended += 1
            if answer.status == 200:
                break
        equal((answer.status, answer.json()), (200, {"status": "cancelled", "request_id": held.id, "gateway": a}), "the answer")
        check(held.answer is None or held.answer.status >= 400, "its client gets an error")
        line = wait_for(lambda: next((x for x in made[0].log_lines() if x.get("requestId") == held.id and "outcome" in x), None), "its end")
        equal((line["outcome"], line["error"]["type"] if "error" in line else line.get("error_type")),
              ("interrupted", "policy_cancelled"), "how it ended")
        wait_for(lambda: end(made[1], held.id).status == 404, "that it runs nowhere", pause_s=1)
        check("on any gateway" in end(made[1], held.id).text, "the sentence")
        equal(made[0].sum_of("sightglass_redis_cancels_served_total"), ended, "counted where it ran")
        equal(made[1].sum_of('sightglass_redis_cancels_total{result="ended"}'), 1, "counted where it was asked")
        # Who did it stands in the audit trail of the gateway that was asked; where from, in the other one's log.
        trail = made[1].folder / "data/audit/audit.jsonl"
        wait_for(lambda: path in trail.read_text(), "the audit trail")
        wait_for(lambda: f"an administrator at gateway {b}" in log(made[0]), "the log")


def test_while_redis_is_killed_the_view_says_so_and_requests_go_on():
    with gateways(Redis) as (redis, made):
        heard(made)
        held = [Held(w) for w in made]
        both_seen(made, held)
        redis.kill()
        wait_for(lambda: "problem" in view(made[0]), "the problem", pause_s=0.2)
        check("GET /admin/v1/health says what to do" in view(made[0])["problem"], "its next step")
        equal(made[0].chat("hello").status, 200, "a request")
        wait_for(lambda: held[1].id not in seen(made[0]), "the other one's rows to go", pause_s=0.2)
        check(held[0].id in seen(made[0]), "its own stay")
        lost = end(made[0], held[1].id)
        check(lost.status == 503 and "Redis does not answer" in lost.text and "retry-after" in lost.headers, lost.text)
        check(held[1].id in own(made[1]), "it runs on")
        equal(end(made[0], held[0].id).status, 200, "its own is ended without Redis")
        redis.start()
        heard(made)
        both_seen(made, held[1:])
        equal(view(made[0]).get("problem"), None, "the problem afterwards")
        end_there(made[0], held[1])
        equal(redis_health(made[0])["status"], "ok", "its state afterwards")


def test_a_redis_that_stands_still_costs_the_view_only():
    with gateways(Redis) as (redis, made):
        heard(made)
        held = Held(made[1])
        wait_for(lambda: held.id in seen(made[0]), "its row", pause_s=0.2)
        redis.child.send_signal(signal.SIGSTOP)
        try:
            wait_for(lambda: "problem" in view(made[0]), "the problem", pause_s=0.2)
            wait_for(lambda: held.id not in seen(made[0]), "the other one's row to go", pause_s=0.2)
            equal([w.chat("hello").status for w in made], [200, 200], "requests")
            equal(end(made[0], held.id).status, 503, "nobody can be asked")
            wait_for(lambda: made[0].sum_of('sightglass_redis_inflight_exchanges_total{result="failed"}'), "the count")
        finally:
            redis.child.send_signal(signal.SIGCONT)
        heard(made)
        both_seen(made, [held])


# What docs/backends.md says that a user needs is enough, on keys with the prefix and no others.
def test_a_user_with_the_documented_rights_will_do():
    text = (ROOT / "docs/backends.md").read_text()
    rights = text.split("access lists needs `")[1].split("`")[0].lower().split()

    def restricted(folder):
        redis = Redis(folder)
        said = redis.say("ACL", "SETUSER", "gateway", "on", ">secret-of-the-gateway", "~sightglass:*", *(f"+{right}" for right in rights))
        equal(said, b"+OK\r\n", "making the user")
        return redis
    with gateways(restricted, password='secret-of-the-gateway", username: "gateway') as (_, made):
        heard(made)
        held = Held(made[0])
        both_seen(made, [held])
        end_there(made[1], held)
        equal(made[0].chat("hello", key=MINUTE).status, 200, "a request with limits")
        for w in made:
            equal(redis_health(w)["status"], "ok", "its state")
            equal(w.sum_of("sightglass_redis_errors_total"), 0, "errors")


def test_a_gateway_that_is_killed_goes_within_the_bound():
    with gateways(Redis) as (_, made):
        _, b = heard(made)
        held = [Held(w) for w in made]
        both_seen(made, held)
        made[1].server.kill()

        def gone():
            now = view(made[0])
            other = next((g for g in now["gateways"] if g["gateway"] == b), None)
            shown = [r for r in now["active_requests"] if r["gateway"] == b]
            check(other or not shown, "rows of a gateway that is gone")
            check(other is None or other.get("heard_ms_ago", 0) < 10_000, f"shown for longer than 10 s: {other}")
            return other is None
        wait_for(gone, "its end", pause_s=0.1)
        equal(list(seen(made[0])), [held[0].id], "what is left")
        equal(end(made[0], held[1].id).status, 404, "what ran on the dead one")
        equal(end(made[0], held[0].id).status, 200, "ending its own")


def test_a_gateway_that_does_not_answer_is_named():
    with gateways(Redis) as (redis, made):
        heard(made)

        def named():
            now = redis.say("TIME").split(b"\r\n")[2].decode() + "000"
            redis.say("ZADD", "sightglass:gateways", now, "silent-one")
            lost = end(made[0], str(uuid.uuid4()))
            return lost.status == 504 and "silent-one" in lost.text
        wait_for(named, "its name", pause_s=1)
        check(made[0].sum_of('sightglass_redis_cancels_total{result="unanswered"}') > 0, "it is counted")


def test_nonsense_in_redis_is_counted_and_harms_nobody():
    with gateways(Redis) as (redis, made):
        heard(made)
        held = Held(made[1])

        def counted():
            now = redis.say("TIME").split(b"\r\n")[2].decode() + "000"
            redis.say("ZADD", "sightglass:gateways", now, "ghost")
            redis.say("SET", "sightglass:inflight:ghost", f"{now}:" + "\x01\x7f" * 500)
            view(made[0])
            return made[0].sum_of("sightglass_redis_inflight_nonsense_total")
        wait_for(counted, "the count", pause_s=0.5)
        wait_for(lambda: held.id in seen(made[0]), "the other rows", pause_s=0.2)
        end_there(made[0], held)


# The clock of one gateway is two minutes ahead of the other's.
def test_clocks_two_minutes_apart():
    check(FAKETIME.exists(), "libfaketime is missing: install the Debian package libfaketime")
    env = [{}, {"LD_PRELOAD": str(FAKETIME), "FAKETIME": "+120s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}]
    with gateways(Redis, env=env) as (_, made):
        heard(made)
        held = [Held(w) for w in made]
        both_seen(made, held)
        for w, ahead in zip(made, (0, 120)):
            for row in seen(w).values():
                off = time.time() + ahead - row["start_time"] - row["duration_ms"] / 1000
                check(abs(off) < 60, f"{off} s between the clock of the gateway that is asked and {row}")
                check(0 <= row["duration_ms"] < 100_000, f"{row}")
        end_there(made[0], held[1])


if __name__ == "__main__":
    run(test_each_gateway_shows_the_requests_of_both, test_no_more_stands_in_redis_than_the_rows,
        test_a_request_is_ended_from_the_other_gateway, test_while_redis_is_killed_the_view_says_so_and_requests_go_on,
        test_a_redis_that_stands_still_costs_the_view_only, test_a_user_with_the_documented_rights_will_do,
        test_a_gateway_that_is_killed_goes_within_the_bound, test_a_gateway_that_does_not_answer_is_named,
        test_nonsense_in_redis_is_counted_and_harms_nobody, test_clocks_two_minutes_apart)
