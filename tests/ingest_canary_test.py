#!/usr/bin/env python3
"""Canaries and secrets in what applications hand in: in values, names, nested objects and arrays, escapes,
unknown fields, lines and headers. None is in anything written or shown; a permitted marker is in every
sink, so that a search that looks in the wrong place fails."""
import json
import pathlib
import random
import string
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from canary_test import Canaries, encodings, written_by  # noqa: E402
from support.harness import check, equal, run, wait_for, world  # noqa: E402

MARKER = "permitted-marker-zq7"
# A pack whose fields may pass in every form that text can have.
PACK = """pack: planted
version: 1
fields:
  a_name: { kind: text, class: name }
  a_category: { kind: text, class: category }
  a_kind: { kind: text, class: type, values: [ok] }
  a_place: { kind: text, class: source_position }
  a_person: { kind: text, class: identifier, identifier: u }
  a_prompt: { kind: text, class: content }
  a_note: { kind: text, class: free_text }
  deep: { kind: text, class: name, aliases: [outer.inner.deep] }
events:
  planted_event: { level: info, row: true }
# The widest rules that there are for what no pack knows.
unknown_fields:
  - { events: planted_event, class: name, max_names: 1000 }
  - { events: planted_event, class: category, max_names: 1000 }
  - { events: planted_event, class: flag, max_names: 1000 }
meters:
  - metric: planted_total
    type: counter
    help: Planted events by name.
    match: '{ $.event_type = "planted_event" }'
    labels: { name: $.a_name }
"""


def chars(source, n, alphabet=string.ascii_letters + string.digits):
    return "".join(source.choice(alphabet) for _ in range(n))


def secrets(source):
    """One of each kind, random within its form."""
    a = lambda n: chars(source, n)  # noqa: E731
    h = lambda n: chars(source, n, "0123456789abcdef")  # noqa: E731
    u = lambda n: chars(source, n, string.ascii_uppercase + "234567")  # noqa: E731
    return {
        "anthropic": f"sk-ant-api03-{a(90)}", "openai": f"sk-proj-{a(40)}T3BlbkFJ{a(40)}", "openai_old": f"sk-{a(48)}",
        "openrouter": f"sk-or-v1-{h(64)}", "google": f"AIza{a(35)}", "google_oauth": f"ya29.{a(60)}", "groq": f"gsk_{a(52)}",
        "xai": f"xai-{a(80)}", "perplexity": f"pplx-{a(48)}", "huggingface": f"hf_{a(34)}", "replicate": f"r8_{a(37)}",
        "nvidia": f"nvapi-{a(64)}", "fireworks": f"fw_{a(24)}", "cerebras": f"csk-{a(48)}", "langsmith": f"lsv2_pt_{h(32)}_{h(10)}",
        "together": f"tgp_v1_{a(43)}", "tavily": f"tvly-dev-{a(32)}", "pinecone": f"pcsk_{a(6)}_{a(60)}", "sightglass": f"sg_{a(32)}",
        "aws": f"AKIA{u(16)}", "aws_secret": a(40), "azure": f"{a(52)}JQQJ99{a(26)}", "azure_client": f"{a(3)}8Q~{a(34)}",
        "databricks": f"dapi{h(32)}", "digitalocean": f"dop_v1_{h(64)}", "github": f"ghp_{a(36)}",
        "github_fine": f"github_pat_{a(22)}_{a(59)}", "gitlab": f"glpat-{a(20)}", "npm": f"npm_{a(36)}", "pypi": f"pypi-AgEIcHlwaS5vcmc{a(80)}",
        "docker": f"dckr_pat_{a(27)}", "slack": f"xoxb-{a(12)}-{a(24)}", "stripe": f"sk_live_{a(24)}", "sendgrid": f"SG.{a(22)}.{a(43)}",
        "twilio": f"SK{h(32)}", "telegram": f"7123456789:AA{a(33)}", "mailgun": f"key-{h(32)}", "shopify": f"shpat_{h(32)}",
        "vault": f"hvs.{a(90)}", "grafana": f"glsa_{a(32)}_{h(8)}", "newrelic": f"NRAK-{u(27)}", "notion": f"ntn_{a(46)}",
        "atlassian": f"ATATT3{a(60)}", "jwt": f"eyJhbGciOiJIUzI1NiJ9.eyJ{a(30)}.{a(43)}", "pem": f"-----BEGIN PRIVATE KEY-----{a(60)}",
        "url": f"postgres://app:{a(10)}7@db:5432/x", "password": f"password={a(10)}7", "bearer": f"Bearer {a(20)}7",
        "email": f"{a(9)}@example.com", "card": "4012888888881881", "iban": "DE89370400440532013000", "phone": "+4917012345678",
        "long_hex": h(64), "random": f"{a(40)}",
    }


def escaped(text):
    return '"' + "".join(f"\\u{ord(c):04x}" for c in text) + '"'


