#!/usr/bin/env python3
"""The load-balancer examples with a real HAProxy and a real nginx: an instance that drains takes nothing
more, its stream ends whole, and no caller notices (S4-B32, S4-C03)."""
import contextlib
import pathlib
import random
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import CLIENT_KEY, PATIENCE_S, ROOT, Process, World, ask, check, equal, run, under_way, wait_for, world  # noqa: E402

DEPLOY = ROOT / "deploy"
TRUST = "trusted_proxies: [127.0.0.1]\n"


def free_port():
    """Below the ports that the system itself gives to servers and connections, so that no other test is given it
    before the balancer has it."""
    while True:
        with contextlib.suppress(OSError), socket.socket() as s:
            port = random.randrange(10_000, 30_000)
            s.bind(("127.0.0.1", port))
            return port


def haproxy(w, ports, own):
    # An instance that a busy machine lets wait is not away: only its 503 counts here.
    text = (DEPLOY / "haproxy/haproxy.cfg").read_text().replace("defaults\n", "defaults\n    timeout check 2m\n", 1)
    path = w.folder / "haproxy.cfg"
    path.write_text(filled(text, ports, "bind :8080", f"bind 127.0.0.1:{own}"))
    return Process(w.folder, "haproxy", ["haproxy", "-db", "-f", path])


def nginx(w, ports, own):
    text = (DEPLOY / "nginx/nginx.conf").read_text()
    path = w.folder / "nginx.conf"
    temporary = "".join(f"    {name}_temp_path {w.folder}/nginx-{name};\n" for name in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    text = filled(text, ports, "listen 8080;", f"listen 127.0.0.1:{own};")
    path.write_text(text.replace("http {\n", "http {\n    access_log off;\n" + temporary, 1))
    return Process(w.folder, "nginx", ["nginx", "-p", w.folder, "-e", w.folder / "nginx.errors", "-c", path, "-g",
                                       f"daemon off; master_process off; pid {w.folder}/nginx.pid;"])


def filled(text, ports, theirs, ours):
    for placeholder, port in zip(("10.0.0.11:2906", "10.0.0.12:2906"), ports):
        check(text.count(placeholder) == 1, f"the example names {placeholder} once")
        text = text.replace(placeholder, f"127.0.0.1:{port}")
    check(theirs in text, f"the example says {theirs}")
    return text.replace(theirs, ours)


def instance(w, name):
    """A second server with a folder of its own, at the same simulated provider."""
    folder = w.folder / name
    folder.mkdir()
    other = World(folder)
    other.upstream = w.upstream
    other.start_server(TRUST)
    return other


def through_a_drain(start_balancer):
    with world() as w:
        w.start_simulator()
        a, b = instance(w, "a"), instance(w, "b")
        w.port = free_port()
        balancer = start_balancer(w, (a.port, b.port), w.port)
        try:
            def answers():
                check(balancer.running(), f"it ended: {balancer.errors()}")
                try:
                    return ask(w.port, "GET", "/health").status == 200
                except OSError:
                    return False
            wait_for(answers, "the balancer")
            until_both_serve(w, a, b)
            drained, other, answer = drain_the_one_that_streams(w, a, b)
            check(answer.text.rstrip().endswith("[DONE]"), "the stream ended whole")
            equal(drained.server.child.wait(PATIENCE_S), 0, "the drained instance's exit code")
            equal({w.chat("after it").status for _ in range(10)}, {200}, "requests after the drain")
            check(other.server.running(), "the other instance goes on")
        finally:
            balancer.kill()
            for one in (a, b):
                if one.server.running():
                    one.server.stop()
        w.simulator.stop()


def until_both_serve(w, a, b):
    def both():
        equal(w.chat("hello").status, 200, "through the balancer")
        return all(one.sum_of("coo_llm_requests_total") for one in (a, b))
    wait_for(both, "both instances to serve")


def running(one):
    return one.ask("GET", "/metrics/active-requests").json()["active_requests"]


def drain_the_one_that_streams(w, a, b):
    body = ('{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"sim: gap_ms=100 tokens=40 chunks=40\\nslow"}]}')
    thread, drained, got = under_way(
        lambda: next((one for one in (a, b) if running(one)), None),
        lambda: w.ask("POST", "/v1/chat/completions", body,
                      {"Authorization": f"Bearer {CLIENT_KEY}", "Content-Type": "application/json"}))
    other = b if drained is a else a
    drained.server.child.terminate()
    # Every one of these comes on a new connection, many before the balancer has heard of the drain.
    statuses = [w.chat("meanwhile").status for _ in range(40)]
    equal(set(statuses), {200}, "requests during the drain")
    thread.join()
    return drained, other, got["answer"]


def test_haproxy():
    through_a_drain(haproxy)


def test_nginx():
    through_a_drain(nginx)


if __name__ == "__main__":
    run(test_haproxy, test_nginx)
