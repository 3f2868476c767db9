#!/usr/bin/env python3
"""`storage.runtime` with a real PostgreSQL: the sums by the hour are what the store's queries say, each request
once, also when the server and the gateway are killed in the middle of a batch; a server that refuses, hangs or talks
nonsense harms nobody; and no identifier of a person is there at all."""
import contextlib
import datetime
import json
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from forget_test import command, pseudonyms  # noqa: E402
from influx_test import no_secret_in  # noqa: E402
from support.engines import Peer, free_port  # noqa: E402
from support.exports import Traffic, export_health, kill_both_under_load, sometimes, witnesses  # noqa: E402
from support.harness import ADMIN_PAUSE_S, CLIENT_KEY, check, equal, run, wait_for, world  # noqa: E402
from support.postgres import PASSWORD, Postgres  # noqa: E402

NAMES = ("client", "provider", "model", "outcome")
SUMS = ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens", "total_tokens",
        "cost_nanousd", "latency_us")
COUNTS = ("requests", "errors", "unpriced_requests", "timed_requests", "latency_max_us")
PERSON = "some.person@example.com"
MARK = "select accepted_ns, pos from sightglass.gateway_marks"


def runtime(port, more="", user="writer", variable="PG_PASSWORD"):
    """The administration seed's snippet with what PostgreSQL needs."""
    text = f"""
storage:
  runtime:
    type: "postgres"
    addr: "127.0.0.1:{port}"
    database: "postgres"
    username: "{user}"
    password: "${{{variable}}}"
    sslmode: "disable"
"""
    return text + "".join(f"    {line}\n" for line in more.splitlines())


ENV = {"PG_PASSWORD": PASSWORD}


@contextlib.contextmanager
def server(**more):
    made = Postgres(**more)
    try:
        yield made
    finally:
        made.remove()


STATS = {"requests": "count", "errors": "errors", "unpriced_requests": "count(unpriced_reason)", "timed_requests": "count(latency_us)",
         "latency_max_us": "max(latency_us)", **{name: f"sum({name})" for name in SUMS}}


def of_the_store(w):
    """What the store's own queries say of the same: {(hour, client, provider, model, outcome): sums}."""
    done = w.command("query", "--data", w.folder / "data", "--since", "6h", "--step", "1h", "--group-by", ",".join(NAMES),
                     "--stat", ",".join(STATS.values()), "--limit", "10000", "--json")
    check(done.returncode == 0, f"query: {done.stdout}{done.stderr}")
    body = json.loads(done.stdout)
    names = [column["name"] for column in body["columns"]]
    out = {}
    for row in (dict(zip(names, row)) for row in body["rows"]):
        if row["count"]:
            hour = datetime.datetime.fromtimestamp(row["time"], datetime.timezone.utc).strftime("%Y-%m-%d %H")
            out[(hour, *(row[name] or "" for name in NAMES))] = {name: int(row[stat] or 0) for name, stat in STATS.items()}
    return out


def of_postgres(pg):
    columns = ", ".join(COUNTS + SUMS)
    rows = pg.say(f"select to_char(hour at time zone 'UTC', 'YYYY-MM-DD HH24'), {', '.join(NAMES)}, {columns} from sightglass.hourly_usage")
    return {tuple(row[:5]): dict(zip(COUNTS + SUMS, map(int, row[5:]))) for row in rows}


def arrives(w, pg):
    """Everything is there, once; what every witness agrees with."""
    wanted = witnesses(w)
    requests = lambda: int(pg.say("select coalesce(sum(requests), 0) from sightglass.hourly_usage")[0][0])  # noqa: E731
    wait_for(lambda: requests() >= wanted["requests"], f"{wanted['requests']} requests in PostgreSQL", pause_s=0.2)
    found = of_postgres(pg)
    equal(found, of_the_store(w), "the sums by the hour")
    for name in ("requests", "output_tokens", "cost_nanousd"):
        equal(sum(row[name] for row in found.values()), wanted[name], f"the store's {name}")
    return wanted


