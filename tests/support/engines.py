"""Real engines of `storage.runtime` on loopback, in folders of a test's own, and peers that are none."""
import contextlib
import json
import socket
import threading
import urllib.parse

from support.harness import Process, ask, check, wait_for


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Engine:
    """A server that keeps its port and its data over restarts."""

    def __init__(self, folder, name):
        self.folder, self.name, self.port = folder / name, name, free_port()
        self.folder.mkdir()
        self.process = None

    def start(self):
        self.process = Process(self.folder, self.name, self.arguments())
        wait_for(self._ready, f"{self.name} to be ready", 60)

    def _ready(self):
        if not self.process.running():
            raise RuntimeError(f"{self.name} ended: {self.process.errors()}")
        with contextlib.suppress(OSError):
            return ask(self.port, "GET", self.health, timeout=5).status in (200, 204)
        return False

    def kill(self):
        self.process.kill()

    def stop(self):
        if self.process and self.process.running():
            self.process.stop(60)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


class Influx(Engine):
    """Debian's InfluxDB 1.6, which syncs each write before it answers."""
    health = "/ping"

    def __init__(self, folder, auth=False):
        super().__init__(folder, "influxd")
        self.admin = {"u": "root", "p": "root-password"} if auth else {}
        (self.folder / "influxdb.conf").write_text(f"""
reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
  dir = "{self.folder}/meta"
[data]
  dir = "{self.folder}/data"
  wal-dir = "{self.folder}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{self.port}"
  auth-enabled = {"true" if auth else "false"}
  log-enabled = false
""")

    def arguments(self):
        return ["influxd", "run", "-config", self.folder / "influxdb.conf"]

    def query(self, text, **more):
        asked = urllib.parse.urlencode({"q": text, "epoch": "ns", **self.admin, **more})
        answer = ask(self.port, "POST", f"/query?{asked}", timeout=60)
        check(answer.status == 200, f"{text}: {answer.status} {answer.text}")
        result = answer.json()["results"][0]
        check("error" not in result, f"{text}: {result}")
        return result.get("series", [])

    def sums(self, database, fields, measurement="llm_request"):
        """The sum of each field over all points; 0 where there is none."""
        asked = ", ".join(f'sum("{field}")' for field in fields)
        series = self.query(f'SELECT {asked} FROM "{measurement}"', db=database)
        return dict(zip(fields, [v or 0 for v in series[0]["values"][0][1:]])) if series else dict.fromkeys(fields, 0)


class VictoriaMetrics(Engine):
    """Takes InfluxDB's version 2 writes, keeps each field as a metric of its own."""
    health = "/health"

    def __init__(self, folder):
        super().__init__(folder, "victoria")

    def arguments(self):
        return ["victoria-metrics", f"-storageDataPath={self.folder}/data", f"-httpListenAddr=127.0.0.1:{self.port}",
                "-retentionPeriod=12", "-memory.allowedPercent=5"]

    def samples(self):
        """Every sample there is: [(metric with its labels, time, value)]."""
        ask(self.port, "GET", "/internal/force_flush")
        pattern = urllib.parse.quote('{__name__=~"llm_request_.*"}')
        answer = ask(self.port, "GET", f"/api/v1/export?match[]={pattern}", timeout=60)
        check(answer.status == 200, f"export: {answer.status} {answer.text}")
        rows = [json.loads(line) for line in answer.text.splitlines()]
        return [(row["metric"], t, v) for row in rows for t, v in zip(row["timestamps"], row["values"])]

    def sums(self, fields):
        out = dict.fromkeys(fields, 0)
        for metric, _, value in self.samples():
            field = metric["__name__"].removeprefix("llm_request_")
            if field in out:
                out[field] += int(value)
        return out


class Peer:
    """Listens where an engine should. `answer`: what it says to each connection; None: nothing, ever."""

    def __init__(self, answer=None):
        self.answer, self.connections, self.open = answer, 0, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self.connections += 1
                self.open.append(connection)
                if self.answer is not None:
                    with contextlib.suppress(OSError):
                        connection.recv(65536)
                        connection.sendall(self.answer)
                        connection.close()

    def close(self):
        self.socket.close()
        for connection in self.open:
            connection.close()
