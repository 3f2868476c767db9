#!/usr/bin/env python3
"""`sightglass match` and `POST /admin/v1/filters/test` from outside: what grep would print, exit codes, counts,
explanations, extracted values, pattern files, huge and broken lines. S0-P01 to P13, S0-B02, B03, B05."""
import contextlib
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import BINARY, check, equal, run, world  # noqa: E402

SESSION = {"timestamp": "2025-10-06T10:00:00Z", "level": "info", "logger": "app", "caller": "a.py:1"}


def match(*arguments, text=None, folder=None, limit=None):
    """Runs the command; gives exit code, output lines, and what stood on standard error."""
    if isinstance(text, str):
        text = text.encode()
    before = (lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))) if limit else None
    done = subprocess.run([BINARY, "match", *arguments], input=text or b"", capture_output=True, cwd=folder,
                          preexec_fn=before, timeout=600)
    return done.returncode, done.stdout.decode("utf-8", "replace").splitlines(), done.stderr.decode()


@contextlib.contextmanager
def scratch():
    with tempfile.TemporaryDirectory(prefix="sightglass-test-") as folder:
        yield pathlib.Path(folder)


def event(name, **fields):
    return json.dumps({**SESSION, "event_type": name, **fields})


# S0-P01 to S0-P13, the block as the seed prints it, with fences and titles.
SEED = """```
# Session Creations
{ $.event_type = "proxy_session_response" }

# Session Closures
{ $.event_type = "proxy_session_closed" }

# Session Retries
{ $.event_type = "session_retry_start" }

# Total Prompts
{ $.event_type = "chat_completion_request_start" }

# Completed Streams
{ $.event_type = "stream_completed" }

# Completed Non-Streams
{ $.event_type = "chat_completion_success" }

# Total Completions (combined)
{ $.event_type = "stream_completed" || $.event_type = "chat_completion_success" }

# All Errors (generic)
{ $.event_type = *error* }

# Session Errors
{ $.event_type = "session_*_error" }

# Proxy Errors
{ $.event_type = "proxy_*_error" }

# Chat Errors
{ $.event_type = "chat_completions_error" || $.event_type = "stream_generator_error" }

# New Users
{ $.event_type = "user_creation" }

# Active Sessions per User
{ $.event_type = "session_created" && $.user_id = * }
```
"""
HITS = {
    "Session Creations": [event("proxy_session_response")],
    "Session Closures": [event("proxy_session_closed")],
    "Session Retries": [event("session_retry_start")],
    "Total Prompts": [event("chat_completion_request_start")],
    "Completed Streams": [event("stream_completed")] * 3,
    "Completed Non-Streams": [event("chat_completion_success")] * 2,
    "Total Completions (combined)": [],
    "All Errors (generic)": [event("error"), event("jwt_validation_error"), event("session_proxy_check_error")],
    "Session Errors": [event("session_close_error"), event("session_open_proxy_error")],
    "Proxy Errors": [event("proxy_request_error")],
    "Chat Errors": [event("chat_completions_error"), event("stream_generator_error")],
    "New Users": [event("user_creation")],
    "Active Sessions per User": [event("session_created", user_id=7), event("session_created", user_id="u")],
}
MISSES = [event(name) for name in (
    "proxy_session_responses", "proxy_session_close_failed", "stream_retry_start", "chat_completions_start",
    "stream_complete", "Chat_completion_success", "Error", "session_err", "user_created_from_cognito")]
MISSES += [event("session_created"), event("session_created", user_id=None), '{"no":"event type"}', "not JSON: error", ""]


def test_the_seeds_patterns():
    lines = [line for rows in HITS.values() for line in rows] + MISSES
    with scratch() as folder:
        (folder / "patterns.txt").write_text(SEED)
        (folder / "log").write_text("\n".join(lines))  # no LF behind the last line
        code, out, err = match("--patterns", "patterns.txt", "log", folder=folder)
        equal(code, 0, "exit code")
        counts = {title: int(n) for n, title in (row.split("\t") for row in out)}
        wanted = {title: len(rows) for title, rows in HITS.items()}
        wanted["Total Completions (combined)"] = 5  # S0-P07: the sum of the two
        # By name: 3 of its own, and the 5 of the narrower patterns.
        wanted["All Errors (generic)"] = 3 + 2 + 1 + 2
        # session_proxy_check_error is a session error too.
        wanted["Session Errors"] = 3
        equal(counts, wanted, "counts by title")
        code, out, _ = match("--patterns", "patterns.txt", "--json", "log", folder=folder)
        equal({row["title"]: row["count"] for row in json.loads("\n".join(out))}, wanted, "the same as JSON")
        # S0-B02 and S0-B04: the old name is in no pack.
        code, out, err = match('{ $.event_type = "stream_complete" }', "log", folder=folder)
        equal((code, len(out)), (0, 1), "the old name, which stands in the file")
        check("no pack knows an event type" in err and "did you mean stream_completed?" in err, err)
        # S0-B05: no printed pattern matches a line without event_type.
        for pattern in re.findall(r"^\{.*\}$", SEED, re.M):
            equal(match(pattern, text='{"event":"stream_completed error"}\nuser_creation error\n')[:2], (1, []), pattern)