def test_the_configuration_is_read_and_its_faults_are_named():
    """S4-G03, as for the other engines."""
    with world() as w:
        path = w.folder / "printed.yaml"
        path.write_text(runtime(5432))
        done = w.command("check", "--config", path, env=ENV)
        equal(done.returncode, 0, f"check: {done.stdout}{done.stderr}")
        check(PASSWORD not in done.stdout + done.stderr, "check prints the password")
        done = w.command("check", "--config", path)
        equal(done.returncode, 1, "check without the variable")
        check("the environment has no 'PG_PASSWORD'" in done.stdout, done.stdout)
        for text, said in (("sslmode: require", "sslmode must be"), ("addr: localhost", "addr must be HOST:PORT"),
                           ('addr: "me:hush@db:5432"', "must not hold a name or password"), ("adr: db:5432", "did you mean 'addr'?"),
                           ('addr: "db:0"', "addr must be HOST:PORT"), ('database: ""', "database must not be empty")):
            path.write_text(f"storage:\n  runtime:\n    type: postgres\n    {text}\n")
            done = w.command("check", "--config", path)
            equal(done.returncode, 1, text)
            check(said in done.stdout and "hush" not in done.stdout, f"{text}: {done.stdout}")


def test_every_request_is_in_its_hour_and_no_person_is_there():
    with world() as w, server() as pg:
        w.start_simulator(faults="standard")
        w.start_server("gateway: {id: front-1}\n" + runtime(pg.port), ENV)
        person = {"x-user-id": PERSON, "x-session-id": PERSON, "Authorization": f"Bearer {CLIENT_KEY}"}
        for i in range(60):
            with contextlib.suppress(OSError):  # some faults end the connection
                w.chat(f"request {i}", headers=person, stream=i % 2 == 0, max_tokens=12)
        with contextlib.suppress(OSError):
            w.messages("hello")
        with contextlib.suppress(OSError):
            w.chat("hello", model="no-such-model")
        w.simulator.stop()
        for _ in range(3):
            check(w.chat("hello").status >= 500, "an answer without a provider")
        arrives(w, pg)
        equal(pg.say("select distinct gateway from sightglass.hourly_usage"), [["front-1"]], "the gateway")
        kept = of_postgres(pg)
        check({"ok", "error"} <= {key[4] for key in kept}, f"outcomes: {kept.keys()}")
        for name in ("errors", "unpriced_requests", "cost_nanousd", "latency_us"):
            check(sum(row[name] for row in kept.values()) > 0, f"nothing has {name}")
        shown = w.admin("GET", "/admin/v1/config").json()["Storage"]["Runtime"]
        equal((shown["Type"], shown["Password"], shown["Username"]), ("postgres", "****", "writer"), "the configuration's answer")
        equal(export_health(w, "postgres")["status"], "ok", "the engine's health")
        # The reader's role: everything to see, nothing to change.
        report = pg.say("select sum(requests), sum(cost_usd) * 1000000000 - sum(cost_nanousd) from sightglass.hourly_report "
                        "join sightglass.hourly_usage using (hour, gateway, client, provider, model, outcome, requests)", user="reader")
        equal(float(report[0][1]), 0.0, "dollars and nano-dollars")
        for sql in ("delete from sightglass.hourly_usage", "update sightglass.hourly_usage set requests = 0",
                    "insert into sightglass.gateway_marks (gateway, journal) values ('x', 'y')", "create table sightglass.x (y int)"):
            check("permission denied" in pg.refusal(sql, "reader"), f"the reader may: {sql}")
        for sql in ("delete from sightglass.hourly_usage", "truncate sightglass.gateway_marks",
                    "update sightglass.schema_version set version = 9"):
            check("permission denied" in pg.refusal(sql, "writer"), f"the writer may: {sql}")
        # Persons: their pseudonyms are in the log, and never come here; `forget` has nothing to do.
        names = pseudonyms(w, PERSON)
        check(len(names) >= 2, f"a person and a session: {names}")
        logged = "\n".join(json.dumps(line) for line in w.log_lines())
        check(any(name in logged for name in names), "the log names nobody")
        kept = pg.everything()
        check("front-1" in kept and "gpt-4o-mini" in kept, f"the search looks at nothing: {kept}")
        requests = [line["requestId"] for line in w.log_lines() if "outcome" in line]
        check(len(requests) > 10, "the log has no requests")
        for word in [*names, PERSON, *requests]:
            check(word not in kept, f"{word} is in PostgreSQL")
        before = of_postgres(pg)
        equal(command(w, "forget", text=PERSON + "\n").returncode, 0, "forget")
        equal(of_postgres(pg), before, "the sums after forgetting")
        w.stop()
        no_secret_in(w, PASSWORD)


