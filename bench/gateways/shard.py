"""One shard of ClickHouse: inserts that run beside each other, the quorum, parts and their merges."""
import collections

# ClickHouse's own rules, with the defaults of 18.16; the settings of MergeTree bear these names.
PARTS_TO_DELAY, PARTS_TO_THROW, MOST_DELAY_S = 150, 300, 1.0
DEDUPLICATION_WINDOW = 10_000
MOST_QUERIES = 100  # max_concurrent_queries


class Block:
    """`state`: new, running, there. A block that runs goes on although its gateway was killed."""
    __slots__ = ("gateway", "rows", "oldest", "state")

    def __init__(self, gateway, rows, oldest):
        self.gateway, self.rows, self.oldest, self.state = gateway, rows, oldest, "new"


class Shard:
    """Answers a block by calling `answer(time, block, reason)`; the reason is None where the block is there."""

    def __init__(self, number, options, schedule):
        self.number, self.options, self.schedule = number, options, schedule
        self.down = False
        self.waiting = collections.deque()  # inserts and questions that no slot is free for
        self.busy_slots, self.queries = 0, 0
        self.quorum_held = False
        self.tiers = collections.defaultdict(list)  # rows of each part that is not being merged, by how often it was merged
        self.parts, self.merging = 0, 0
        self.rows = self.blocks = self.merges = self.refused_parts = self.collisions = self.too_many = self.questions = 0
        self.most_parts = self.most_queries = 0
        self.recent, self.shortest_window = collections.deque(), None
        self.merged_rows, self.delayed = 0, 0

    # -- inserts ------------------------------------------------------------------------------------

    def submit(self, now, block, in_doubt, answer):
        if self.down:
            return self.schedule(now, answer, block, "connect")
        if self.queries >= MOST_QUERIES:
            self.too_many += 1
            return self.schedule(now, answer, block, "busy")
        self.queries += 1
        self.most_queries = max(self.most_queries, self.queries)
        self.waiting.append((block, in_doubt, answer))
        self._next(now)

    def _next(self, now):
        while self.waiting and self.busy_slots < self.options.insert_slots:
            block, in_doubt, answer = self.waiting.popleft()
            self.busy_slots += 1
            if in_doubt:
                self.questions += 1
                self.schedule(now + self.options.ask_s, self._asked, block, answer)
            else:
                self._begin(now, block, answer)

    def _asked(self, now, block, answer):
        if block.state == "there":
            return self._end(now, block, None, answer)
        if block.state == "running":
            return self._end(now, block, "busy", answer)
        self._begin(now, block, answer)

    def _begin(self, now, block, answer):
        if self.down:
            return self._end(now, block, "connect", answer)
        if self.quorum_held:
            self.collisions += 1
            return self._end(now, block, "quorum", answer)
        if self.parts >= PARTS_TO_THROW:
            self.refused_parts += 1
            return self._end(now, block, "parts", answer)
        wait = 0.0
        if self.parts >= PARTS_TO_DELAY:  # grows to a second as the limit comes near
            self.delayed += 1
            wait = (1_000 * MOST_DELAY_S) ** ((1 + self.parts - PARTS_TO_DELAY) / (1 + PARTS_TO_THROW - PARTS_TO_DELAY)) / 1_000
        block.state = "running"
        self.schedule(now + wait + self.options.insert_s + block.rows * self.options.row_s, self._written, block, answer)

    def _written(self, now, block, answer):
        if self.down or (self.options.quorum == "serial" and self.quorum_held):
            block.state = "new"
            self.collisions += not self.down
            return self._end(now, block, "connect" if self.down else "quorum", answer)
        if self.options.quorum == "none":
            return self._commit(now, block, answer)
        self.quorum_held = self.options.quorum == "serial"
        self.schedule(now + self.options.quorum_s, self._confirmed, block, answer)

    def _confirmed(self, now, block, answer):
        self.quorum_held = False
        self._commit(now, block, answer)

    def _commit(self, now, block, answer):
        block.state = "there"
        self.rows += block.rows
        self.blocks += 1
        self.recent.append(now)
        if len(self.recent) > DEDUPLICATION_WINDOW:
            covered = now - self.recent.popleft()
            self.shortest_window = covered if self.shortest_window is None else min(covered, self.shortest_window)
        self._add_part(now, 0, block.rows)
        self._end(now, block, None, answer)

    def _end(self, now, block, reason, answer):
        self.busy_slots -= 1
        self.queries -= 1
        answer(now, block, reason)
        self._next(now)

    # -- merges -------------------------------------------------------------------------------------

    def _add_part(self, now, tier, rows):
        self.parts += 1
        self.tiers[tier].append(rows)
        self._merge(now)
        self.most_parts = max(self.most_parts, self.parts)

    def _merge(self, now):
        """Small parts first, so many of about one size at once."""
        width = self.options.merge_width
        for tier in sorted(self.tiers):
            while len(self.tiers[tier]) >= width and self.merging < self.options.merge_threads:
                rows = sum(self.tiers[tier][:width])
                del self.tiers[tier][:width]
                took = self.options.merge_s + rows / self.options.merge_rows_per_s
                if took <= 0:
                    self._merged_at_once(now, tier, rows)
                    continue
                self.merging += 1
                self.schedule(now + took, self._merged, tier, rows)

    def _merged_at_once(self, now, tier, rows):
        self.parts -= self.options.merge_width
        self.merges += 1
        self.merged_rows += rows
        self._add_part(now, tier + 1, rows)

    def _merged(self, now, tier, rows):
        self.merging -= 1
        self._merged_at_once(now, tier, rows)
