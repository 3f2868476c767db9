#!/usr/bin/env python3
"""Plants canaries wherever content, secrets or a person's data can come in, and searches everything
that Sightglass wrote or answered for them, decoded and in five encodings. A permitted marker per sink
must be found, so that a search that looks in the wrong place fails."""
import base64
import gzip
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import CLIENT_KEY, NODE, ROOT, check, run, wait_for, world  # noqa: E402

MARKER_REQUEST = "5e9f0a11-2b2e-4ac6-9f0d-9f6d2e0b7a6e"  # passes whole: the marker of every sink


class Canaries:
    def __init__(self):
        self.planted = {}

    def plant(self, where):
        word = f"CANARY{len(self.planted):02d}{where.upper().replace('-', '')}ZQXJ"
        self.planted[where] = word
        return word


def encodings(word):
    raw = word.encode()
    forms = {"plain": raw, "base64": base64.b64encode(raw), "hex": raw.hex().encode(), "reversed": raw[::-1],
             "escaped": "".join(f"\\u{ord(c):04x}" for c in word).encode()}
    # A canary inside a longer text is base64-encoded at any of three offsets.
    for shift in (1, 2):
        forms[f"base64+{shift}"] = base64.b64encode(b"\0" * shift + raw)[4:-4]
    return forms


