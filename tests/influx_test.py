#!/usr/bin/env python3
"""`storage.runtime` with a real InfluxDB 1.6 and a real VictoriaMetrics (which takes version 2's writes): the sums
there are the tally to the last token, also when engine and server are killed under load; and an engine that
refuses, hangs or talks nonsense harms nobody."""
import contextlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.engines import Influx, Peer, VictoriaMetrics, free_port  # noqa: E402
from support.exports import Traffic, arrives, export_health, kill_both_under_load, no_secrets_in, sometimes, witnesses  # noqa: E402
from support.harness import ADMIN_PAUSE_S, check, equal, run, wait_for, world  # noqa: E402

TOKEN, PASSWORD = "secret-token-0123456789", "secret-password-0123456789"
FIELDS = ["requests", "input_tokens", "output_tokens", "cost_nanousd"]
PRINTED = """
storage:
  runtime:
    type: "influxdb"
    addr: "http://influxdb:8086"
    token: "${INFLUX_TOKEN}"
    org: "${INFLUX_ORG}"
    bucket: "${INFLUX_BUCKET}"
"""
VARIABLES = {"INFLUX_TOKEN": TOKEN, "INFLUX_ORG": "acme", "INFLUX_BUCKET": "llm"}


def runtime(url, more=""):
    """The printed snippet, pointed at a test's own engine, with further keys."""
    text = PRINTED.replace("http://influxdb:8086", url)
    return text + "".join(f"    {line}\n" for line in more.splitlines())


def no_secret_in(w, *more):
    no_secrets_in(w, TOKEN, PASSWORD, *more)


# ---- configuration ----------------------------------------------------------------------------------

def test_the_printed_snippet_is_accepted_and_an_unset_variable_named():
    """S4-G03."""
    with world() as w:
        path = w.folder / "printed.yaml"
        path.write_text(PRINTED)
        done = w.command("check", "--config", path, env=VARIABLES)
        equal(done.returncode, 0, f"check: {done.stdout}{done.stderr}")
        check(TOKEN not in done.stdout + done.stderr, "check prints the token")
        for name in VARIABLES:
            left = {k: v for k, v in VARIABLES.items() if k != name}
            done = w.command("check", "--config", path, env=left)
            equal(done.returncode, 1, "check without a variable")
            check(f"the environment has no '{name}'" in done.stdout, done.stdout)
        for text, said in (("type: influx\n", "did you mean 'influxdb'?"), ("type: influxdb\n    bukcet: b\n", "did you mean 'bucket'?"),
                           ("type: mongodb\n", "is none of influxdb, redis, postgres, clickhouse")):
            path.write_text(f"storage:\n  runtime:\n    {text}")
            done = w.command("check", "--config", path)
            equal(done.returncode, 1, text)
            check(said in done.stdout, f"{text}: {done.stdout}")


# ---- version 2: VictoriaMetrics -----------------------------------------------------------------------

def test_version_two_gets_every_request_with_its_tags():
    """S4-G03, S4-B27: and the admin API answers as without it, with the secret masked."""
    with world() as w, contextlib.ExitStack() as end:
        engine = VictoriaMetrics(w.folder)
        end.callback(engine.stop)
        engine.start()
        w.start_simulator()
        w.start_server(runtime(engine.url), VARIABLES)
        sometimes(40, w)
        equal(w.messages("hello").status, 200, "a message")
        wanted = witnesses(w)
        equal(wanted["requests"], 41, "requests")
        arrives(lambda: engine.sums(FIELDS), wanted, "the sums")
        samples = engine.samples()
        names = {m["__name__"] for m, _, _ in samples}
        for field in ("latency_ms", "total_tokens", "cost_usd"):
            check(f"llm_request_{field}" in names, f"{field} is not in {names}")
        labels = {k for m, _, _ in samples for k in m} - {"__name__", "db"}
        check({"gateway", "provider", "model", "key", "client", "outcome", "status"} <= labels, f"tags: {labels}")
        equal({m["provider"] for m, _, _ in samples}, {"openai", "anthropic"}, "providers")
        check(not labels & {"user", "user_id", "session", "session_id", "request_id"}, f"a person among the tags: {labels}")
        shown = w.admin("GET", "/admin/v1/config").json()["Storage"]["Runtime"]
        equal((shown["Type"], shown["APIKey"], shown["Bucket"]), ("influxdb", "****", "llm"), "the configuration's answer")
        total = w.admin("GET", "/admin/v1/metrics/global?start=0&end=4000000000").json()
        equal(total["total_requests"], 41, "the admin API's total")
        w.stop()
        no_secret_in(w)