def test_exit_codes_and_files():
    with scratch() as folder:
        (folder / "a").write_text('{"x":1}\n{"x":2}\n')
        (folder / "b").write_text('{"x":1}\r\nplain\n')
        equal(match("{ $.x = 1 }", "a", folder=folder), (0, ['{"x":1}'], ""), "a match")
        equal(match("{ $.x = 3 }", "a", folder=folder), (1, [], ""), "no match")
        equal(match("{ $.x = 1 }", "a", "b", folder=folder)[1], ['a:{"x":1}', 'b:{"x":1}'], "two files")
        equal(match("{ $.x = 1 }", "--count", "a", "b", folder=folder)[:2], (0, ["a:1", "b:1"]), "counts")
        equal(match("{ $.x = 3 }", "--count", "a", folder=folder)[:2], (1, ["0"]), "a count of none")
        equal(match("{ $.x = 2 }", "-n", "a", folder=folder)[1], ['2:{"x":2}'], "line numbers")
        equal(match("{ $.x = 2 }", "-", text='{"x":2}')[:2], (0, ['{"x":2}']), "standard input")
        equal(match("{ $.x = 2 }", text='{"x":2}\n')[:2], (0, ['{"x":2}']), "standard input by default")
        equal(match("", text="anything\n")[:2], (0, ["anything"]), "the empty pattern")
        equal(match("--", "-retrying", text="a\nretrying b\n")[:2], (0, ["a"]), "an excluded term")
        code, out, err = match("{ $.x = 1 }", "a", "missing", folder=folder)
        equal((code, out), (2, ['a:{"x":1}']), "a file that is not there")
        check("missing" in err, err)
        code, out, err = match("{ $.x == 1 }", "a", folder=folder)
        equal((code, out), (2, []), "a faulty pattern")
        equal(err, "pattern: column 7: equality is written with one =\n  { $.x == 1 }\n        ^\n", "the caret")
        equal(match(folder=folder)[0], 2, "no pattern")
        equal(match("--patterns", "a", "--explain", "b", folder=folder)[0], 2, "explain takes one pattern")
        (folder / "bad").write_text("# T\n\n{ $.x }\n")
        code, _, err = match("--patterns", "bad", "a", folder=folder)
        equal(code, 2, "a faulty pattern in a file")
        check(err.startswith("bad: line 3: column 7:"), err)
        equal(match("--help")[0], 0, "help")


def test_explain_and_extract():
    line = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
    pattern = "[ip, id, user, time, request, status = 4*, bytes]"
    code, out, _ = match(pattern, "--extract", text=line + "\nshort line\n")
    equal((code, out), (0, ["\t".join(["ip=127.0.0.1", "id=-", "user=frank", "time=10/Oct/2000:13:25:15 -0700",
                                       "request=GET /index.html HTTP/1.0", "status=404", "bytes=1534"])]), "values")
    code, out, _ = match(pattern, "--extract", "--json", text=line + "\n")
    equal(json.loads(out[0])["values"]["time"], "10/Oct/2000:13:25:15 -0700", "values as JSON")
    code, out, _ = match("{ $.a[*] = 2 }", "--extract", "--json", text='{"a":[1,2,"x"]}')
    equal(json.loads(out[0]), {"line": 1, "values": {"$.a[*]": [1, 2, "x"]}}, "values of a selector")
    code, out, _ = match('{ $.event_type = "session_created" && $.user_id = * }', "--explain",
                         text=event("session_created", user_id=1) + "\n" + event("session_created") + "\nplain\n")
    equal(code, 0, "one line matches")
    equal(out, ["1: match", '  yes  $.event_type = "session_created"  saw "session_created"', '  yes  $.user_id = "*"  saw 1',
                "2: no match", '  yes  $.event_type = "session_created"  saw "session_created"', '  no   $.user_id = "*"  saw nothing',
                "3: no match: the line holds no JSON object or array"], "explanations")
    code, out, _ = match("{ $.a = 1 }", "--explain", "--json", text='{"a":2}')
    equal((code, json.loads(out[0])), (1, {"line": 1, "matches": False, "conditions": [
        {"condition": "$.a = 1", "holds": False, "saw": "2"}]}), "an explanation as JSON")


