"""Real ClickHouse servers of Debian (18.16) and their ZooKeeper on loopback, configured by the test."""
import base64
import contextlib
import pathlib
import socket
import urllib.parse

from support.engines import Engine, free_port
from support.harness import ROOT, Failure, Process, ask, check, wait_for

DEPLOY = ROOT / "deploy/clickhouse"
JARS = pathlib.Path("/usr/share/java")
PASSWORD = "secret-clickhouse-0123456789"
USERS = f"""<?xml version="1.0"?>
<yandex>
  <profiles>
    <default><max_memory_usage>800000000</max_memory_usage><max_threads>2</max_threads></default>
    <reading><readonly>1</readonly></reading>
  </profiles>
  <quotas><default/></quotas>
  <users>
    <default><password>{PASSWORD}</password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></default>
    <reader><password>{PASSWORD}</password><networks><ip>::/0</ip></networks><profile>reading</profile><quota>default</quota></reader>
  </users>
</yandex>
"""


class ZooKeeper(Engine):
    """Forgets nothing that it confirmed; the sessions of servers that are gone end after some seconds."""

    def __init__(self, folder):
        super().__init__(folder, "zookeeper")
        (self.folder / "zoo.cfg").write_text(f"""tickTime=500
dataDir={self.folder}/data
clientPort={self.port}
clientPortAddress=127.0.0.1
admin.enableServer=false
maxClientCnxns=0
4lw.commands.whitelist=ruok
""")
        # Its tests' class paths name more than a server needs; log4j and slf4j lie beside it in Debian.
        (self.folder / "log4j.properties").write_text("log4j.rootLogger=WARN, A\nlog4j.appender.A=org.apache.log4j.ConsoleAppender\n"
                                                      "log4j.appender.A.layout=org.apache.log4j.SimpleLayout\n")

    def arguments(self):
        jars = [str(p) for p in sorted(JARS.glob("*.jar"))]
        if not any("zookeeper.jar" in jar for jar in jars):
            raise Failure("zookeeper.jar is missing: install the Debian package zookeeper")
        return ["java", "-Xmx160m", f"-Dlog4j.configuration=file:{self.folder}/log4j.properties", "-cp", ":".join(jars),
                "org.apache.zookeeper.server.quorum.QuorumPeerMain", self.folder / "zoo.cfg"]

    def _ready(self):
        if not self.process.running():
            raise Failure(f"zookeeper ended: {self.process.errors()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(b"ruok")
            return connection.recv(16) == b"imok"
        return False


class ClickHouse(Engine):
    """`zookeeper`: with tables that are replicated, as replica `replica` of shard `shard`. `cluster`: every server of the
    cluster as [[(interserver tcp port, …)]], filled in by Cluster before the start."""
    health = "/ping"

    def __init__(self, folder, name="clickhouse", zookeeper=None, shard=1, replica=1):
        super().__init__(folder, name)
        self.zookeeper, self.shard, self.replica = zookeeper, shard, replica
        self.tcp_port, self.interserver_port = free_port(), free_port()
        self.cluster = []
        (self.folder / "users.xml").write_text(USERS)

    def configure(self):
        more = ""
        if self.zookeeper:
            shards = "".join("<shard><internal_replication>true</internal_replication>" + "".join(
                f"<replica><host>127.0.0.1</host><port>{port}</port><password>{PASSWORD}</password></replica>" for port in ports) + "</shard>"
                for ports in self.cluster)
            more = f"""
  <zookeeper>
    <node><host>127.0.0.1</host><port>{self.zookeeper.port}</port></node>
    <session_timeout_ms>6000</session_timeout_ms>
  </zookeeper>
  <macros><shard>{self.shard}</shard><replica>{self.replica}</replica></macros>
  <remote_servers><sightglass>{shards}</sightglass></remote_servers>"""
        (self.folder / "config.xml").write_text(f"""<?xml version="1.0"?>
<yandex>
  <logger><level>warning</level><log>{self.folder}/log</log><errorlog>{self.folder}/errorlog</errorlog></logger>
  <listen_host>127.0.0.1</listen_host>
  <http_port>{self.port}</http_port>
  <tcp_port>{self.tcp_port}</tcp_port>
  <interserver_http_port>{self.interserver_port}</interserver_http_port>
  <interserver_http_host>127.0.0.1</interserver_http_host>
  <path>{self.folder}/data/</path>
  <tmp_path>{self.folder}/tmp/</tmp_path>
  <users_config>{self.folder}/users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
  <mark_cache_size>33554432</mark_cache_size>
  <max_concurrent_queries>50</max_concurrent_queries>
  <merge_tree><old_parts_lifetime>5</old_parts_lifetime></merge_tree>{more}
</yandex>
""")

    def arguments(self):
        self.configure()
        return ["clickhouse-server", f"--config-file={self.folder}/config.xml"]

    def create(self, table=None):
        """Runs the printed SQL; `table`: with this in place of what it says of the table."""
        sql = (DEPLOY / ("replicated.sql" if self.zookeeper else "single.sql")).read_text()
        if table:
            check(table[0] in sql, f"{table[0]} is not in the printed SQL")
            sql = sql.replace(*table, 1)
        statements = "\n".join(line for line in sql.splitlines() if not line.startswith("--")).split(";")
        for statement in statements:
            if statement.strip():
                self.query(statement)

    def query(self, sql, user="default", **settings):
        """Rows of texts."""
        credentials = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
        path = "/?" + urllib.parse.urlencode(settings)
        answer = ask(self.port, "POST", path, sql.encode(), {"Authorization": f"Basic {credentials}"}, timeout=60)
        check(answer.status == 200, f"{sql}: {answer.status} {answer.text}")
        return [line.split("\t") for line in answer.text.splitlines()]

    def numbers(self, columns, table="sightglass.events", where="1"):
        """The columns' values as integers."""
        return [int(v) for v in self.query(f"SELECT {', '.join(f'toString({c})' for c in columns)} FROM {table} WHERE {where}")[0]]


class Cluster:
    """Shards of replicas with one ZooKeeper. `window`: so many blocks are known again."""

    def __init__(self, folder, shards=2, replicas=2, window=10_000):
        self.window = window
        self.zookeeper = ZooKeeper(folder)
        self.shards = [[ClickHouse(folder, f"clickhouse-{s}{'abc'[r]}", self.zookeeper, s + 1, "abc"[r]) for r in range(replicas)]
                       for s in range(shards)]
        for server in self.servers():
            server.cluster = [[replica.tcp_port for replica in shard] for shard in self.shards]

    def servers(self):
        return [server for shard in self.shards for server in shard]

    def start(self):
        self.zookeeper.start()
        for server in self.servers():
            server.start()
            server.create(("deduplication_window = 10000", f"deduplication_window = {self.window}"))

    def stop(self):
        for engine in [*self.servers(), self.zookeeper]:
            if engine.process and engine.process.running():
                engine.kill()

    def in_step(self):
        """Waits until every replica has every part of its shard."""
        for server in self.servers():
            wait_for(lambda s=server: s.query("SELECT DISTINCT is_readonly, queue_size, absolute_delay FROM system.replicas") == [["0", "0", "0"]], f"{server.name} to have what its shard has", 120, 0.3)
