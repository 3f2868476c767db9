"""The hour: gateways that cut rows into blocks by the rules of src/export/outbox.cc, and shards that take them or not."""
import heapq
import math
import random
from dataclasses import dataclass

from load import DAY_S, Rows, rates, shard_of
from shard import Block, Shard

FIRST_WAIT_S, MOST_WAIT_S = 0.25, 30.0  # after a failure: doubled, half of it at least by chance
RESTART_S = 2.0


@dataclass
class Options:
    gateways: int = 10
    shards: int = 1
    requests_per_s: float = 5.0       # of a gateway, the mean over gateways and the day
    skew: float = 0.8                 # sigma of the lognormal distribution between gateways
    depth: float = 0.6                # of the day's curve
    start_hour: float = 13.5          # of the day, UTC
    hours: float = 1.0
    seed: int = 1
    batch_age: float = 5.0
    batch_rows: int = 20_000
    batch_bytes: int = 8 << 20
    row_bytes: int = 330              # RowBinary, before gzip: docs/clickhouse.md
    journal_row_bytes: int = 600
    quorum: str = "serial"            # serial: one insert at a time waits for it (before 21); parallel; none
    insert_slots: int = 4             # inserts that run beside each other
    insert_s: float = 0.03            # of a block, whatever its size
    row_s: float = 5e-6
    quorum_s: float = 0.08            # until the second replica has it, too
    ask_s: float = 0.012              # of what is asked in doubt
    merge_threads: int = 2
    merge_width: int = 8              # parts that become one
    merge_s: float = 0.03
    merge_rows_per_s: float = 1_000_000
    outage_at: float = -1             # seconds after the beginning: the first shard goes; below 0: never
    outage_s: float = 3_600
    restart_at: float = -1            # every gateway is killed and started

    def most_rows(self):
        """A block is sent when this many wait: by number, or by bytes with the row that passes them."""
        return min(self.batch_rows, math.ceil(self.batch_bytes / self.row_bytes))


class Gateway:
    def __init__(self, rows, shard, seed):
        self.rows, self.shard = rows, shard
        self.chance = random.Random(f"{seed} {rows.name} waits")
        self.block = None
        self.generation = 0        # of its process: what was scheduled for an earlier one does nothing
        self.in_doubt = True       # as after every start
        self.failures = 0
        self.caught_up_at = None
        self.blocks = 0


