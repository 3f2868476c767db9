#!/usr/bin/env python3
"""Rows of the seeds that need the whole program and belong to no other test: metrics by pseudonym, what the activity
lines keep and what they never do, and the gateway's own calls as the Propagation seed's provider metrics."""
import collections
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import check, equal, run, wait_for, whole_lines, world  # noqa: E402

BY_PERSON = """pack: people
version: 1
meters:
  - metric: calls_by_person
    type: counter
    help: Calls by model and person.
    match: '{ $.event_type = "llm_call" }'
    labels: { model: $.model, user: $.user_id }
  - metric: calls_in_a_small_budget
    type: counter
    help: The same, with room for three series.
    match: '{ $.event_type = "llm_call" }'
    labels: { model: $.model, user: $.user_id }
    max_series: 3
"""


# S0-B06: combined with other fields; past the budget the overflow series keeps the total right.
def dimensions_of_model_and_person():
    with world() as w:
        w.upstream = 9
        (w.folder / "people.yaml").write_text(BY_PERSON)
        w.start_server(f"packs: [{w.folder}/people.yaml]")
        events = [{"event_type": "llm_call", "user_id": f"person{n % 5}@example.com", "model": f"model-{n % 3}",
                   "message_count": 1} for n in range(97)]
        tally = collections.Counter((e["model"], e["user_id"]) for e in events)
        body = "\n".join(map(json.dumps, events))
        equal(w.ask("POST", "/ingest/v1/events", body).json()["accepted"], 97, "accepted")
        w.reconcile()
        series = w.series()
        counted = collections.Counter()
        people = set()
        for key, value in series.items():
            if key.startswith("calls_by_person{"):
                labels = dict(part.split("=", 1) for part in key[key.index("{") + 1:-1].split(","))
                counted[labels["model"].strip('"')] += value
                people.add(labels["user"])
        equal(len([k for k in series if k.startswith("calls_by_person{")]), len(tally), "pairs")
        equal(sorted(v for k, v in series.items() if k.startswith("calls_by_person{")), sorted(tally.values()), "counts")
        equal(dict(counted), dict(collections.Counter(e["model"] for e in events)), "by model")
        equal(len(people), 5, "people")
        check(all(p.startswith('"u:') for p in people), people)
        small = {k: v for k, v in series.items() if k.startswith("calls_in_a_small_budget{")}
        equal((len(small), sum(small.values())), (4, 97), "three series and one for the rest")
        check(any("__other__" in k for k in small), small)
        equal(w.stop(), 0, "the server's end")


# S1-R06 to S1-R10, S1-B11, S3-R04, S3-R05: counts, sizes, types and categories stay; nothing else does.
def activity_lines_keep_metadata_only():
    canaries = {"mail": "other.person.canaryzq@example.com", "phone": "+4917655512345", "address": "CANARYADDRESSZQ street 5",
                "error": "CANARYERRORZQ at line 5", "exception": "CANARYTRACEZQ", "input": "CANARYINPUTZQ", "text": "CANARYTEXTZQ",
                "audio": "CANARYAUDIOZQ", "file_name": "CANARYFILEZQ.pdf", "args": "CANARYARGSZQ"}
    with world() as w:
        w.upstream = 9
        w.start_server("store: {seal_age: 1s}\n", env={"FEATURE_METRICS_LOGGING_ENABLED": "true"})
        hidden = " ".join(f"{key}={value}" for key, value in canaries.items())
        lines = [f"[METRIC] [user@example.com] llm_call model=gpt-4 message_count=5 file_count=2 {hidden}",
                 f"[METRIC] [user@example.com] file_stored file_size=2048 content_type=image/png category=archive {hidden}",
                 f"[METRIC] [user@example.com] tool_error tool_name=file_reader {hidden}",
                 f"[METRIC] [user@example.com] error error_type=context_window_exceeded {hidden}"]
        answer = w.ask("POST", "/ingest/v1/lines", "\n".join(lines)).json()
        equal(answer["accepted"], 4, answer)
        check(answer["dropped_fields"] + answer["withheld_fields"] >= 4 * len(canaries) - 4, answer)
        path = w.folder / "logs/application.log"
        written = wait_for(lambda: whole_lines(path)[3:] and whole_lines(path), "four lines")
        ends = [line.split("] ", 2)[2] for line in written]
        equal(ends, ["llm_call model=gpt-4 message_count=5 file_count=2",
                     "file_stored file_size=2048 content_type=image/png category=archive",
                     "tool_error tool_name=file_reader", "error error_type=context_window_exceeded"], "what stays")
        wait_for(lambda: list((w.folder / "data/store/parquet").glob("*.parquet")), "a sealed file")
        shown = "".join(w.admin("GET", p).text for p in ("/metrics", "/metrics/logs", "/admin/v1/events?limit=100"))
        equal(w.stop(), 0, "the server's end")
        everything = b"".join(p.read_bytes() for p in w.folder.rglob("*") if p.is_file()) + shown.encode()
        for key, value in {**canaries, "user": "user@example.com"}.items():
            check(value.split(" ")[0].encode() not in everything, f"the canary of {key} was written")


