#!/usr/bin/env python3
"""`storage.runtime` with real ClickHouse servers of Debian (18.16): each row of each gateway is there once, also when
shards, replicas and gateways are killed under load, blocks come again, come shifted, or come after the window."""
import contextlib
import hashlib
import json
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from forget_test import command, pseudonyms  # noqa: E402
from support.clickhouse import PASSWORD, ClickHouse, Cluster  # noqa: E402
from support.engines import Peer, free_port  # noqa: E402
from support.exports import Traffic, arrives, export_health, kill_both_under_load, no_secrets_in, sometimes, witnesses  # noqa: E402
from support.harness import ADMIN_PAUSE_S, ROOT, World, check, equal, run, wait_for, world  # noqa: E402

LANES = ("clickhouse", "clickhouse_hourly")
VARIABLES = {"CLICKHOUSE_PASSWORD": PASSWORD}
INPUT = "ifNull(input_tokens, 0) + ifNull(cache_read_tokens, 0) + ifNull(cache_write_5m_tokens, 0) + ifNull(cache_write_1h_tokens, 0)"
SUMS = {"requests": "sum(terminal)", "input_tokens": f"sumIf({INPUT}, terminal = 1)",
        "output_tokens": "sumIf(ifNull(output_tokens, 0), terminal = 1)", "cost_nanousd": "sumIf(ifNull(cost_nanousd, 0), terminal = 1)"}
HOURLY = {"requests": "sum(requests)", "input_tokens": "sum(input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens)",
          "output_tokens": "sum(output_tokens)", "cost_nanousd": "sum(cost_nanousd)"}


def runtime(where, more="", gateway="", user="default"):
    """`where`: a server, or shards of servers."""
    if isinstance(where, ClickHouse):
        where = where.url
    if isinstance(where, str):
        target = f'    addr: "{where}"\n'
    else:
        target = "    shards:\n" + "".join(
            "      - replicas: [" + ", ".join(f'"{replica.url}"' for replica in shard) + "]\n" for shard in where)
    return (f"storage:\n  runtime:\n    type: \"clickhouse\"\n{target}    username: {user}\n    password: \"${{CLICKHOUSE_PASSWORD}}\"\n"
            + "".join(f"    {line}\n" for line in (more if "batch_age" in more else "batch_age: 300ms\n" + more).splitlines()) + (f"gateway: {{id: {gateway}}}\n" if gateway else ""))


def shard_of(gateway, shards):
    """As docs/clickhouse.md says it."""
    return max(range(shards), key=lambda i: hashlib.sha256(f"{gateway}#{i + 1}".encode()).digest()[:8])


def found(server, where="1", table="sightglass.events"):
    """The sums there, and whether a row is there twice."""
    numbers = server.numbers([*SUMS.values(), "count()", "uniqExact(gateway, pos)"], table, where)
    equal(numbers[-2], numbers[-1], f"rows of {table} and their identities")
    return dict(zip(SUMS, numbers))


def summed(server, where="1", table="sightglass.hourly"):
    """The same of the sums by the hour."""
    return dict(zip(HOURLY, server.numbers([*HOURLY.values()], table, where)))


def is_all_there(w, server, where="1", table="sightglass.events", hourly=True):
    wanted = witnesses(w)
    arrives(lambda: found(server, where, table), wanted, "the sums")
    if hourly:
        arrives(lambda: summed(server, where), wanted, "the sums by the hour")
    return wanted


def sent_everything(w, wanted):
    sent = w.series()
    return all(sent.get(f'sightglass_export_sent_points_total{{engine="{lane}"}}', 0) >= wanted["requests"] for lane in LANES)


@contextlib.contextmanager
def one_server():
    with world() as w, contextlib.ExitStack() as end:
        engine = ClickHouse(w.folder)
        end.callback(lambda: engine.process and engine.process.running() and engine.kill())
        engine.start()
        engine.create()
        w.start_simulator()
        yield w, engine