def written_by(folder):
    """Every byte in files, gunzipped where packed, and Parquet as its rows."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name in ("tally.jsonl", "sightglass.yaml") or path.name.startswith("simulator"):
            continue
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue
        yield str(path.relative_to(folder)), data
        if data[:2] == b"\x1f\x8b":
            yield f"{path.name} (unpacked)", gzip.decompress(data)
        if path.suffix == ".parquet":
            rows = subprocess.run([str(NODE), str(ROOT / "tests/e2e/lib/rows.mjs"), str(path)],
                                  capture_output=True, timeout=300)
            if rows.returncode != 0 and not path.exists():
                continue  # sealed or merged meanwhile: the rows stand in another file
            check(rows.returncode == 0, f"rows.mjs: {rows.stderr.decode()}")
            yield f"{path.name} (rows)", rows.stdout


def plant_everything(w, canaries):
    c = canaries.plant
    tool = {"type": "function", "function": {"name": "lookup", "description": c("tool-description"),
                                             "parameters": {"type": "object", "title": c("tool-schema")}}}
    chat = {
        "model": "gpt-4o-mini", "max_tokens": 8, "user": c("user"), "tools": [tool],
        "metadata": {"note": c("metadata")},
        "messages": [
            {"role": "system", "content": c("system-prompt")},
            {"role": "user", "content": [{"type": "text", "text": c("prompt")},
                                         {"type": "image_url", "image_url": {"url": f"https://x/{c('url')}.png"}}]},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"a": c("tool-arguments")})}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": c("tool-result")},
        ],
    }
    headers = {"x-custom": c("header"), "User-Agent": c("user-agent"), "Cookie": f"a={c('cookie')}",
               "x-request-id": MARKER_REQUEST, "Referer": f"http://127.0.0.1/{c('referer')}"}
    auth = {"Authorization": f"Bearer {CLIENT_KEY}", "Content-Type": "application/json"}
    answers = []

    def send(path, body, extra=None):
        answers.append(w.ask("POST", path, json.dumps(body), {**auth, **headers, **(extra or {})}))

    send("/v1/chat/completions", chat)
    send("/v1/chat/completions", {**chat, "stream": True})
    send("/v1/chat/completions?key=" + c("query"), chat)
    send("/v1/chat/completions", {**chat, "model": c("model-name") + " with blanks"})
    send("/v1/chat/completions", {**chat, "model": "sk-" + c("key-as-model") + "a1B2c3D4e5F6g7H8"})
    send("/v1/chat/completions", {**chat, "messages": [
        {"role": "user", "content": f"sim: status=400 message={c('provider-error')}"}]})
    send("/v1/messages", {"model": "claude-haiku-4-5", "max_tokens": 8, "system": c("anthropic-system"),
                          "metadata": {"user_id": c("anthropic-user")},
                          "messages": [{"role": "user", "content": c("anthropic-prompt")}]})
    send("/v1/responses", {"model": "gpt-4o-mini", "input": c("responses-input"), "instructions": c("instructions")})
    send("/v1/embeddings", {"model": "text-embedding-3-small", "input": c("embeddings-input")})
    # S3-R06, S1-R03: audio and files as forms, with a name of their own.
    def form(kind, content):
        return (f'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
                f'--b\r\nContent-Disposition: form-data; name="file"; filename="{c(kind + "-file-name")}.wav"\r\n'
                f'Content-Type: audio/wav\r\n\r\n{content}\r\n--b--\r\n')
    for kind, path in (("audio", "/v1/audio/transcriptions"), ("upload", "/providers/openai/v1/files")):
        answers.append(w.ask("POST", path, form(kind, c(kind)),
                             {**auth, **headers, "Content-Type": "multipart/form-data; boundary=b"}))
    send("/v1/audio/speech", {"model": "tts-1", "voice": "alloy", "input": c("speech-input")})
    send("/v1/unknown/" + c("path"), {})
    send("/providers/openai/" + c("provider-path"), {})
    for key in (c("wrong-key"), "sg_" + c("wrong-own-key")):
        answers.append(w.chat("x", key=key))
    answers.append(w.ask("POST", "/v1/chat/completions", '{"model": "' + c("broken-json"), {**auth, **headers}))
    answers.append(w.ask("GET", "/admin/v1/metrics/clients/" + c("admin-path"), None, {"Authorization": "Bearer " + c("admin-key")}))
    answers.append(w.ask("POST", "/api/login", json.dumps({"admin_id": c("login-id"), "password": c("password")}),
                         {"Content-Type": "application/json"}))
    return answers


def test_no_canary_in_anything_written_or_shown():
    canaries = Canaries()
    with world() as w:
        w.start_simulator()
        w.start_server(extra="store: {seal_age: 1s}", env={"FEATURE_METRICS_LOGGING_ENABLED": "true"})
        sizes = [answer.status for answer in plant_everything(w, canaries)]
        check(sizes.count(200) >= 6, f"the planted requests were not served: {sizes}")
        wait_for(lambda: w.reconcile()["witnesses"]["logs"]["requests"] >= 8, "the log to have them")
        shown = {}
        for path in ("/metrics", "/metrics/active-requests", "/metrics/running-totals", "/metrics/logs",
                     "/admin/v1/metrics/global", "/admin/v1/health"):
            shown[path] = w.admin("GET", path).body
        check(MARKER_REQUEST.encode() in shown["/metrics/logs"], "the marker is not in /metrics/logs")
        check(b'model="gpt-4o-mini"' in shown["/metrics"], "the marker is not in /metrics")
        w.stop()
        found_marker = set()
        for name, data in [*written_by(w.folder), *shown.items()]:
            if MARKER_REQUEST.encode() in data:
                found_marker.add(name.split("/")[0].split(" ")[0] if "parquet" not in name else "parquet")
            for where, word in canaries.planted.items():
                for form, raw in encodings(word).items():
                    check(raw not in data, f"the canary of {where} is in {name} ({form})")
        check("parquet" in found_marker, f"the marker is not in the Parquet rows: {found_marker}")
        check("logs" in found_marker, f"the marker is not in the log: {found_marker}")
        check("data" in found_marker, f"the marker is not in the journal: {found_marker}")
        print(f"      {len(canaries.planted)} canaries, marker found in {sorted(found_marker)}")


def test_the_search_finds_what_is_there():
    """The check of the check: a canary in a passing place, in each encoding, is found."""
    word = Canaries().plant("self")
    for form, raw in encodings(word).items():
        check(any(r in b"xx" + raw + b"yy" for r in encodings(word).values()), f"{form} is not found")


if __name__ == "__main__":
    run(test_the_search_finds_what_is_there, test_no_canary_in_anything_written_or_shown)