def test_huge_and_broken_lines():
    huge = json.dumps({"pad": "x" * (1 << 20), "x": 1})
    long = json.dumps({"pad": "x" * ((1 << 20) - 100), "x": 1})
    broken = [b'{"x":1', b'{"x":1}\x00', b'{"x":1,"y":"\xff"}', b"[" * 5000, b"\x00" * 10, b'{"x":' + b"9" * 400 + b"}",
              b'{"x":1e999}', b'{"x":1}{"x":1}']
    text = b"\n".join([huge.encode(), *broken, long.encode(), b'{"x":1}'])
    code, out, err = match("{ $.x = 1 }", text=text)
    equal((code, [len(row) for row in out]), (0, [len(long), 7]), "the good lines among the bad")
    equal(err, "warning: 1 lines of more than 1 MiB were passed over\n", "what was passed over is said")
    # 200 MB in bounded memory: the address space allows no more than the program and some buffers.
    row = (event("stream_completed", pad="y" * 300) + "\n").encode() * 1000
    with scratch() as folder:
        with open(folder / "big", "wb") as big:
            for _ in range(400):
                big.write(row)
        size = os.path.getsize(folder / "big")
        code, out, _ = match("{ $.event_type = \"stream_completed\" && $.pad = *y }", "--count", "big", folder=folder,
                             limit=1 << 30)
        equal((code, out), (0, ["400000"]), f"lines of a file of {size} bytes")
        code, out, err = match("{ $.x = 1 }", "-", text=b"z" * (300 << 20) + b'\n{"x":1}\n', limit=1 << 30)
        equal((code, out), (0, ['{"x":1}']), "behind a line of 300 MB")


def test_the_admin_route():
    with world() as w:
        w.start_simulator()
        w.start_server()
        path = "/admin/v1/filters/test"

        def ask(body, status=200):
            answer = w.admin("POST", path, body if isinstance(body, str) else json.dumps(body))
            equal(answer.status, status, f"{body!r:.200}: {answer.text:.300}")
            return answer.json()

        got = ask({"pattern": "[ip, rest]", "messages": ["1.2.3.4 a b", "alone"]})
        equal(got["matches"], [{"eventNumber": 1, "eventMessage": "1.2.3.4 a b",
                                "extractedValues": {"$ip": "1.2.3.4", "$rest": "a b"}}], "matches as CloudWatch's")
        equal([row["matches"] for row in got["results"]], [True, False], "each message's verdict")
        equal(got["results"][1]["why_not"], "the line has 1 field, the pattern wants at least 2", "why not")
        equal((got["form"], got["runs_behind_the_door"]), ("delimited", False), "the form")
        got = ask({"filterPattern": '{ $.event_type = "stream_complete" && $.status_code = 4* }',
                   "logEventMessages": ['{"event_type":"stream_complete","status_code":404}', '{"event_type":"x"}']})
        equal(got["matches"][0]["extractedValues"], {"$.event_type": "stream_complete", "$.status_code": "404"}, "CloudWatch's names")
        check("did you mean stream_completed?" in got["warnings"][0], got)
        equal([c["holds"] for c in got["results"][1]["conditions"]], [False, False], "conditions")
        equal(got["results"][1]["conditions"][1]["saw"], "nothing", "what was seen")
        error = ask({"pattern": "{ $.a == 1 }", "messages": []}, 400)["error"]
        equal((error["column"], error["excerpt"], error["caret"]), (7, "{ $.a == 1 }", "      ^"), "the caret")
        for bad in ("", "[]", "{}", '{"pattern":1}', '{"pattern":"x","messages":"y"}', '{"pattern":"x","messages":[1]}',
                    '{"pattern":"x","other":1}', json.dumps({"pattern": "x", "messages": [""] * 1001}),
                    json.dumps({"pattern": "x" * 5000, "messages": []})):
            check(ask(bad, 400)["error"]["message"], bad)
        equal(w.ask("POST", path, '{"pattern":"","messages":[]}', {}).status, 401, "without the admin's key")
        equal(w.admin("POST", path, json.dumps({"pattern": "x", "messages": ["y" * (2 << 20)]})).status, 413, "2 MiB")
        w.stop()


def test_the_patterns_that_never_matched():
    with world() as w:
        w.start_simulator()
        w.start_server()

        def rows():
            answer = w.admin("GET", "/admin/v1/patterns").json()["patterns"]
            return answer, {row["meter"]: row for row in answer}

        equal(w.chat("hello").status, 200, "a request")
        equal(w.chat("hello").status, 200, "another")
        w.reconcile()
        ordered, by_name = rows()
        equal(by_name["sightglass_requests_total"]["hits"], 2, "hits of the requests' pattern")
        check(by_name["sightglass_requests_total"]["pattern"].startswith("{"), by_name)
        check(by_name["sightglass_requests_total"]["last_hit"].endswith("Z"), by_name)
        never = [row for row in ordered if row["last_hit"] is None]
        check(never and all(row["hits"] == 0 for row in never), "some patterns never matched")
        equal(ordered[:len(never)], never, "which stand first")
        w.stop()
        w.start_server()
        equal(rows()[1]["sightglass_requests_total"]["hits"], 2, "hits after a restart")
        w.stop()


if __name__ == "__main__":
    run(test_the_seeds_patterns, test_exit_codes_and_files, test_explain_and_extract, test_huge_and_broken_lines,
        test_the_admin_route, test_the_patterns_that_never_matched)