def printed_queries_run(engine):
    """What docs/clickhouse.md prints, as printed; the percentile beside the rows' own."""
    texts = (ROOT / "docs/clickhouse.md").read_text().split("```sql")[1:]
    statements = [one.strip() for text in texts for one in text.split("```")[0].split(";") if one.strip()]
    answers = [engine.query(one) for one in statements]
    check(len(answers) == 4 and all(answers), f"the printed queries answer {answers}")
    exact = {model: float(p95) for model, p95 in engine.query(
        "SELECT model, arraySort(groupArray(latency_us))[toUInt32(ceil(0.95 * count()))] FROM sightglass.events WHERE terminal GROUP BY model")}
    for model, _, p95 in answers[-1]:
        check(abs(float(p95) - exact[model] / 1000) <= exact[model] / 1000 * 0.01 + 0.51, f"p95 of {model}: {p95} ms, {exact[model]} us")


def test_one_server_has_each_row_once_with_what_the_store_says():
    with one_server() as (w, engine):
        w.start_server(runtime(engine, gateway="gw-1"), VARIABLES)
        sometimes(40, w)
        equal(w.messages("hello").status, 200, "a message")
        sent = w.ask("POST", "/ingest/v1/events", '{"event_type": "session_start", "session_id": "s-1"}\n',
                     {"Content-Type": "application/x-ndjson"})
        check(sent.status in (200, 202), f"an event of an application: {sent.status} {sent.text}")
        wanted = is_all_there(w, engine)
        equal(wanted["requests"], 41, "requests")
        wait_for(lambda: engine.numbers(["count()"]) == [42], "the application's event")
        equal(engine.query("SELECT DISTINCT gateway FROM sightglass.events"), [["gw-1"]], "the gateways")
        equal(engine.query("SELECT DISTINCT provider FROM sightglass.events WHERE terminal ORDER BY provider"), [["anthropic"], ["openai"]],
              "the providers")
        equal(engine.numbers(["countIf(ingested = 1)", "sumIf(terminal, ingested = 1)"]), [1, 0], "the application's rows")
        printed_queries_run(engine)
        # What one request was, as the admin API shows it.
        shown = w.admin("GET", "/admin/v1/events?limit=1&start=0&end=4000000000").json()
        check(shown, "no event is shown")
        row = engine.query("SELECT outcome, status_code, isNull(error_type), latency_us > 0, abs(event_time_ns - accept_time_ns) < 60e9, "
                           "event_time = toDateTime(intDiv(event_time_ns, 1000000000)), accept_date = toDate(toDateTime(intDiv(accept_time_ns, "
                           "1000000000)), 'UTC') FROM sightglass.events WHERE terminal LIMIT 1")
        equal(row, [["ok", "200", "1", "1", "1", "1", "1"]], "a row")
        settings = w.admin("GET", "/admin/v1/config").json()["Storage"]["Runtime"]
        equal((settings["Type"], settings["Password"]), ("clickhouse", "****"), "the configuration's answer")
        equal(export_health(w, "clickhouse")["status"], "ok", "health")
        wait_for(lambda: w.sum_of("sightglass_export_lag_records") == 0, "no lag")
        w.stop()
        no_secrets_in(w, PASSWORD)


def test_killed_at_every_step_and_sent_again_it_is_there_once():
    """A plain MergeTree ignores nothing: what is there once is so because it was asked about."""
    with one_server() as (w, engine):
        start = lambda more="batch_age: 300ms\nbatch_rows: 100", env=None, dies=False: w.start_server(  # noqa: E731
            runtime(engine, more, "gw-1"), {**VARIABLES, **(env or {})}, expect_death=dies)
        start()

        def die_at_each_step(round_):
            for point in ("export.cut", "export.taken"):
                start(env={"SIGHTGLASS_FAILPOINT": f"{point}:{2 + round_}"}, dies=True)
                wait_for(lambda: not w.server.running(), f"the end at {point}", 60)
        kill_both_under_load(w, engine, start, die_at_each_step)
        wanted = is_all_there(w, engine)
        # Once more everything that the journal has, in other blocks.
        for more in ("batch_rows: 7", "batch_rows: 1000"):
            w.server.stop()
            for lane in LANES:
                (w.folder / "data/export" / lane).unlink()
            start(more)
            wait_for(lambda: sent_everything(w, wanted), "everything once more", 60)
            equal(found(engine), wanted, "the sums after sending again")
            equal(summed(engine), wanted, "the sums by the hour after sending again")
        equal(w.sum_of("sightglass_export_dropped_points_total"), 0, "rows refused")
        equal(w.sum_of("sightglass_export_gap_records_total"), 0, "gaps")
        w.stop()
        no_secrets_in(w, PASSWORD)


