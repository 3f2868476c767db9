#!/usr/bin/env python3
"""GET /admin/v1/events and /admin/v1/requests/{id}: what the log says, page by page, by pattern and by id."""
import contextlib
import http.client
import pathlib
import sys
import threading
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import check, equal, run, wait_for, world  # noqa: E402


def events(w, **parameters):
    answer = w.admin("GET", "/admin/v1/events?" + urllib.parse.urlencode(parameters))
    equal(answer.status, 200, answer.text)
    return answer.json()


def all_events(w, **parameters):
    out, page = [], events(w, **parameters)
    while True:
        out += page["events"]
        if page["next"] is None:
            return out
        page = events(w, before=page["next"], **parameters)


def test_pages_say_what_the_log_says():
    with world() as w:
        w.start_simulator()
        w.start_server()
        for i in range(12):
            w.chat(f"sim: tokens={i + 1}\nwords", stream=i % 3 == 0)
            w.messages("sim: tokens=9\na b c")
        w.chat("sim: status=500")
        w.reconcile()
        terminal = {line["seq"]: line for line in w.log_lines() if line.get("outcome")}
        got = all_events(w, limit=7)
        got = [e for e in got if e.get("outcome")]
        equal([e["seq"] for e in got], sorted(terminal, reverse=True), "newest first, each once")
        for event in got:
            line = terminal[event["seq"]]
            equal(event["event_type"], line["event_type"], "its type")
            equal(event["request_id"], line["requestId"], "its request")
        errors = all_events(w, filter='{ $.error_type = "provider_*" }')
        equal([e["outcome"] for e in errors], ["error"], "by a pattern")
        streams = all_events(w, filter="{ $.is_streaming IS TRUE && $.output_tokens > 4 }", limit=2)
        # Two workers may hand over what ended within one commit in either order.
        equal(sorted(e["output_tokens"] for e in streams), [7, 10], "by a pattern over numbers")
        one = got[3]
        equal([e["seq"] for e in all_events(w, request_id=one["request_id"][:13])], [one["seq"]], "by its id")
        w.stop()


def interrupted(w):
    with contextlib.suppress(OSError, http.client.HTTPException):  # its answer is cut
        w.chat("sim: gap_ms=200 tokens=5000 chunks=5000\nslow", stream=True)


def test_one_request_has_a_whole_story():
    with world() as w:
        w.start_simulator()
        w.start_server()
        tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
        answer = w.chat("sim: tokens=3\nwords", tools=tools)
        request = answer.headers["x-request-id"]
        w.reconcile()
        story = w.admin("GET", f"/admin/v1/requests/{request[:8]}").json()
        equal((story["request_id"], story["state"]), (request, "ended"), "found by its prefix")
        equal(story["request"]["output_tokens"], 3, "its terminal event")
        equal([step["event"] for step in story["timeline"]],
              ["request_start", "tools_detected", "chat_completion_success"], "start, way and end")
        equal(story["timeline"][-1]["after_ms"] * 1000, story["request"]["latency_us"], "when it ended")
        check(request in {line.get("requestId") for line in w.log_lines()}, "the log file has it too")
        # S2-C03: attempts that failed and the first token stand in between, in the order of their times.
        streamed = w.chat("sim: gap_ms=20 tokens=5\nwords", stream=True).headers["x-request-id"]
        failed = w.chat("sim: status=503").headers["x-request-id"]
        w.reconcile()
        story = w.admin("GET", f"/admin/v1/requests/{streamed}").json()
        equal([step["event"] for step in story["timeline"]], ["request_start", "first_token", "stream_completed"], "a stream")
        times = [step["ts"] for step in story["timeline"]]
        equal(times, sorted(times), "in the order of their times")
        story = w.admin("GET", f"/admin/v1/requests/{failed}").json()
        equal((story["timeline"][0]["event"], story["timeline"][-1]["event"]), ("request_start", "chat_completions_error"),
              "start and end of one that failed")
        # One that runs until it is cancelled.
        thread = threading.Thread(target=interrupted, args=(w,))
        thread.start()
        row = wait_for(lambda: w.ask("GET", "/metrics/active-requests").json()["active_requests"], "a running one")[0]
        story = w.admin("GET", f"/api/admin/v1/requests/{row['request_id']}").json()
        equal((story["state"], story["request"]["request_id"]), ("running", row["request_id"]), "while it runs")
        equal(w.admin("DELETE", f"/metrics/active-requests/{row['request_id']}").status, 200, "cancelled")
        thread.join()
        w.stop()


def test_a_prefix_of_several_requests_names_them():
    """S2-C02: by the eight characters that the console shows; an ambiguous prefix lists the candidates."""
    with world() as w:
        w.start_simulator()
        w.start_server()
        ids = ["b7c1a5f9" + digit * 24 for digit in "12"]
        for request_id in ids:
            equal(w.chat("sim: tokens=2\nwords", headers={"x-request-id": request_id}).status, 200, "answered")
        w.reconcile()
        answer = w.admin("GET", "/admin/v1/requests/b7c1a5f9")
        equal(answer.status, 409, answer.text)
        check(all(request_id in answer.json()["error"]["message"] for request_id in ids), answer.text)
        story = w.admin("GET", f"/admin/v1/requests/{ids[1][:9]}").json()
        equal(story["request_id"], ids[1], "one character more tells them apart")
        page = w.admin("GET", "/admin/v1/events?request_id=b7c1a5f9").json()
        equal({e["request_id"] for e in page["events"]}, set(ids), "both in the list of events")
        wait_for(lambda: w.server.said().count("[b7c1a5f9]") >= 2, "grep '[b7c1a5f9]' on the console's lines")
        w.stop()


def test_bad_questions_get_a_sentence():
    with world() as w:
        w.start_simulator()
        w.start_server()
        for path, status, words in (
                ("/admin/v1/events?limit=0", 400, "1 to 1000"), ("/admin/v1/events?limit=x", 400, "whole number"),
                ("/admin/v1/events?fitler=x", 400, "did you mean 'filter'"), ("/admin/v1/events?start=9&end=3", 400, "before end"),
                ("/admin/v1/events?filter=%7B+%24.error_type+%3D+%7D", 400, "filter"),
                ("/admin/v1/events?request_id=ab", 400, "first 4 characters"),
                ("/admin/v1/requests/no%20id", 400, "first 4 characters"), ("/admin/v1/requests/deadbeef", 404, "x-request-id")):
            answer = w.admin("GET", path)
            equal(answer.status, status, path)
            check(words in answer.json()["error"]["message"], f"{path}: {answer.text}")
        equal(w.ask("GET", "/admin/v1/events").status, 401, "without a key")
        w.stop()


if __name__ == "__main__":
    run(test_pages_say_what_the_log_says, test_one_request_has_a_whole_story,
        test_a_prefix_of_several_requests_names_them, test_bad_questions_get_a_sentence)