def test_version_two_restarted_under_load():
    """What VictoriaMetrics took twice, because an answer was lost, is what we counted as repeated."""
    with world() as w, contextlib.ExitStack() as end:
        engine = VictoriaMetrics(w.folder)
        end.callback(engine.stop)
        engine.start()
        w.start_simulator()
        w.start_server(runtime(engine.url, "batch_age: 50ms"), VARIABLES)
        traffic = Traffic(w)
        for _ in range(2):
            traffic.more(30)
            engine.stop()  # it keeps some seconds in memory only, so it is asked to end
            traffic.more(30)
            engine.start()
        traffic.stop()
        wanted = witnesses(w)
        wait_for(lambda: engine.sums(["requests"])["requests"] >= wanted["requests"], "every request", 60, 0.2)
        wait_for(lambda: w.sum_of("sightglass_export_up") == 1, "the engine to be well")
        found, repeated = engine.sums(FIELDS), w.sum_of("sightglass_export_repeated_points_total")
        check(wanted["requests"] <= found["requests"] <= wanted["requests"] + repeated,
              f"requests: {found['requests']}, wanted {wanted['requests']}, repeated {repeated}")
        if repeated == 0:
            equal(found, wanted, "the sums")


# ---- version 1: InfluxDB 1.6 ----------------------------------------------------------------------------

def test_version_one_is_found_out_and_sums_survive_kills():
    with world() as w, contextlib.ExitStack() as end:
        engine = Influx(w.folder)
        end.callback(engine.stop)
        engine.start()
        engine.query("CREATE DATABASE llm")
        w.start_simulator()
        start = lambda: w.start_server(runtime(engine.url, "batch_age: 50ms\nbatch_points: 40"), VARIABLES)  # noqa: E731
        start()
        kill_both_under_load(w, engine, start)
        wanted = witnesses(w)
        arrives(lambda: engine.sums("llm", FIELDS), wanted, "the sums")
        # Once more everything that the journal has: the same points.
        w.server.stop()
        (w.folder / "data/export/influxdb").unlink()
        start()
        wait_for(lambda: w.sum_of("sightglass_export_sent_points_total") >= wanted["requests"], "everything once more", 60)
        equal(engine.sums("llm", FIELDS), wanted, "the sums after sending twice")
        equal(w.sum_of("sightglass_export_dropped_points_total"), 0, "points refused")
        equal(w.sum_of("sightglass_export_gap_records_total"), 0, "gaps")
        w.stop()
        no_secret_in(w)


