"""A real PostgreSQL on a port and in a folder of its own, with the tables and roles of deploy/postgres."""
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

from support.engines import free_port
from support.harness import ROOT, Failure, check, wait_for

PASSWORD = "hush-writer-0123456789"


def program(name):
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not found:
        raise Failure(f"{name} is missing: install the Debian package postgresql-15")
    return found[-1]


def children_of(process):
    """Whose parent it is, by /proc: {id: when it began}."""
    out = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent, *rest = path.read_text().rpartition(")")[2].split()
            if state != "Z" and int(parent) == process:
                out[int(path.parent.name)] = rest[17]
    return out


def lives(process, began):
    with contextlib.suppress(OSError):
        state, _, *rest = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return state != "Z" and rest[17] == began
    return False


class Postgres:
    """The superuser `owner` needs no password on loopback, `writer` and `reader` theirs. Where the test runs as
    root the server runs as the user postgres, since it refuses to be root."""

    def __init__(self, tables=True):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sightglass-pg-"))
        self.port = free_port()
        self.other = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.other = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.child = None
        self._run(program("initdb"), "-D", self.folder / "data", "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        self._write("pg_hba.conf", "host all owner 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        self._write("postgresql.conf", f"listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nport = {self.port}\n"
                                       "max_connections = 20\nshared_buffers = 16MB\n")
        self.start()
        if tables:
            self.make_tables()

    def make_tables(self):
        for name in ("schema.sql", "roles.sql", "clients.sql"):
            self.say((ROOT / "deploy/postgres" / name).read_text())
        for user, role in (("writer", "sightglass_writer"), ("reader", "sightglass_reader"), ("keeper", "sightglass_registry")):
            self.say(f"do $$ begin if not exists (select from pg_roles where rolname = '{user}') then "
                     f"create role {user} login password '{PASSWORD}'; end if; end $$; grant {role} to {user}")

    def _run(self, *words):
        done = subprocess.run([str(w) for w in words], capture_output=True, text=True, cwd=self.folder, **self.other)
        check(done.returncode == 0, f"{words[0]}: {done.stdout}{done.stderr}")

    def _write(self, name, text):
        path = self.folder / "data" / name
        path.write_text(text)
        if self.other:
            os.chown(path, self.other["user"], self.other["group"])

    def start(self):
        log = open(self.folder / "log", "ab")
        self.child = subprocess.Popen([str(program("postgres")), "-D", str(self.folder / "data")], stdout=log, stderr=log,
                                      stdin=subprocess.DEVNULL, cwd=self.folder, **self.other)
        log.close()
        wait_for(lambda: self.child.poll() is not None or self._answers(), "PostgreSQL", pause_s=0.1)
        check(self.child.poll() is None, f"PostgreSQL ended: {(self.folder / 'log').read_text()[-2000:]}")

    def _answers(self):
        return self._psql("owner", "postgres", "select 1").returncode == 0

    def kill(self):
        """SIGKILL to all of it: what was committed must be there afterwards. The next start refuses to share the
        memory of one that still lives."""
        if self.child is None or self.child.poll() is not None:
            return
        self.child.send_signal(signal.SIGSTOP)  # so that it starts no further ones
        children = children_of(self.child.pid)
        self.child.kill()
        self.child.wait()
        for process in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        wait_for(lambda: not any(lives(p, began) for p, began in children.items()), "PostgreSQL's children to end")

    def signal(self, which):
        """To all of it: SIGSTOP makes a server that takes connections and answers nothing."""
        for process in [self.child.pid, *children_of(self.child.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, which)

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _psql(self, user, database, sql):
        return subprocess.run([str(program("psql")), "-X", "-q", "-A", "-t", "-F", "|", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1",
                               "-p", str(self.port), "-U", user, "-d", database, "-f", "-"], input=sql,
                              capture_output=True, text=True, timeout=120,
                              env={**os.environ, "PGPASSWORD": PASSWORD, "PGCONNECT_TIMEOUT": "10"})

    def say(self, sql, user="owner", database="postgres"):
        """Its rows, each a list of texts."""
        done = self._psql(user, database, sql)
        check(done.returncode == 0, f"{sql[:200]}: {done.stderr}")
        return [line.split("|") for line in done.stdout.splitlines()]

    def refusal(self, sql, user):
        done = self._psql(user, "postgres", sql)
        check(done.returncode != 0, f"{user} may: {sql}")
        return done.stderr

    def everything(self):
        """All that the tables and the view hold, as text."""
        tables = ("hourly_usage", "gateway_marks", "schema_version", "hourly_report")
        return "\n".join("|".join(row) for table in tables for row in self.say(f"select * from sightglass.{table}"))
