#!/usr/bin/env python3
"""Two gateways whose clients stand in a real PostgreSQL: made on one, known to the other; the database killed, both
restarted while it is away, wrong in every way; and no request the worse for it."""
import contextlib
import json
import pathlib
import signal
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.engines import free_port  # noqa: E402
from support.harness import ADMIN_PAUSE_S, World, check, equal, run, wait_for, world  # noqa: E402
from support.postgres import PASSWORD, Postgres  # noqa: E402

ENV = {"PG_PASSWORD": PASSWORD}
KEY = "a-key-of-my-own-choosing"


def registry(port, more="", user="keeper"):
    text = f"""
storage:
  clients:
    type: postgres
    addr: "127.0.0.1:{port}"
    database: postgres
    username: {user}
    password: "${{PG_PASSWORD}}"
    sslmode: disable
    poll: 200ms
"""
    return text + "".join(f"    {line}\n" for line in more.splitlines())


@contextlib.contextmanager
def gateways(names=("east", "west"), tables=True):
    """Gateways before the same simulated providers; the first one's world owns those."""
    pg = Postgres(tables=tables)
    try:
        with world() as first:
            made = [first]
            first.start_simulator()
            try:
                for name in names[1:]:
                    folder = first.folder / name
                    folder.mkdir()
                    made.append(World(folder))
                    made[-1].upstream = first.upstream
                yield pg, made, lambda w, more="", env=ENV: w.start_server(
                    f"gateway: {{id: {names[made.index(w)]}}}\n" + registry(pg.port, more), env)
            finally:
                for w in made:
                    if w.server and w.server.running():
                        w.server.kill()
    finally:
        pg.remove()


def send(w, method, path, **body):
    return w.admin(method, "/admin/v1/clients" + path, json.dumps(body) if body else None, {"Content-Type": "application/json"})


class Between:
    """Passes on what goes to and from PostgreSQL. `cut` says when a commit's answer is lost, with the connection; `shut`,
    that nobody gets through after that."""

    def __init__(self, port):
        self.to = port
        self.cut = self.shut = self.shut_then = False
        self.cuts = 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            with contextlib.suppress(OSError):
                client = self.listening.accept()[0]
                if self.shut:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self.to))
                lost = threading.Event()
                threading.Thread(target=self._pass, args=(client, server, lost, True), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, lost, False), daemon=True).start()

    def _pass(self, source, target, lost, upward):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if upward and self.cut and data == b"Q\0\0\0\x0bcommit\0":
                    self.cut = False
                    lost.set()
                if not upward and lost.is_set():
                    self.cuts += 1
                    self.shut = self.shut or self.shut_then
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def lose_a_commit(self, shut=False):
        self.shut_then, self.cut = shut, True


def make(w, **body):
    return send(w, "POST", "", **body)


def status(w, key):
    return w.chat("hello", key=key).status


def becomes(w, key, wanted, what):
    wait_for(lambda: status(w, key) == wanted, what)


def health(w):
    return w.admin("GET", "/admin/v1/health").json()["checks"]["clients_registry"]


def well(w):
    wait_for(lambda: health(w)["status"] == "ok", "the registry's health", pause_s=ADMIN_PAUSE_S)


def secrets_nowhere(made, *secrets):
    for w in made:
        for path in w.folder.rglob("*"):
            if path.is_file() and path.suffix != ".yaml":
                data = path.read_bytes()
                for secret in secrets:
                    check(secret.encode() not in data, f"a secret stands in {path}")


def test_what_one_gateway_does_the_other_knows():
    with gateways() as (pg, (east, west), start):
        start(east)
        start(west)
        made = make(east, client_id="shared", description="made in the east", limits={"usd_per_day": 5}).json()
        equal(made.get("status"), "created", f"the answer: {made}")
        equal(status(east, made["api_key"]), 200, "at once where it was made")
        becomes(west, made["api_key"], 200, "the other gateway to know it")
        shown = send(west, "GET", "/shared").json()
        equal((shown["description"], shown["source"], shown["limits"]["usd_per_day"]), ("made in the east", "api", 5), "as shown there")
        equal(make(west, client_id="shared").status, 409, "the same id")
        # A new key on the other side: the old one is refused on both.
        changed = send(west, "PATCH", "/shared", new_key=True, limits={"requests_per_minute": 1000}).json()
        equal(status(west, changed["api_key"]), 200, "the new key")
        equal(status(west, made["api_key"]), 401, "the old key")
        becomes(east, made["api_key"], 401, "the old key on the other gateway")
        equal(status(east, changed["api_key"]), 200, "the new key there")
        limits = send(east, "GET", "/shared").json()["limits"]
        equal((limits["usd_per_day"], limits["requests_per_minute"]), (5, 1000), "limits that were not named stay")
        equal(send(west, "DELETE", "/shared").status, 200, "deleting it")
        equal(status(west, changed["api_key"]), 401, "at once where it was deleted")
        becomes(east, changed["api_key"], 401, "the other gateway to refuse it")
        equal(send(east, "DELETE", "/shared").status, 404, "deleting it again")
        equal(make(east, client_id="b", api_key=KEY).status, 200, "a chosen key")
        equal(make(west, client_id="c", api_key=KEY).status, 409, "the same key")
        kept = "\n".join("|".join(row) for table in ("clients", "keys", "changes", "registry")
                         for row in pg.say(f"select * from sightglass_clients.{table}"))
        check("made in the east" in kept and "west" in kept, f"the search looks at nothing: {kept}")
        for secret in (made["api_key"], changed["api_key"], KEY):
            check(secret not in kept, "a key stands in PostgreSQL")
        secrets_nowhere((east, west), made["api_key"], changed["api_key"], KEY, PASSWORD)
        equal(east.admin("GET", "/admin/v1/config").json()["Storage"]["Clients"],
              {"Type": "postgres", "Addr": f"127.0.0.1:{pg.port}", "Database": "postgres", "Username": "keeper", "Password": "****"},
              "the configuration's answer")