def test_wrong_credentials_and_read_only_users_are_said_and_lose_nothing():
    with world() as w, contextlib.ExitStack() as end:
        engine = Influx(w.folder, auth=True)
        end.callback(engine.stop)
        engine.start()
        engine.query("CREATE USER root WITH PASSWORD 'root-password' WITH ALL PRIVILEGES")
        for text in ("CREATE DATABASE llm", f"CREATE USER writer WITH PASSWORD '{PASSWORD}'", "GRANT WRITE ON llm TO writer",
                     f"CREATE USER reader WITH PASSWORD '{PASSWORD}'", "GRANT READ ON llm TO reader"):
            engine.query(text)
        w.start_simulator()

        def config(user, password, database="llm"):
            return (f"storage: {{runtime: {{type: influxdb, version: 1, addr: \"{engine.url}\", database: {database}, "
                    f"username: {user}, password: {password}}}}}\n")
        for user, password, database, reason in (("writer", "wrong-password-0123456789", "llm", "denied"), ("reader", PASSWORD, "llm", "denied"),
                                                 ("root", "root-password", "nowhere", "missing")):
            w.start_server(config(user, password, database))
            sometimes(10, w)
            wait_for(lambda: export_health(w, "influxdb")["status"] != "ok", "the health answer", 20, ADMIN_PAUSE_S)
            shown = export_health(w, "influxdb")
            equal(shown["reason"], reason, f"{user}: {shown}")
            check(shown["lag_records"] > 0, f"no lag: {shown}")
            equal(w.admin("GET", "/admin/v1/health").status, 200, "the server's health")
            check(any(s in w.server.errors() for s in ("check the token", "no such organisation")), f"the log: {w.server.errors()}")
            check(w.reconcile()["agree"], "the witnesses differ")
            w.server.stop()
        w.start_server(config("writer", PASSWORD))
        wanted = witnesses(w)
        equal(wanted["requests"], 30, "requests")
        arrives(lambda: engine.sums("llm", FIELDS), wanted, "the sums")
        w.stop()
        no_secret_in(w, "wrong-password-0123456789")


# ---- engines that are none -------------------------------------------------------------------------------

def test_an_engine_that_hangs_or_talks_nonsense_harms_nobody():
    """S4-G03: backend away: no request is harmed, everything arrives later, once."""
    with world() as w, contextlib.ExitStack() as end:
        engine = Influx(w.folder)
        end.callback(engine.stop)
        engine.start()
        engine.query("CREATE DATABASE llm")
        w.start_simulator()
        silent, mail, page = Peer(), Peer(b"220 mail.example ESMTP\r\n"), Peer(
            b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\n<html>sign in</html>")
        for peer, more, reason in ((silent, "timeout: 300ms", "timeout"), (mail, "", "nonsense"), (page, "", "nonsense"),
                                   (None, "", "connect")):
            url = peer.url if peer else f"http://127.0.0.1:{free_port()}"
            w.start_server(runtime(url, more), VARIABLES)
            sometimes(10, w)
            wait_for(lambda: export_health(w, "influxdb")["status"] != "ok", "the health answer", 20, ADMIN_PAUSE_S)
            equal(export_health(w, "influxdb")["reason"], reason, f"{reason}: health")
            check(w.reconcile()["agree"], "the witnesses differ")
            check(w.sum_of("sightglass_export_lag_records") > 0, "no lag")
            check(w.sum_of("sightglass_export_retries_total") > 0, "no retries")
            equal(w.server.stop(), 0, "the server's end")
            if peer:
                check(peer.connections > 0, "nobody came")
                peer.close()
        # Ten seconds a call: the server starts and ends all the same.
        hanging = Peer()
        w.start_server(runtime(hanging.url, "timeout: 10s"), VARIABLES)
        sometimes(10, w)
        wait_for(lambda: hanging.connections > 0, "a connection")
        check(w.reconcile()["agree"], "the witnesses differ")
        equal(w.server.stop(), 0, "the server's end")
        hanging.close()
        w.start_server(runtime(engine.url), VARIABLES)
        wanted = witnesses(w)
        equal(wanted["requests"], 50, "requests")
        arrives(lambda: engine.sums("llm", FIELDS), wanted, "the sums")


if __name__ == "__main__":
    run(test_the_printed_snippet_is_accepted_and_an_unset_variable_named, test_version_two_gets_every_request_with_its_tags,
        test_version_two_restarted_under_load, test_version_one_is_found_out_and_sums_survive_kills,
        test_wrong_credentials_and_read_only_users_are_said_and_lose_nothing, test_an_engine_that_hangs_or_talks_nonsense_harms_nobody)
