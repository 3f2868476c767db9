#!/usr/bin/env python3
"""Packs of one's own: checked with file and line, listed, drafted from a log, and changed under load on
a running server, whose unchanged counters never go back."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import ROOT, check, equal, run, wait_for, world  # noqa: E402

OWN = """# ours
pack: own
version: 1

fields:
  basket: { kind: int, class: count }
events:
  checkout: { level: info, row: true, sample: 10 }
meters:
  - metric: own_requests_total
    type: counter
    help: Requests by outcome.
    match: '{ $.outcome = * }'
    labels: { outcome: $.outcome }
"""
SECOND = OWN + """  - metric: own_streams_total
    type: counter
    help: Streams.
    match: '{ $.outcome = * && $.is_streaming IS TRUE }'
    labels: { outcome: $.outcome }
"""
CHANGED = SECOND.replace("labels: { outcome: $.outcome }", "labels: { provider: $.provider }", 1)
BAD = OWN.replace("class: count", "class: counts")
WATCHED = ("sightglass_requests_total", "coo_llm_requests_total", "own_requests_total")


class Load:
    """Requests until told to stop, from two threads; and a scraper that must never see a step back."""

    def __init__(self, w):
        self.w = w
        self.sent = 0
        self.back = []
        self.scrapes = 0
        self.failed = []
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.ask, args=(i,)) for i in range(2)]
        self.threads.append(threading.Thread(target=self.watch))
        for thread in self.threads:
            thread.start()

    def ask(self, which):
        while not self.over.is_set():
            answer = self.w.chat("sim: tokens=3\nwords", stream=which == 1)
            with self.lock:
                self.sent += 1
                if answer.status != 200:
                    self.failed.append(answer.status)

    def watch(self):
        last = {}
        while not self.over.is_set():
            now = self.w.series()
            self.scrapes += 1
            for key, value in now.items():
                name = key.split("{")[0]
                if name in WATCHED and key in last and value < last[key] and not self.expected(name):
                    self.back.append((key, last[key], value))
            last = now

    def expected(self, name):
        return name == "own_requests_total" and getattr(self, "restarted", False)

    def wait_more(self, n):
        goal = self.sent + n
        wait_for(lambda: self.sent >= goal, f"{n} more requests")

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


def reload(w):
    return w.admin("POST", "/admin/v1/config/reload")


def test_packs_change_under_load():
    with world() as w:
        own = w.folder / "packs"
        own.mkdir()
        pack = own / "own.yaml"
        pack.write_text(OWN)
        w.start_simulator()
        w.start_server(f"packs_dir: {own}")
        equal(reload(w).json()["changed"], False, "nothing has changed")
        load = Load(w)
        try:
            load.wait_more(40)
            # A new meter begins at 0 and counts; all others go on.
            pack.write_text(SECOND)
            answer = reload(w).json()
            equal((answer["changed"], answer["meters"]["begun"], answer["meters"]["gone"]), (True, 1, 0), "the reload")
            equal([p["meters"] for p in answer["packs"] if p["name"] == "own"], [2], "the pack's meters")
            equal(answer["restart_needed"], [], "nothing needs a restart")
            before = w.sum_of("sightglass_requests_total")
            load.wait_more(40)
            wait_for(lambda: w.sum_of("own_streams_total") > 0, "the new meter")
            wait_for(lambda: w.sum_of("sightglass_requests_total") > before, "the old meter, which goes on")
            # A bad pack changes nothing, and says where it is wrong.
            pack.write_text(BAD)
            refused = reload(w)
            equal(refused.status, 400, "a bad pack")
            check(f'{pack}:6: pack own: class must be one of' in refused.json()["error"]["message"]
                  and "did you mean count?" in refused.json()["error"]["message"], refused.text)
            equal(w.sum_of('sightglass_config_reloads_total{result="refused"}'), 1, "refusals")
            wait_for(lambda: "reload refused" in w.server.said(), "the log to say so")
            load.wait_more(20)
            # A changed rule is a new meter from 0, by SIGHUP.
            load.restarted = True
            pack.write_text(CHANGED)
            os.kill(w.server.child.pid, signal.SIGHUP)
            wait_for(lambda: any(k.startswith('own_requests_total{provider=') for k in w.series()), "the changed rule")
            load.wait_more(20)
            wait_for(lambda: load.scrapes >= 10, "ten scrapes")
        finally:
            load.stop()
        equal(load.back, [], "counters that went back")
        equal(load.failed, [], "requests that failed")
        report = w.reconcile()
        check(report["agree"], f"the witnesses differ: {report}")
        requests = report["witnesses"]["meter"]["requests"]
        equal(requests, load.sent, "every request is counted once")
        equal(w.sum_of("sightglass_requests_total"), requests, "the unchanged meter counts them all")
        equal(w.tally()["requests"], requests, "as the provider does")
        check(0 < w.sum_of("own_requests_total") < requests, "the changed rule began again")
        total = w.sum_of("own_requests_total")
        w.server.stop()
        w.start_server(f"packs_dir: {own}")
        equal(w.sum_of("own_requests_total"), total, "and goes on after a restart")
        w.stop()


def test_settings_that_need_a_restart_are_named():
    with world() as w:
        w.start_simulator()
        w.start_server()
        w.config('limits: {connections: 99}\nmodel_aliases: {fast: gpt-4o-mini}\n')
        answer = reload(w).json()
        equal((answer["applied"], answer["restart_needed"]), (["model_aliases"], ["limits.connections"]), "the settings")
        w.config("limts: {}")
        refused = reload(w)
        equal(refused.status, 400, "a wrong file")
        check("limts" in refused.text and "limits" in refused.text, refused.text)
        equal(w.ask("POST", "/admin/v1/config/reload").status, 401, "without a key")
        w.stop()


def test_check_names_file_line_and_what_hardly_can_be_meant():
    with world() as w:
        own = w.folder / "packs"
        own.mkdir()
        (own / "a.yaml").write_text(OWN)
        (own / "notes.txt").write_text("not a pack")
        config = w.folder / "own.yaml"
        config.write_text(f"packs_dir: {own}\n")
        done = w.command("check", "--config", config)
        equal(done.returncode, 0, done.stdout)
        rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if re.match(r"  [a-z]", line)}
        check(int(rows["morpheus"][1]) >= 354, f"S0-B01: {rows['morpheus']}")
        equal(rows["own"][1:4], ["1", "1", "1"], "event types, fields and meters of ours")
        for name in ("gateway", "coo-llm", "atlas", "coachup", "vandamme"):
            check(name in rows, name)
        (own / "b.yaml").write_text("pack: b\nversion: 1\nmeters:\n"
                                    "  - metric: b_total\n    type: counter\n    help: h\n"
                                    "    match: '{ $.event_type = \"chekout\" && $.baskt > 1 }'\n")
        done = w.command("check", "--config", config)
        equal(done.returncode, 0, "a warning is no failure")
        check("chekout" in done.stdout and "checkout" in done.stdout, done.stdout)
        check("baskt" in done.stdout and "basket" in done.stdout, done.stdout)
        (own / "c.yaml").write_text("# first line\npack: c\nversion: 1\nevents:\n  x: { levl: info }\n")
        done = w.command("check", "--config", config)
        equal(done.returncode, 1, "a bad pack")
        check(f'{own}/c.yaml:5: pack c: unknown key "levl" in event "x"; did you mean level?' in done.stdout, done.stdout)
        done = w.command("check", "--reference")
        check(done.stdout == (ROOT / "docs/configuration.md").read_text(),
              "docs/configuration.md is not what `sightglass check --reference` prints")


def test_the_documents_example_is_a_pack():
    with world() as w:
        text = (ROOT / "docs/packs.md").read_text()
        blocks = re.findall(r"```yaml\n(.*?)```", text, re.S)
        packs = [b for b in blocks if b.startswith("pack:") or b.startswith("#")]
        check(len(packs) >= 2, f"{len(packs)} packs in docs/packs.md")
        files = []
        for i, block in enumerate(packs):
            path = w.folder / f"doc{i}.yaml"
            path.write_text(block)
            files.append(str(path))
        config = w.folder / "doc.yaml"
        config.write_text(f"packs: {json.dumps(files)}\n")
        done = w.command("check", "--config", config)
        equal(done.returncode, 0, done.stdout)
        check("warning" not in done.stdout, done.stdout)
        keys = set(re.findall(r"^\| `([a-z_]+)` \|", text, re.M))
        for key in ("pack", "version", "prefix", "awake", "fields", "events", "meters", "kind", "class", "aliases",
                    "identifier", "values", "level", "start", "terminal", "row", "sample", "metric", "type", "help",
                    "unit", "match", "labels", "value", "scale", "buckets", "max_series", "with"):
            check(key in keys, f"docs/packs.md does not tell of `{key}`")


def test_a_draft_is_a_pack_and_lets_nothing_doubtful_pass():
    with world() as w:
        log = w.folder / "app.log"
        lines = [{"event_type": "order_placed", "level": "info", "ts": "2026-01-02T03:04:05Z", "user": f"u{i}@example.com",
                  "userId": i, "amount_cents": 1250 + i, "items": 3, "paid": True, "note": "please leave it at the door",
                  "cart": {"size": i, "coupon": "SPRING"}, "state": ["new", "paid"][i % 2], "latencyMs": 1.5 * i,
                  "requestId": "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e", "password": "hunter2"} for i in range(20)]
        log.write_text("".join(json.dumps(line) + "\n" for line in lines) + "not json\n" + '{"event_type":"order_cancelled"}\n')
        done = w.command("pack", "draft", log)
        equal(done.returncode, 0, done.stderr)
        draft = w.folder / "draft.yaml"
        draft.write_text(done.stdout)
        config = w.folder / "own.yaml"
        config.write_text(f"packs: [{draft}]\n")
        checked = w.command("check", "--config", config)
        equal(checked.returncode, 0, checked.stdout + done.stdout)
        text = done.stdout
        for expected in ("order_placed: { level: info }", "order_cancelled:", "20", "1 line"):
            check(expected in text, f"{expected!r} in\n{text}")
        classes = dict(re.findall(r"^  ([a-z0-9_]+): \{ kind: [a-z]+, class: ([a-z_]+)", text, re.M))
        equal(classes["note"], "free_text", "a text with blanks")
        equal(classes["password"], "secret", "a secret's name")
        equal(classes["amount_cents"], "money", "money")
        equal(classes["paid"], "flag", "a flag")
        equal(classes["cart_size"], "size", text)
        equal(classes["cart_coupon"], "free_text", "an unknown text")
        equal(classes["state"], "free_text", "a text whose values are few is offered as a comment only")
        check("userId" not in re.sub(r"#.*", "", text), "what the shipped packs know is not drafted again")
        check("hunter2" not in text and "example.com" not in text and "SPRING" not in text, "no value is printed")
        equal(w.command("pack", "draft", w.folder / "nothing").returncode, 2, "no such file")
        piped = subprocess.run([str(os.environ.get("SIGHTGLASS_BIN", ROOT / "build/release/sightglass")), "pack", "draft", "-"],
                               input=log.read_bytes(), capture_output=True, cwd=w.folder)
        equal(piped.stdout.decode().splitlines()[1:], text.splitlines()[1:], "from standard input")
        listed = w.command("pack", "list")
        check("morpheus" in listed.stdout and "gateway" in listed.stdout, listed.stdout)
        equal({p["name"] for p in json.loads(w.command("pack", "list", "--json").stdout)["packs"]} >=
              {"gateway", "coo-llm", "morpheus", "atlas", "vandamme", "coachup"}, True, "as JSON")


KEEPING = """pack: shop
version: 1
fields:
  basket: { kind: int, class: count }