def test_who_may_what():
    with gateways() as (pg, _, _):
        for user in ("reader", "writer"):
            check("permission denied" in pg.refusal("select * from sightglass_clients.keys", user), f"{user} sees keys")
        for sql in ("delete from sightglass_clients.clients", "truncate sightglass_clients.keys", "update sightglass_clients.registry set version = 9",
                    "update sightglass_clients.keys set client_id = 'x'", "create table sightglass_clients.x (y int)",
                    "select * from sightglass.hourly_usage"):
            check("permission denied" in pg.refusal(sql, "keeper"), f"a gateway may: {sql}")
        pg.make_tables()  # once more


def test_a_database_that_is_away_harms_nobody():
    with gateways() as (pg, (east, west), start):
        start(east)
        start(west)
        stays = make(east, client_id="stays").json()["api_key"]
        goes = make(east, client_id="goes").json()["api_key"]
        becomes(west, goes, 200, "the other gateway to know it")
        equal(send(west, "DELETE", "/goes").status, 200, "deleting it")
        becomes(east, goes, 401, "the other gateway to refuse it")
        pg.kill()
        wait_for(lambda: health(east)["status"] != "ok", "the health answer", pause_s=ADMIN_PAUSE_S)
        shown = health(east)
        check("requests go on" in shown["problem"] and "age_seconds" in shown, f"health: {shown}")
        for w in (east, west):
            equal(status(w, stays), 200, "a known key")
            equal(status(w, goes), 401, "a revoked key")
            for answer in (make(w, client_id="new"), send(w, "PATCH", "/stays", description="changed"), send(w, "DELETE", "/stays")):
                equal(answer.status, 503, answer.text)
                check("nothing was changed, try again later" in answer.text and answer.headers.get("retry-after"), answer.text)
            equal(send(w, "GET", "/stays").json()["description"], "", "unchanged")
            equal(w.series()["sightglass_registry_up"], 0, "up")
            check(w.sum_of("sightglass_registry_errors_total") > 0, "errors by reason")
            check(w.sum_of("sightglass_registry_changes_total") >= 3, "changes by result")
        # Both anew, one of them killed, while it is away.
        east.server.stop()
        west.server.kill()
        for w in (east, west):
            start(w)
            equal(status(w, stays), 200, "a known key after a restart")
            equal(status(w, goes), 401, "a revoked key after a restart")
            equal(make(w, client_id="new").status, 503, "a change after a restart")
        pg.start()
        well(east)
        well(west)
        check("the clients' registry answers again" in east.server.errors(), "the log says that it is over")
        equal([row["id"] for row in send(east, "GET", "/list").json()["clients"] if row["source"] == "api"], ["stays"], "clients")
        new = make(west, client_id="new").json()["api_key"]
        becomes(east, new, 200, "the other gateway to know it")
        # A server that stands still: a change waits its time, a request does not wait.
        pg.signal(signal.SIGSTOP)
        equal(status(east, stays), 200, "a request while it stands still")
        equal(send(east, "DELETE", "/stays").status, 503, "a change while it stands still")
        equal(status(east, stays), 200, "nothing was changed")
        equal(east.server.stop(), 0, "the end while it stands still")
        pg.signal(signal.SIGCONT)


def test_a_gateway_killed_in_the_middle_of_a_change():
    with gateways() as (pg, (east, west), start):
        start(west)
        for number, (point, there) in enumerate((("written", False), ("committed", True))):
            key = f"{KEY}-{number}"
            start(east, env={**ENV, "SIGHTGLASS_FAILPOINT": f"clients.registry.{point}"})
            with contextlib.suppress(OSError):
                make(east, client_id=f"c{number}", api_key=key)
            wait_for(lambda: not east.server.running(), f"the kill at {point}")
            start(east)
            well(east)
            if there:
                becomes(west, key, 200, "the other gateway to know it")
            equal([status(w, key) for w in (east, west)], [200, 200] if there else [401, 401], f"killed at {point}")
            east.server.stop()
        equal(pg.say("select count(*) from sightglass_clients.changes"), [["1"]], "changes")