def half_escaped(text):
    """As a secret could be split across escapes: every third character."""
    return '"' + "".join(f"\\u{ord(c):04x}" if i % 3 == 0 else json.dumps(c)[1:-1] for i, c in enumerate(text)) + '"'


def events_with(text):
    """The text in every place of an event where one could hide."""
    base = {"event_type": "planted_event", "a_category": MARKER}
    for field in ("a_name", "a_category", "a_kind", "a_place", "a_person", "a_prompt", "a_note", "unknown_field"):
        yield json.dumps({**base, field: text})
    yield json.dumps({**base, "outer": {"inner": {"deep": text, "other": [text]}}})
    yield json.dumps({**base, "outer.inner.deep": text})
    yield json.dumps({**base, "list": [1, text, {"x": [text]}]})
    yield json.dumps({**base, text: 1})
    yield json.dumps({**base, "a_name": {"nested": text}})
    yield json.dumps({**base, "a_name": json.dumps({"again": text})})
    yield json.dumps({"event_type": text, "a_category": MARKER})
    yield json.dumps(base)[:-1] + f', "a_name": {escaped(text)}, {escaped(text)}: 1}}'
    yield json.dumps(base)[:-1] + f', "a_category": {half_escaped(text)}, "a_place": {half_escaped(text)}}}'
    yield json.dumps(base)[:-1] + f', "a_name": "x:{text}", "a_name": {half_escaped("y/" + text)}}}'


def plant(w, canaries, kinds):
    lines = []
    for where in ("value", "word"):
        lines += list(events_with(canaries.plant(f"{where}-sentence") + " is a sentence"))
    for text in kinds.values():
        lines += list(events_with(text))
    body = "\n".join(lines)
    answer = w.admin("POST", "/ingest/v1/events", body, {"Content-Type": "application/x-ndjson"})
    equal(answer.status, 200, f"ingest: {answer.text[:300]}")
    check(answer.json()["accepted"] > len(lines) // 2, f"too few were accepted: {answer.text[:300]}")
    c = canaries.plant
    text = "\n".join([f"[METRIC] [{c('line-user')}@example.com] llm_call model=gpt-4 prompt={c('line-prompt')} message_count=3",
                      f"Traceback: {c('line-trace')}", json.dumps({"message": c("line-message"), "level": "error"})] +
                     [f"[METRIC] [{t}] llm_call model={t} category={MARKER}" for t in kinds.values()])
    answers = [answer, w.admin("POST", "/ingest/v1/lines", text, {"Content-Type": "text/plain", "x-user-agent": c("header")})]
    answers.append(w.admin("POST", "/ingest/v1/events", '{"event_type": "' + c("broken"), {}))
    answers.append(w.admin("POST", "/ingest/v1/events?key=" + c("query"), "{}", {"Cookie": "a=" + c("cookie")}))
    return answers, len(lines)


def test_no_canary_and_no_secret_of_what_was_ingested_is_left():
    source = random.Random(11)
    canaries, kinds = Canaries(), secrets(source)
    check(len(kinds) >= 50, "kinds of secrets")
    with world() as w:
        w.start_simulator()
        pack = w.folder / "planted.yaml"
        pack.write_text(PACK)
        w.start_server(extra=f"store: {{seal_age: 1s}}\npacks: [{pack}]")
        answers, planted = plant(w, canaries, kinds)
        wait_for(lambda: w.reconcile()["agree"], "the folds")
        wait_for(lambda: list((w.folder / "data/store/parquet").glob("*.parquet")), "a sealed file")
        shown = {path: w.admin("GET", path).body for path in
                 ("/metrics", "/metrics/logs", "/metrics/running-totals", "/admin/v1/events?limit=500", "/admin/v1/health")}
        for i, answer in enumerate(answers):
            shown[f"answer {i}"] = answer.body
        w.stop()
        found = set()
        searched = [(n, d) for n, d in [*written_by(w.folder), *shown.items()] if n != "planted.yaml"]
        for name, data in searched:
            if MARKER.encode() in data:
                found.add("rows" if "(rows)" in name else name.split("/")[0] if "/" in name else name)
            for where, word in canaries.planted.items():
                for form, raw in encodings(word).items():
                    check(raw not in data, f"the canary of {where} is in {name} ({form})")
            for kind, secret in kinds.items():
                # By a part that no escape and no cut can hide.
                check(secret.encode() not in data and secret[8:].encode() not in data, f"the {kind} is in {name}")
        for sink in ("rows", "logs", "data"):
            check(sink in found, f"the marker is not in {sink}: {found}")
        print(f"      {len(kinds)} kinds of secrets and {len(canaries.planted)} canaries in {planted} events, "
              f"marker found in {sorted(found)}")


if __name__ == "__main__":
    run(test_no_canary_and_no_secret_of_what_was_ingested_is_left)
