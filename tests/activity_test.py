#!/usr/bin/env python3
"""The Activity seed's `[METRIC]` lines on the real program: the flag from the environment and from
`.env`, the seed's recipes by grep, plain users, and each line once over kills."""
import json
import re
import subprocess
import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/support")
from harness import CLIENT_KEY, check, equal, run, wait_for, whole_lines, world  # noqa: E402

FLAG = "FEATURE_METRICS_LOGGING_ENABLED"
FORM = re.compile(r"^\[METRIC\] \[[^\]]*\] [a-z_]+( [a-z_0-9]+=.*)*$")


def lines(w):
    return whole_lines(w.folder / "logs/application.log")


def grep(w, recipe):
    """One of the seed's recipes as printed, in the folder of the file."""
    return subprocess.run(["sh", "-c", recipe], cwd=w.folder / "logs", capture_output=True, text=True).stdout.splitlines()


def terminals(w):
    return [line for line in w.log_lines() if line.get("outcome")]


def settled(w, count):
    wait_for(lambda: len(terminals(w)) >= count, f"{count} terminal lines")
    wait_for(lambda: len([x for x in lines(w) if "llm_call" in x or " error " in x]) >= count, f"{count} activity lines")


def traffic(w):
    """Eight good calls of two people (one streamed, two with tools, of which one is answered by two calls) and two
    that fail."""
    for user in ("alice@example.com", "bob@example.com"):
        headers = {"x-user-id": user}
        equal(w.chat("hi", headers=headers).status, 200, "a call")
        equal(w.chat("hi", headers=headers, stream=True).status, 200, "a stream")
        equal(w.chat("hi", headers=headers, tools=[{"type": "function", "function": {"name": "f"}}]).status, 200, "tools")
        equal(w.chat("sim: tools=2", headers=headers, tools=[{"type": "function", "function": {"name": "lookup"}}]).status,
              200, "a call of tools")
    equal(w.ask("POST", "/v1/chat/completions", "{not json", {"Authorization": f"Bearer {CLIENT_KEY}"}).status, 400, "bad")
    equal(w.ask("POST", "/v1/chat/completions", "[", {"Authorization": f"Bearer {CLIENT_KEY}"}).status, 400, "bad")


# S1-G01, S1-B09, S1-B10, S1-C06 to S1-C11, S1-E01, S1-E02, S1-E06, S1-F12
def flag_from_environment():
    with world() as w:
        w.start_simulator()
        w.start_server(env={FLAG: "true"})
        traffic(w)
        settled(w, 10)
        wait_for(lambda: len([x for x in lines(w) if " tool_call " in x]) == 4, "the tools' lines")
        text = lines(w)
        for line in text:
            check(FORM.match(line), f"not in the printed form: {line}")
        equal(grep(w, r'grep "\[METRIC\]" application.log'), text, "all lines")
        calls = grep(w, r'grep "\[METRIC\].*llm_call" application.log')
        equal(len(calls), 8, "LLM calls")
        equal(len([c for c in calls if "tool_count=" in c]), 4, "calls with tools")
        used = grep(w, r'grep "\[METRIC\].*tool_call" application.log')
        equal([u.split("] ", 2)[2] for u in used], ["tool_call tool_name=lookup"] * 4, "tools by their name alone")
        counted = grep(w, r"""grep "\[METRIC\].*tool_call" application.log | cut -d' ' -f2 | sort | uniq -c""")
        equal([c.split()[0] for c in counted], ["2", "2"], "tool calls per user")
        check(all(" model=gpt-4o-mini message_count=1" in c for c in calls), calls)
        equal(grep(w, r'grep "\[METRIC\].*error" application.log'), ["[METRIC] [unknown] error error_type=validation"] * 2, "errors")
        users = {line["userIdHash"] for line in terminals(w) if line.get("userIdHash")}
        equal(len(users), 2, "people")
        for user in users:
            equal(len([c for c in grep(w, rf'grep "\[METRIC\] \[{user}\]" application.log') if "llm_call" in c]), 4, user)
        check("example.com" not in "\n".join(text), "an e-mail in the lines")
        equal(w.stop(), 0, "the server's end")
        equal(lines(w), text, "nothing is added at the end")


# S1-G02, S1-G03: the printed `.env`; the environment wins; off writes nothing and makes up for nothing.
def flag_from_dotenv():
    with world() as w:
        w.start_simulator()
        (w.folder / ".env").write_text(f"{FLAG}=true\n")
        w.start_server()
        equal(w.chat("hi").status, 200, "a call")
        settled(w, 1)
        w.server.stop()
        before = lines(w)
        w.start_server(env={FLAG: "false"})
        equal(w.chat("hi").status, 200, "a call while off")
        wait_for(lambda: len(terminals(w)) == 2, "the call's line in the JSON log")
        w.server.stop()
        equal(lines(w), before, "lines while the flag is off")
        w.start_server()
        equal(w.chat("hi").status, 200, "a call")
        wait_for(lambda: len(lines(w)) == len(before) + 1, "one more line")
        w.server.stop()
        (w.folder / ".env").write_text(f"{FLAG}=perhaps\n")
        done = w.command("serve", "--config", w.folder / "sightglass.yaml")
        check(done.returncode != 0 and FLAG in done.stderr and "perhaps" in done.stderr, done.stderr)


# S1-F02, S1-C07: plain users, which stand in this file and nowhere else.
def plain_users():
    with world() as w:
        w.start_simulator()
        w.start_server("activity_log: {users: plain}\n", env={FLAG: "1"})
        traffic(w)
        settled(w, 10)
        calls = grep(w, r'grep "\[METRIC\] \[alice@example.com\]" application.log')
        equal(len([c for c in calls if "llm_call" in c]), 4, "alice's calls")
        equal(w.stop(), 0, "the server's end")
        found = subprocess.run(["grep", "-rlaF", "alice@example.com", str(w.folder)], capture_output=True, text=True).stdout.split()
        equal([p for p in found if not p.endswith("tally.jsonl")], [str(w.folder / "logs/application.log")], "where the e-mail stands")


# Each line once, over kills in the middle of traffic: one activity line for each terminal of the log.
def kills():
    with world() as w:
        w.start_simulator()
        for life in range(4):
            w.start_server(env={FLAG: "on"})
            for i in range(12):
                w.chat(f"{life}-{i}")
            w.server.kill()
        w.start_server(env={FLAG: "on"})
        w.reconcile()
        settled(w, len(terminals(w)))
        equal(w.stop(), 0, "the server's end")
        ends = [line["outcome"] for line in terminals(w)]
        text = lines(w)
        equal(len([x for x in text if " llm_call " in x]), ends.count("ok"), "llm_call lines for good ends")
        equal(len([x for x in text if " error " in x]), len(ends) - ends.count("ok"), "error lines for the others")


if __name__ == "__main__":
    run(flag_from_environment, flag_from_dotenv, plain_users, kills)