def test_a_commit_whose_answer_is_lost():
    with gateways() as (pg, (east, west), start):
        between = Between(pg.port)
        # What the poll asks is no change, but may be lost likewise: it is rare enough here.
        east.start_server(registry(between.port).replace("poll: 200ms", "poll: 30m"), ENV)
        start(west)
        well(east)
        between.lose_a_commit()
        made = make(east, client_id="settled", api_key=KEY)
        equal((between.cuts, made.status), (1, 200), f"a new connection is asked: {made.text}")
        equal(status(east, KEY), 200, "in force")
        becomes(west, KEY, 200, "the other gateway to know it")
        between.lose_a_commit(shut=True)
        lost = send(east, "DELETE", "/settled")
        equal((between.cuts, lost.status), (2, 503), lost.text)
        check("which is not known yet" in lost.text, lost.text)
        becomes(west, KEY, 401, "the other gateway to refuse it")
        equal(pg.say("select count(*) from sightglass_clients.changes"), [["2"]], "changes")
        between.shut = False
        east.server.stop()
        east.start_server(registry(between.port), ENV)
        becomes(east, KEY, 401, "the gateway that did not hear of it to refuse it")


def test_clients_from_before_are_brought_along():
    with gateways() as (pg, (east, west), start):
        keys = {}
        for w, ids in ((east, ("one", "both")), (west, ("two", "both"))):
            w.start_server()
            for name in ids:
                keys[w, name] = make(w, client_id=name).json()["api_key"]
            w.server.stop()
        start(east)
        start(west)
        well(east)
        wait_for(lambda: health(west)["reason"] == "conflict", "the conflict", pause_s=ADMIN_PAUSE_S)
        check('"both"' in health(west)["problem"] and '"both"' in west.server.errors(), f"{health(west)}")
        equal([status(west, keys[west, name]) for name in ("two", "both")], [200, 200], "it goes on with its own")
        answer = make(west, client_id="three")
        equal(answer.status, 503, answer.text)
        check("start it without storage.clients" in answer.text, answer.text)
        west.server.stop()
        west.start_server()
        equal(send(west, "DELETE", "/both").status, 200, "deleting it there")
        west.server.stop()
        start(west)
        well(west)
        for w in (east, west):
            for owner, name in ((east, "one"), (east, "both"), (west, "two")):
                becomes(w, keys[owner, name], 200, f"{name} to be known to both")
            becomes(w, keys[west, "both"], 401, "the deleted key to be refused by both")


def test_the_configuration_is_read_and_its_faults_are_named():
    with world() as w:
        path = w.folder / "registry.yaml"
        path.write_text(registry(5432))
        equal(w.command("check", "--config", path, env=ENV).returncode, 0, "check")
        for text, said in (("type: postgres, sslmode: require", "sslmode must be"), ("type: sqlite", "type must be embedded or postgres"),
                           ('type: postgres, addr: "me:hush@db:5432"', "must not hold a name or password"),
                           ("type: postgres, adr: x", "did you mean 'addr'?"), ("type: postgres, poll: 1ms", "poll must be"),
                           ("addr: localhost:5432, poll: 1s", "name the type")):
            path.write_text(f"storage: {{clients: {{{text}}}}}\n")
            done = w.command("check", "--config", path)
            equal(done.returncode, 1, text)
            check(said in done.stdout and "hush" not in done.stdout, f"{text}: {done.stdout}")


def test_what_is_wrong_is_said_and_requests_go_on():
    with gateways(tables=False) as (pg, (east, _), _):
        east.start_server(registry(free_port()), ENV)
        equal(make(east, client_id="x").status, 503, "nobody listens")
        check("clients' registry" in east.server.errors(), east.server.errors())
        equal(east.chat("hello").status, 200, "a request with a key of the file")
        east.server.stop()
        pg.say(f"create role keeper login password '{PASSWORD}'")
        east.start_server(registry(pg.port), ENV)
        wait_for(lambda: "deploy/postgres/clients.sql" in east.server.errors(), "the next step in the log")
        equal(health(east)["reason"], "missing", "health")
        pg.make_tables()
        well(east)  # without a restart
        equal(make(east, client_id="x").status, 200, "a change")
        east.server.stop()
        east.start_server(registry(pg.port), {"PG_PASSWORD": "wrong-password-0123456789"})
        wait_for(lambda: health(east)["reason"] == "denied", "health", pause_s=ADMIN_PAUSE_S)
        check("check username, password" in health(east)["problem"], f"{health(east)}")
        secrets_nowhere([east], PASSWORD, "wrong-password-0123456789")


if __name__ == "__main__":
    run(test_what_one_gateway_does_the_other_knows, test_who_may_what, test_a_database_that_is_away_harms_nobody,
        test_a_gateway_killed_in_the_middle_of_a_change, test_a_commit_whose_answer_is_lost, test_clients_from_before_are_brought_along,
        test_the_configuration_is_read_and_its_faults_are_named, test_what_is_wrong_is_said_and_requests_go_on)