def test_sums_survive_kills_of_both():
    with world() as w, server() as pg:
        w.start_simulator()
        start = lambda: w.start_server(runtime(pg.port, "batch_age: 30ms\nbatch_requests: 20"), ENV)  # noqa: E731
        start()
        kill_both_under_load(w, pg, start)
        wanted = arrives(w, pg)
        equal(w.sum_of("sightglass_export_dropped_points_total"), 0, "requests refused")
        equal(w.sum_of("sightglass_export_gap_records_total"), 0, "gaps")
        # Everything that the journal has once more: the mark knows it.
        w.server.stop()
        (w.folder / "data/export/postgres").unlink()
        start()
        wait_for(lambda: w.sum_of("sightglass_export_sent_points_total") >= wanted["requests"], "everything once more")
        arrives(w, pg)
        equal(w.sum_of("sightglass_export_repeated_points_total"), 0, "requests that may be there twice")
        w.stop()
        no_secret_in(w, PASSWORD)


def test_a_gateway_killed_in_the_middle_of_a_batch():
    with world() as w, server() as pg:
        w.start_simulator()
        for point in ("added", "commit_sent", "committed"):
            before = pg.say(MARK)
            w.start_server(runtime(pg.port, "batch_age: 30ms"), {**ENV, "SIGHTGLASS_FAILPOINT": f"export.postgres.{point}:2"})
            traffic = Traffic(w)
            wait_for(lambda: not w.server.running(), f"the kill at {point}")
            equal(w.server.child.returncode, -signal.SIGKILL, f"the end at {point}")
            traffic.stop()
            # The transaction that was open is over, one way or the other.
            wait_for(lambda: pg.say("select count(*) from pg_stat_activity where usename = 'writer'") == [["0"]], "the server to notice")
            check(pg.say(MARK) != before, f"{point}: no batch before the kill")
            w.start_server(runtime(pg.port, "batch_age: 30ms"), ENV)
            sometimes(5, w)
            arrives(w, pg)
            w.server.stop()


def test_what_is_wrong_is_said_and_loses_nothing():
    """Wrong password, no tables, a reader, another schema, read-only, a full disk: lag, the reason, the next step."""
    with world() as w, server(tables=False) as pg:
        w.start_simulator()
        requests = 0

        def waits(reason, said, more="", **arguments):
            nonlocal requests
            w.start_server(runtime(pg.port, "batch_age: 20ms\n" + more, **arguments), {**ENV, "WRONG": "wrong-password-0123456789"})
            sometimes(5, w)
            requests += 5
            wait_for(lambda: export_health(w, "postgres")["status"] != "ok", f"{reason}: the health answer", pause_s=ADMIN_PAUSE_S)
            shown = export_health(w, "postgres")
            equal(shown["reason"], reason, f"health: {shown}")
            check(shown["lag_records"] > 0 and said in str(shown), f"{reason}: {shown}")
            check(said in w.server.errors(), f"{reason}, the log: {w.server.errors()}")
            check(w.series()['sightglass_export_up{engine="postgres"}'] == 0, "up")
            check(w.series()[f'sightglass_export_errors_total{{engine="postgres",reason="{reason}"}}'] > 0, "errors")
            equal(witnesses(w)["requests"], requests, "requests")
            w.server.stop()

        pg.say(f"create role writer login password '{PASSWORD}'; create role reader login password '{PASSWORD}'")
        waits("missing", "deploy/postgres/schema.sql")
        pg.make_tables()
        waits("denied", "check username, password", variable="WRONG")
        waits("denied", "sightglass_writer", user="reader")
        pg.say("update sightglass.schema_version set version = 2")
        waits("schema", "run this version's deploy/postgres/schema.sql")
        pg.say("update sightglass.schema_version set version = 1")
        pg.say("alter role writer set default_transaction_read_only = on")
        waits("read_only", "name the primary in addr")
        pg.say("alter role writer reset default_transaction_read_only")
        # A disk that is full, as a client sees it.
        pg.say("create function public.full() returns trigger language plpgsql as "
               "$$ begin raise exception using errcode = '53100'; end $$; "
               "create trigger full_disk before insert or update on sightglass.hourly_usage for each row execute function public.full()")
        waits("full", "make room there")
        equal(pg.say("select count(*) from sightglass.hourly_usage"), [["0"]], "rows before it is well")
        pg.say("drop trigger full_disk on sightglass.hourly_usage")
        w.start_server(runtime(pg.port), ENV)
        equal(arrives(w, pg)["requests"], requests, "requests")
        w.stop()
        no_secret_in(w, PASSWORD, "wrong-password-0123456789")