def test_what_is_wrong_with_a_server_is_said_and_loses_nothing():
    with world() as w, contextlib.ExitStack() as end:
        engine = ClickHouse(w.folder)
        end.callback(lambda: engine.process and engine.process.running() and engine.kill())
        engine.start()
        w.start_simulator()
        page = Peer(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\n<html>sign in</html>")
        mail = Peer(b"220 mail.example ESMTP\r\n")
        silent = Peer()

        def other_type():
            engine.create(("    cost_nanousd Nullable(Int64)", "    cost_nanousd Nullable(Float64)"))

        def newer():
            engine.query("DROP TABLE sightglass.events")
            engine.create()
            engine.query("INSERT INTO sightglass.schema_version VALUES (2)")

        def as_it_should_be():
            engine.query("DROP DATABASE sightglass")
            engine.create()
        cases = [(engine, "", "default", "schema", None, "deploy/clickhouse"), (engine, "", "default", "schema", other_type, "doctor"),
                 (engine, "", "default", "schema", newer, "doctor"), (engine, "", "nobody", "denied", as_it_should_be, "refuses the credentials"),
                 (engine, "", "reader", "read_only", None, "read-only"), (page.url, "", "default", "nonsense", None, "check addr"),
                 (mail.url, "", "default", "nonsense", None, "check addr"), (silent.url, "timeout: 300ms", "default", "timeout", None, "in time"),
                 (f"http://127.0.0.1:{free_port()}", "", "default", "connect", None, "nobody answers")]
        for where, more, user, reason, before, said in cases:
            if before:
                before()
            w.start_server(runtime(where, more, "gw-1", user), VARIABLES)
            sometimes(5, w)
            wait_for(lambda: export_health(w, "clickhouse")["status"] != "ok", f"{reason}: the health answer", 60, ADMIN_PAUSE_S)
            shown = export_health(w, "clickhouse")
            equal(shown["reason"], reason, f"{shown}")
            check(shown["lag_records"] > 0, f"{reason}: no lag: {shown}")
            equal(w.admin("GET", "/admin/v1/health").status, 200, "the server's health")
            check(said in w.server.errors(), f"{reason}: the log: {w.server.errors()}")
            check(w.reconcile()["agree"], "the witnesses differ")
            equal(w.server.stop(), 0, "the server's end")
        for peer in (page, mail, silent):
            peer.close()
        w.start_server(runtime(engine, gateway="gw-1"), VARIABLES)
        # Sums by the hour were taken where only the table of rows was wrong, and went with the database.
        equal(is_all_there(w, engine, hourly=False)["requests"], 5 * len(cases), "requests")
        w.stop()
        no_secrets_in(w, PASSWORD)


def test_doctor_says_what_to_do_next():
    with world() as w, contextlib.ExitStack() as end:
        cluster = Cluster(w.folder, shards=1)
        end.callback(cluster.stop)
        cluster.zookeeper.start()
        both = cluster.shards[0]
        for server in both:
            server.start()
        single = ClickHouse(w.folder, "single")
        end.callback(lambda: single.process and single.process.running() and single.kill())
        single.start()

        def doctor(where, code, *said, user="default"):
            path = w.folder / "doctor.yaml"
            path.write_text(runtime(where, "timeout: 5s", "gw-1", user))
            done = w.command("doctor", "--config", path, env=VARIABLES)
            equal(done.returncode, code, f"doctor: {done.stdout}{done.stderr}")
            for text in said:
                check(text in done.stdout, f"'{text}' is not in {done.stdout}")
            check(PASSWORD not in done.stdout + done.stderr, "the password is shown")
        doctor(f"http://127.0.0.1:{free_port()}", 1, "nobody answers there")
        doctor(single, 1, "answers as ClickHouse 18.16", "table sightglass.events is missing", "single.sql")
        single.create(("    cost_nanousd Nullable(Int64)", "    cost_nanousd Nullable(Float64)"))
        doctor(single, 1, "column cost_nanousd is not Nullable(Int64)")
        single.query("DROP DATABASE sightglass")
        single.create(("PARTITION BY toYYYYMM(accept_date)", "PARTITION BY event_type"))
        doctor(single, 1, "not partitioned by accept_date")
        single.query("DROP DATABASE sightglass")
        single.create()
        doctor(single, 0, "events has its columns", "hourly has its columns", "may write")
        single.query("DROP TABLE sightglass.hourly")
        doctor(single, 1, "events has its columns", "table sightglass.hourly is missing", "single.sql")
        single.create()
        doctor(single, 1, "read-only", user="reader")
        doctor(single, 1, "refuses the credentials", user="nobody")
        equal(single.numbers(["count()"]), [0], "rows that doctor wrote")
        for server in both:
            server.create()
        doctor([both], 0, "2 of 2 replicas are active", "may write")
        doctor([[single, single]], 1, "not replicated")
        both[1].kill()
        doctor([both], 1, "nobody answers there")
        (w.folder / "none.yaml").write_text("listen: 127.0.0.1:0\n")
        equal(w.command("doctor", "--config", w.folder / "none.yaml").returncode, 0, "doctor without an engine")
        equal(w.command("doctor", "--config", w.folder / "nowhere.yaml").returncode, 2, "doctor without a file")


def test_a_gateway_with_anothers_name_is_stopped_before_it_writes():
    with one_server() as (w, engine):
        w.start_server(runtime(engine, gateway="gw-1"), VARIABLES)
        sometimes(10, w)
        wanted = is_all_there(w, engine)
        folder = w.folder / "second"
        folder.mkdir()
        other = World(folder)
        other.upstream = w.upstream
        try:
            other.start_server(runtime(engine, gateway="gw-1"), VARIABLES)
            sometimes(10, other)
            wait_for(lambda: export_health(other, "clickhouse")["status"] != "ok", "the health answer", 60, ADMIN_PAUSE_S)
            equal(export_health(other, "clickhouse")["reason"], "foreign_rows", "the reason")
            equal(found(engine), wanted, "the first one's rows")
            other.server.stop()
            other.start_server(runtime(engine, gateway="gw-2"), VARIABLES)
            is_all_there(other, engine, "gateway = 'gw-2'")
            equal(found(engine, "gateway = 'gw-1'"), wanted, "the first one's rows")
        finally:
            if other.server.running():
                other.server.kill()
        w.stop()


def named(server, names):
    """Rows that hold one of them, in whichever column."""
    texts = ", ".join(f"'{name}'" for name in names)
    where = f"user_id IN ({texts}) OR session_id IN ({texts}) OR arrayExists(x -> x IN ({texts}), texts.value)"
    return server.numbers(["count()"], "sightglass.events", where)[0]


def test_a_person_is_forgotten_there_too():
    """On every replica, also when one of them was away at first; rows and numbers stay, and so does everybody else."""
    with world() as w, contextlib.ExitStack() as end:
        cluster = Cluster(w.folder, shards=1)
        end.callback(cluster.stop)
        cluster.start()
        first, second = cluster.shards[0]
        w.start_simulator()
        w.start_server(runtime(cluster.shards, "batch_age: 300ms", "gw-1"), VARIABLES)
        person, other = "some.person@example.com", "somebody.else@example.com"
        for i in range(12):
            who = other if i % 3 == 0 else person
            equal(w.chat(f"hello {i}", headers={"x-user-id": who, "x-session-id": who}).status, 200, "a request")
        sent = w.ask("POST", "/ingest/v1/events", json.dumps({"event_type": "automation_enabled", "user_id": person, "email": person}),
                     {"Content-Type": "application/json"})
        equal(sent.status, 200, sent.text)
        before = is_all_there(w, first)
        names, others = pseudonyms(w, person), pseudonyms(w, other)
        wait_for(lambda: named(first, names) == named(second, names) == 9, "the person's rows on both", pause_s=0.3)
        kept = named(first, others)
        equal(kept, 4, "the other person's rows")
        second.kill()
        result = []
        asking = threading.Thread(target=lambda: result.append(command(w, "forget", text=person + "\n")))
        asking.start()
        waits = lambda: [one.get("waits_for") for one in w.admin("GET", "/admin/v1/forget").json()["requests"]]  # noqa: E731
        wait_for(lambda: waits() == ["clickhouse"], "the engine to be waited for", pause_s=ADMIN_PAUSE_S)
        time.sleep(2)
        check(not result, f"it is not done while a replica is away: {result}")
        second.start()
        # 18.16 rewrites the newest block of a quorum only when there is a newer one.
        while asking.is_alive():
            equal(w.chat("others go on", headers={"x-user-id": other, "x-session-id": other}).status, 200, "a request meanwhile")
            asking.join(1)
        equal(result[0].returncode, 0, f"forget: {result[0].stderr}")
        for server in (first, second):
            equal(named(server, names), 0, "rows that name the person")
            check(named(server, others) > kept, "the other person's rows")
        after = [is_all_there(w, server) for server in (first, second)]
        check(after[1]["requests"] > before["requests"], "the requests meanwhile")
        w.stop()
        no_secrets_in(w, PASSWORD)


def test_two_shards_with_replicas_and_two_gateways():
    """Everything is killed once under load; the window holds two blocks, so that most come again after it."""
    with world() as w, contextlib.ExitStack() as end:
        cluster = Cluster(w.folder, window=2)
        end.callback(cluster.stop)
        cluster.start()
        w.start_simulator()
        made = [w]
        folder = w.folder / "second"
        folder.mkdir()
        made.append(World(folder))
        made[1].upstream = w.upstream
        ids = [next(name for name in map("gw-{}".format, range(1, 100)) if shard_of(name, 2) == shard) for shard in (0, 1)]

        def start(i, more="batch_age: 500ms\nbatch_rows: 500", env=None, dies=False):
            made[i].start_server(runtime(cluster.shards, more, ids[i]), {**VARIABLES, **(env or {})}, expect_death=dies)
        end.callback(lambda: made[1].server and made[1].server.running() and made[1].server.kill())
        for i in (0, 1):
            start(i)
        traffic = [Traffic(gateway) for gateway in made]
        more = lambda n: [t.more(n) for t in traffic]  # noqa: E731
        more(30)
        for shard in cluster.shards:  # a whole shard, a replica, then the other one
            for servers in (shard, shard[:1], shard[1:]):
                for server in servers:
                    server.kill()
                more(30)
                for server in servers:
                    server.start()
        cluster.zookeeper.kill()
        more(30)
        cluster.zookeeper.start()
        for i in (0, 1):
            made[i].server.kill()
            for point in ("export.cut", "export.taken"):
                start(i, env={"SIGHTGLASS_FAILPOINT": point}, dies=True)
                wait_for(lambda i=i: not made[i].server.running(), f"the end at {point}", 240)
            start(i)
        more(30)
        for t in traffic:
            t.stop()
        wanted = [witnesses(gateway) for gateway in made]
        check(all(v["requests"] > 100 for v in wanted), f"hardly any traffic: {wanted}")

        def every_replica_has_them():
            cluster.in_step()
            for i, name in enumerate(ids):
                for shard in (0, 1):
                    for server in cluster.shards[shard]:
                        there = found(server, f"gateway = '{name}'")
                        mine = wanted[i] if shard == i else dict.fromkeys(SUMS, 0)
                        equal(there, mine, f"the rows of {name} on {server.name}")
                        equal(summed(server, f"gateway = '{name}'"), mine, f"the sums by the hour of {name} on {server.name}")
        for i in (0, 1):
            arrives(lambda i=i: found(cluster.shards[1][1], f"gateway = '{ids[i]}'", "sightglass.events_all"), wanted[i], f"the sums of {ids[i]}", 240)
            arrives(lambda i=i: summed(cluster.shards[1][1], f"gateway = '{ids[i]}'", "sightglass.hourly_all"), wanted[i],
                    f"the sums by the hour of {ids[i]}", 240)
        every_replica_has_them()
        # Everything once more, in other blocks and long after the window.
        for i in (0, 1):
            made[i].server.stop()
            for lane in LANES:
                (made[i].folder / "data/export" / lane).unlink()
            start(i, "batch_rows: 70")
            wait_for(lambda i=i: sent_everything(made[i], wanted[i]), "everything once more")
        every_replica_has_them()
        for gateway in made:
            equal(gateway.sum_of("sightglass_export_dropped_points_total"), 0, "rows refused")
            equal(gateway.sum_of("sightglass_export_gap_records_total"), 0, "gaps")
            gateway.server.stop()
        no_secrets_in(w, PASSWORD)
        no_secrets_in(made[1], PASSWORD)


if __name__ == "__main__":
    run(test_one_server_has_each_row_once_with_what_the_store_says, test_killed_at_every_step_and_sent_again_it_is_there_once,
        test_what_is_wrong_with_a_server_is_said_and_loses_nothing, test_doctor_says_what_to_do_next, test_a_gateway_with_anothers_name_is_stopped_before_it_writes,
        test_a_person_is_forgotten_there_too, test_two_shards_with_replicas_and_two_gateways)
