"""A real redis-server with Debian's configuration on a port of its own, and what only seems to be one."""
import pathlib
import socket
import subprocess
import threading

from support.harness import Failure, wait_for

DEBIAN = pathlib.Path("/etc/redis/redis.conf")


class Redis:
    """Started as Debian does, but for the port, the folder and who watches it."""

    def __init__(self, folder, *more):
        self.folder = folder / "redis"
        self.folder.mkdir(exist_ok=True)
        self.more = more
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.child = None
        self.start()

    def start(self):
        try:
            given = [str(DEBIAN)] if DEBIAN.read_bytes() else []
        except OSError:  # not readable for everybody: what is built in is the same where it matters
            given = []
        words = ["redis-server", *given, "--port", str(self.port), "--bind", "127.0.0.1", "--daemonize", "no",
                 "--supervised", "no", "--dir", str(self.folder), "--logfile", str(self.folder / "log"),
                 "--pidfile", str(self.folder / "pid"), *self.more]
        try:
            self.child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except FileNotFoundError:
            raise Failure("redis-server is missing: install the Debian package redis-server") from None
        wait_for(lambda: self.child.poll() is not None or self.answers(), "redis-server")
        if self.child.poll() is not None:
            raise Failure(f"redis-server ended: {(self.folder / 'log').read_text()[-2000:]}")

    def kill(self):
        if self.child and self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def answers(self):
        try:
            return self.say("PING") is not None
        except OSError:
            return False

    def say(self, *words):
        """One command by hand; the answer's bytes as they come first."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            text = f"*{len(words)}\r\n" + "".join(f"${len(w)}\r\n{w}\r\n" for w in words)
            connection.sendall(text.encode())
            return connection.recv(1 << 20)


class Pretender:
    """Takes connections at a port and says what it is told to, or nothing."""

    def __init__(self, answer=b""):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.answer = answer
        self.calls = 0
        self.open = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(connection)
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        try:
            while connection.recv(65536):
                self.calls += 1
                if self.answer:
                    connection.sendall(self.answer)
        except OSError:
            pass

    def kill(self):
        self.listener.close()
        for connection in self.open:
            connection.close()
