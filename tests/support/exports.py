"""What the tests of the engines outside have in common: traffic, what must arrive, and where no secret may be."""
import contextlib
import random
import threading

from support.harness import check, equal, wait_for


def export_health(w, engine):
    checks = w.admin("GET", "/admin/v1/health").json()["checks"]
    return checks[f"export.{engine}"] if isinstance(checks, dict) else next(c for c in checks if c["name"] == f"export.{engine}")


def witnesses(w):
    """What the journal says, which every other witness agrees with."""
    found = w.reconcile()
    check(found["agree"], f"the witnesses differ: {found}")
    store = found["witnesses"]["store"]
    return {"requests": store["requests"], "input_tokens": store["input_tokens"], "output_tokens": store["output_tokens"],
            "cost_nanousd": store["cost_nanousd"]}


def arrives(read, wanted, what, seconds=60):
    seen = {}

    def equal_now():
        seen.update(read())
        return seen == wanted
    try:
        wait_for(equal_now, what, seconds, 0.2)
    except Exception as error:
        raise type(error)(f"{error}: got {seen}, wanted {wanted}") from None


def no_secrets_in(w, *secrets):
    for path in [*w.folder.rglob("*.err"), *w.folder.rglob("*.out"), *(w.folder / "data").rglob("*"), *(w.folder / "logs").rglob("*")]:
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                data = path.read_bytes()
                for secret in secrets:
                    check(secret.encode() not in data, f"a secret is in {path}")


def sometimes(n, w, streams=True):
    rng = random.Random(n)
    for i in range(n):
        answer = w.chat(f"request {i}", stream=streams and rng.random() < 0.4, max_tokens=12)
        equal(answer.status, 200, "a request")


class Traffic:
    """Requests from a few threads, whatever becomes of them."""

    def __init__(self, w):
        self.w, self.running, self.answered = w, True, 0
        self.threads = [threading.Thread(target=self._loop, daemon=True) for _ in range(3)]
        for thread in self.threads:
            thread.start()

    def _loop(self):
        while self.running:
            try:
                self.answered += self.w.chat("some words", max_tokens=12).status == 200
            except Exception:  # the server is down: that is the point
                threading.Event().wait(0.02)

    def more(self, n):
        wanted = self.answered + n
        wait_for(lambda: self.answered >= wanted, f"{n} more answers", 60)

    def stop(self):
        self.running = False
        for thread in self.threads:
            thread.join(30)


def kill_both_under_load(w, engine, start, then=lambda round_: None):
    """Twice the engine away for a while, then the gateway killed; `then` comes before it starts again."""
    traffic = Traffic(w)
    for round_ in range(2):
        traffic.more(40)
        engine.kill()
        traffic.more(40)
        engine.start()
        traffic.more(40)
        w.server.kill()
        then(round_)
        start()
    traffic.more(20)
    traffic.stop()
