"""What comes in: how many requests each gateway has, and when. All chance is drawn from random.Random by name, so that a
seed gives the same hour on every machine."""
import collections
import hashlib
import math
import random

DAY_S = 86_400


def shard_of(gateway, shards):
    """As src/export/clickhouse.cc: the shard whose number gives the greatest first eight bytes of SHA-256("<gateway>#<number>")."""
    return max(range(shards), key=lambda i: hashlib.sha256(f"{gateway}#{i + 1}".encode()).digest()[:8])


def poisson(rng, mean):
    """Knuth's product below 30; the rounded normal distribution above, within 1 % of it there."""
    if mean <= 0:
        return 0
    if mean > 30:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def day_curve(time_s, depth):
    """Around 1 over a day: the least at 02:00, the most at 14:00."""
    return 1 + depth * math.cos(2 * math.pi * (time_s % DAY_S / DAY_S - 14 / 24))


def rates(gateways, mean, skew, seed):
    """Requests a second of each, over the day. Lognormal, as traffic of tenants is: a few have most; `skew` is its sigma. They
    come to gateways × mean together, whatever was drawn."""
    rng = random.Random(f"{seed} rates")
    drawn = [math.exp(rng.gauss(0, skew)) for _ in range(gateways)]
    return [mean * gateways * one / sum(drawn) for one in drawn]


class Rows:
    """Rows that one gateway has made and that still wait in its journal, by when they came. Rows are drawn for a stretch of time
    at once, which has the same distribution as one after the other."""

    def __init__(self, name, rate, depth, seed):
        self.name, self.rate, self.depth = name, rate, depth
        self.rng = random.Random(f"{seed} {name}")
        self.chunks = collections.deque()  # [from, to, rows], none over midnight
        self.waiting, self.made, self.until = 0, 0, 0.0

    def rate_at(self, time_s):
        return self.rate * day_curve(time_s, self.depth)

    def start(self, time_s):
        self.until = time_s

    def draw(self, time_s):
        """Everything that came up to this time. The curve changes little within an hour, in which a stretch is cut."""
        while self.until < time_s:
            end = min(time_s, self.until + 3_600, (self.until // DAY_S + 1) * DAY_S)
            count = poisson(self.rng, self.rate_at((self.until + end) / 2) * (end - self.until))
            self._add(self.until, end, count)
            self.until = end

    def next_one(self, time_s):
        """When the next row comes if none waits; it is there then."""
        self.draw(time_s)
        if self.waiting:
            return time_s
        came = time_s + self.rng.expovariate(self.rate_at(time_s))
        self._add(came, came, 1)
        self.until = came
        return came

    def _add(self, begin, end, count):
        if count:
            self.chunks.append([begin, end, count])
            self.waiting += count
            self.made += count

    def oldest(self):
        return self.chunks[0][0] if self.chunks else None

    def take(self, most):
        """The oldest rows, `most` at most, all of one day: (how many, when the first came)."""
        oldest, taken = self.chunks[0][0], 0
        day = oldest // DAY_S
        while self.chunks and taken < most and self.chunks[0][0] // DAY_S == day:
            begin, end, count = self.chunks[0]
            part = min(count, most - taken)
            if part == count:
                self.chunks.popleft()
            else:
                self.chunks[0] = [begin + (end - begin) * part / count, end, count - part]
            taken += part
        self.waiting -= taken
        return taken, oldest