# S1-B02: one place writes these lines, and a page describes them.
def one_place_writes_activity_lines():
    root = pathlib.Path(__file__).resolve().parent.parent
    writers = [str(p.relative_to(root)) for p in sorted((root / "src").rglob("*.cc"))
               if '"[METRIC] ["' in p.read_text() and not p.name.endswith(("_test.cc", "_fuzz.cc", "_bench.cc"))]
    equal(writers, ["src/codec/text_reader.cc", "src/logs/activity_line.cc"], "the reader and the one writer")
    check("## Activity lines" in (root / "docs/log-formats.md").read_text(), "the page")


# S3-B07, S3-J02, S3-M32 to S3-M37: the gateway's calls and those of applications in one roll-up.
def provider_metrics_of_the_gateways_own_calls():
    with world() as w:
        w.start_simulator()
        w.start_server()
        for i in range(12):
            equal(w.chat("sim: tokens=7", stream=i % 2 == 0).status, 200, "a call")
        w.chat("sim: status=500")
        equal(w.chat("x", model="nobody-knows-this-1").status, 200, "a call of unknown price")
        equal(w.ask("POST", "/v1/chat/completions", "{not json", {"Authorization": "Bearer sg_testclient0000000000000001"}).status,
              400, "a rejected one")
        line = {"ts": None, "level": "info", "service": "py", "env": "production", "span": "provider.chat", "provider": "deepgram",
                "modelId": "nova-2", "latencyMs": 721, "tokensIn": 1184, "tokensOut": 362, "costCents": 2.1, "status": "ok"}
        del line["ts"]
        equal(w.ask("POST", "/ingest/v1/events", json.dumps(line)).json()["accepted"], 1, "an application's line")
        w.reconcile()
        terminal = [x for x in wait_for(lambda: [x for x in w.log_lines() if x.get("outcome")][14:] and w.log_lines(), "the lines")
                    if x.get("outcome")]
        ours = [x for x in terminal if x["provider"] == "openai" and x["outcome"] != "rejected"]
        equal(len(ours), 14, "calls that went to the provider")

        def summed(name, provider):
            return sum(v for k, v in w.series().items() if k.startswith(name + "{") and f'provider="{provider}"' in k)

        equal(summed("coachup_provider_request_count", "openai"), 14, "calls")
        equal(summed("coachup_provider_request_errors", "openai"), 1, "errors")
        equal(summed("coachup_provider_request_latency_ms_count", "openai"), 14, "timed calls")
        latency = sum(x["latencyMs"] for x in ours)
        check(abs(summed("coachup_provider_request_latency_ms_sum", "openai") - latency) <= 0.5 * len(ours) + 1,
              f"milliseconds: {summed('coachup_provider_request_latency_ms_sum', 'openai')} against {latency} in the log")
        equal(summed("coachup_provider_tokens_in", "openai"), sum(x.get("tokensIn", 0) for x in ours), "input tokens")
        equal(summed("coachup_provider_tokens_out", "openai"), sum(x.get("tokensOut", 0) for x in ours), "output tokens")
        cents = sum(round(x.get("costCents", 0) * 10**7) for x in ours)
        equal(round(summed("coachup_provider_cost_cents", "openai") * 10**7), cents, "cost, exact")
        check(cents > 0, "nothing had a price")
        unpriced = sum(1 for x in ours if "costCents" not in x)
        check(unpriced >= 1, "the unknown model had a price")
        equal(summed("coachup_provider_unpriced", "openai"), unpriced, "counted as unpriced")
        equal(summed("coachup_provider_cost_cents", "deepgram"), 2.1, "the application's cost")
        equal(summed("coachup_provider_request_latency_ms_sum", "deepgram"), 721, "the application's time")
        spans = [x for x in ours if x.get("span") == "provider.chat"]
        equal(len(spans), 14, "each upstream call is a line with its span")
        equal(w.stop(), 0, "the server's end")


if __name__ == "__main__":
    run(dimensions_of_model_and_person, activity_lines_keep_metadata_only, one_place_writes_activity_lines,
        provider_metrics_of_the_gateways_own_calls)