events:
  checkout_done: { level: info }
unknown_fields:
  - { events: checkout_*, class: count, max_names: 2 }
  - { events: checkout_*, class: category }
"""


# Issue part "Guard": unknown fields dropped and counted by default, or kept by a pack's rule.
def test_unknown_fields_are_kept_where_a_rule_says_so():
    with world() as w:
        w.upstream = 9
        (w.folder / "shop.yaml").write_text(KEEPING)
        w.start_server(f"packs: [{w.folder}/shop.yaml]")
        record = {"event_type": "checkout_done", "basket": 1, "pieces": 3, "shop": "north", "late": 0.5,
                  "my_remark": "CANARYKEPT is a sentence", "mail": "canarykept@example.com", "third": 7, "nested": {"a": 1}}
        kept = {"pieces": 3, "shop": "north", "late": 0.5}

        def send(record):
            answer = w.ask("POST", "/ingest/v1/events", json.dumps(record))
            equal(answer.status, 200, answer.text)
            return answer.json()

        equal(send(record)["dropped_fields"], 4, "the remark, the mail, the third number and what is nested")
        equal(send({**record, "event_type": "never_heard_of"})["dropped_fields"], 7, "no rule for this type")
        lines = wait_for(lambda: [x for x in w.log_lines() if x["event_type"] in ("checkout_done", "_other")][:2], "the lines")
        equal(json.loads(lines[0]["kept_fields"]), kept, "what the line kept")
        w.reconcile()
        events = w.admin("GET", "/admin/v1/events").json()["events"]
        equal([json.loads(e["kept_fields"]) for e in events if "kept_fields" in e], [kept], "what the history kept")
        # A changed pack is a new bound, under the same running server.
        (w.folder / "shop.yaml").write_text(KEEPING.replace("max_names: 2", "max_names: 3"))
        equal(reload(w).json()["changed"], True, "the reload")
        equal(send(record)["dropped_fields"], 3, "with room for a third name")
        equal(w.stop(), 0, "the server's end")
        everything = b"".join(p.read_bytes() for p in w.folder.rglob("*") if p.is_file())
        check(b"canarykept" not in everything.lower(), "a canary was written")


run(test_packs_change_under_load, test_settings_that_need_a_restart_are_named,
    test_check_names_file_line_and_what_hardly_can_be_meant, test_the_documents_example_is_a_pack,
    test_a_draft_is_a_pack_and_lets_nothing_doubtful_pass,
    test_unknown_fields_are_kept_where_a_rule_says_so)