def test_a_server_that_hangs_or_talks_nonsense_harms_nobody():
    with world() as w, server() as pg:
        w.start_simulator()
        silent, mail = Peer(), Peer(b"220 mail.example ESMTP\r\n")
        for peer, more, reason in ((silent, "timeout: 300ms", "timeout"), (mail, "", "nonsense"), (None, "", "connect")):
            w.start_server(runtime(peer.port if peer else free_port(), more), ENV)
            sometimes(10, w)
            wait_for(lambda: export_health(w, "postgres")["status"] != "ok", "the health answer", pause_s=ADMIN_PAUSE_S)
            equal(export_health(w, "postgres")["reason"], reason, f"{reason}: health")
            check(w.sum_of("sightglass_export_lag_records") > 0, "no lag")
            equal(w.server.stop(), 0, "the server's end")
            if peer:
                check(peer.connections > 0, "nobody came")
                peer.close()
        # Ten seconds a call: a real server that stands still, while requests pass and the gateway ends.
        w.start_server(runtime(pg.port, "timeout: 10s\nbatch_age: 20ms"), ENV)
        sometimes(5, w)
        arrives(w, pg)
        pg.signal(signal.SIGSTOP)
        sometimes(20, w)
        equal(witnesses(w)["requests"], 55, "requests")
        check(w.sum_of("sightglass_export_lag_records") > 0, "no lag")
        equal(w.server.stop(), 0, "the server's end")
        pg.signal(signal.SIGCONT)
        w.start_server(runtime(pg.port), ENV)
        arrives(w, pg)


def test_two_engines_do_not_wait_for_each_other():
    with world() as w, server() as pg:
        w.start_simulator()
        w.start_server(f"""
storage:
  runtime:
    - {{type: influxdb, addr: "http://127.0.0.1:{free_port()}", bucket: b}}
    - {{type: postgres, addr: "127.0.0.1:{pg.port}", database: postgres, username: writer, password: {PASSWORD}, sslmode: disable}}
""")
        sometimes(10, w)
        arrives(w, pg)
        wait_for(lambda: export_health(w, "influxdb")["status"] != "ok", "the other's health", pause_s=ADMIN_PAUSE_S)
        equal(export_health(w, "postgres")["status"], "ok", "PostgreSQL's health")
        shown = w.admin("GET", "/admin/v1/config").json()["Storage"]
        equal([r["Type"] for r in shown["Runtimes"]], ["influxdb", "postgres"], "the configuration's answer")
        w.stop()
        no_secret_in(w, PASSWORD)


if __name__ == "__main__":
    run(test_the_configuration_is_read_and_its_faults_are_named, test_every_request_is_in_its_hour_and_no_person_is_there,
        test_sums_survive_kills_of_both, test_a_gateway_killed_in_the_middle_of_a_batch, test_what_is_wrong_is_said_and_loses_nothing,
        test_a_server_that_hangs_or_talks_nonsense_harms_nobody, test_two_engines_do_not_wait_for_each_other)