class Run:
    def __init__(self, options):
        self.options = options
        self.queue, self.order, self.events = [], 0, 0
        self.begin = options.start_hour * 3_600
        self.end = self.begin + options.hours * 3_600
        self.shards = [Shard(i, options, self.schedule) for i in range(options.shards)]
        self.gateways = []
        for i, rate in enumerate(rates(options.gateways, options.requests_per_s, options.skew, options.seed)):
            rows = Rows(f"gw-{i + 1}", rate, options.depth, options.seed)
            self.gateways.append(Gateway(rows, self.shards[shard_of(rows.name, options.shards)], options.seed))
        self.lags, self.block_rows = [], []
        self.failed = {}
        self.most_waiting = 0
        self.back_at, self.watched = None, []

    def schedule(self, time_s, what, *arguments):
        self.order += 1
        heapq.heappush(self.queue, (time_s, self.order, what, arguments))

    def run(self):
        o = self.options
        for gateway in self.gateways:
            gateway.rows.start(self.begin)
            # Gateways were not started at the same moment.
            self.schedule(self.begin + gateway.chance.random() * o.batch_age, self.gather, gateway, 0)
        if o.outage_at >= 0:
            self.schedule(self.begin + o.outage_at, self.lose, self.shards[0])
            self.schedule(self.begin + o.outage_at + o.outage_s, self.bring_back, self.shards[0])
        if o.restart_at >= 0:
            self.schedule(self.begin + o.restart_at, self.kill_all)
        while self.queue and self.queue[0][0] <= self.end:
            now, _, what, arguments = heapq.heappop(self.queue)
            self.events += 1
            what(now, *arguments)
        for gateway in self.gateways:
            gateway.rows.draw(self.end)
        return self

    # -- a gateway ----------------------------------------------------------------------------------

    def gather(self, now, gateway, generation):
        """A batch begins with the first row that waits, or that comes."""
        if generation != gateway.generation:
            return
        began = gateway.rows.next_one(now)
        self.look(began, gateway, generation, began) if began <= now else self.schedule(
            began, self.look, gateway, generation, began)

    def look(self, now, gateway, generation, began):
        """Full, old enough, or over midnight: then the block is cut."""
        if generation != gateway.generation:
            return
        rows, o = gateway.rows, self.options
        rows.draw(now)
        left = o.most_rows() - rows.waiting
        due = began + o.batch_age
        midnight = (rows.oldest() // DAY_S + 1) * DAY_S
        if left <= 0 or now >= due or now >= midnight:
            return self.cut(now, gateway)
        full = now + max(left / rows.rate_at(now), 0.001)
        self.schedule(min(due, midnight, full), self.look, gateway, generation, began)

    def cut(self, now, gateway):
        count, oldest = gateway.rows.take(self.options.most_rows())
        gateway.block = Block(gateway, count, oldest)
        self.block_rows.append(count)
        gateway.blocks += 1
        self.send(now, gateway, gateway.generation)

    def send(self, now, gateway, generation):
        if generation != gateway.generation:
            return
        gateway.shard.submit(now, gateway.block, gateway.in_doubt, lambda t, block, reason: self.answered(t, block, reason, generation))

    def answered(self, now, block, reason, generation):
        gateway = block.gateway
        if generation != gateway.generation:
            return
        if reason is None:
            gateway.in_doubt, gateway.failures, gateway.block = False, 0, None
            self.lags.append(now - block.oldest)
            self.note_caught_up(now, gateway)
            return self.gather(now, gateway, generation)
        self.failed[reason] = self.failed.get(reason, 0) + 1
        gateway.in_doubt = True
        wait = min(MOST_WAIT_S, FIRST_WAIT_S * 2 ** min(gateway.failures, 10))
        gateway.failures += 1
        self.schedule(now + wait * gateway.chance.uniform(0.5, 1), self.send, gateway, generation)

    def note_caught_up(self, now, gateway):
        if self.back_at is None or gateway.caught_up_at is not None:
            return
        gateway.rows.draw(now)
        oldest = gateway.rows.oldest()
        if oldest is None or now - oldest < self.options.batch_age:
            gateway.caught_up_at = now

    # -- what happens to all --------------------------------------------------------------------------

    def lose(self, now, shard):
        shard.down = True

    def bring_back(self, now, shard):
        shard.down = False
        self.watch(now, [g for g in self.gateways if g.shard is shard])

    def watch(self, now, gateways):
        """From now on it counts when each of these has sent what waits."""
        self.back_at, self.watched = now, gateways
        for gateway in gateways:
            gateway.rows.draw(now)
            gateway.caught_up_at = None
        self.most_waiting = max((waiting_of(g) for g in gateways), default=0)

    def kill_all(self, now):
        for gateway in self.gateways:
            gateway.generation += 1
            gateway.in_doubt, gateway.failures = True, 0
            begin = self.gather if gateway.block is None else self.send
            self.schedule(now + RESTART_S, begin, gateway, gateway.generation)
        self.watch(now, self.gateways)

    # -- afterwards -------------------------------------------------------------------------------------

    def catch_up_s(self):
        """From the shard's return, or the gateways' end, until the last one had sent everything but its newest batch; None:
        not within the time that was simulated."""
        times = [g.caught_up_at for g in self.watched]
        return None if not times or None in times else max(times) - self.back_at

    def figures(self):
        o, lags, blocks = self.options, sorted(self.lags) or [0.0], sorted(self.block_rows) or [0]
        seconds = o.hours * 3_600
        most, least = (f(self.shards, key=lambda s: s.rows) for f in (max, min))
        made, there = sum(g.rows.made for g in self.gateways), sum(s.rows for s in self.shards)
        counts = [sum(g.shard is s for g in self.gateways) for s in self.shards]
        tries = len(self.lags) + sum(self.failed.values())
        windows = [s.shortest_window for s in self.shards if s.shortest_window is not None]
        catch_up = self.catch_up_s()
        return {
            "gateways": o.gateways, "shards": o.shards, "batch_age_s": o.batch_age, "quorum": o.quorum,
            "rows_made": made, "rows_there": there, "rows_waiting": sum(waiting_of(g) for g in self.gateways),
            "rows_per_s": made / seconds, "gateways_least": min(counts), "gateways_most": max(counts),
            "rows_share_most": most.rows / max(1, there) * o.shards, "rows_share_least": least.rows / max(1, there) * o.shards,
            "blocks_per_s_most": max(s.blocks for s in self.shards) / seconds, "block_rows_p50": blocks[len(blocks) // 2],
            "lag_p50_s": lags[len(lags) // 2], "lag_p99_s": lags[int(len(lags) * 0.99)], "lag_most_s": lags[-1],
            "refused": sum(self.failed.values()) / max(1, tries), "failed": dict(sorted(self.failed.items())),
            "parts_most": max(s.most_parts for s in self.shards), "merges": sum(s.merges for s in self.shards),
            "merged_rows_per_s": sum(s.merged_rows for s in self.shards) / seconds / o.shards,
            "queries_most": max(s.most_queries for s in self.shards), "questions": sum(s.questions for s in self.shards),
            "window_minutes": min(windows) / 60 if windows else None, "waiting_most": self.most_waiting,
            "journal_mib_most": self.most_waiting * o.journal_row_bytes / 2**20, "catch_up_s": catch_up, "events": self.events}


def waiting_of(gateway):
    """Rows in the journal that the engine has not confirmed."""
    block = gateway.block
    return gateway.rows.waiting + (block.rows if block is not None and block.state != "there" else 0)
