"""What the gateways share beside ClickHouse: Redis' questions, one after the other; the view of what runs; PostgreSQL's rows
of an hour; Prometheus' series."""
import bisect
import collections
import heapq
import itertools
import random
from dataclasses import dataclass

from load import day_curve, poisson, rates

MOST_ASKED = 128           # requests of one client that one question is about: src/control/account_shared.cc
TELL_S = 0.010             # after a request's end: src/redis/limits.cc
MOST_LISTED, LONGEST_LISTING = 500, 48 << 10  # src/live/listing.h
MOST_HEARD, MOST_READ = 1_000, 128            # src/redis/board.h
MOST_DRAWN = 100  # gateways of which names are drawn; what they have counts for all


@dataclass
class SharedOptions:
    clients: int = 0             # with limits; 0: as many as gateways, 20 at least
    gateways_of_client: int = 0  # that one client's requests go to; 0: all
    redis_seconds: float = 10.0  # simulated question by question
    script_us: float = 15.0      # of a question, and for each gateway that has said something of the client
    script_us_gateway: float = 37.5  # limits by the minute, used in every second; by money alone 50 and 1.75
    link_us: float = 60.0        # the way there and back, and both event loops
    redis_timeout_s: float = 0.020
    redis_bytes: int = 2_200     # of memory for a gateway and client; by money alone 320
    request_s: float = 8.0       # a request runs so long, on average
    listing_row_bytes: int = 90
    name_bytes: int = 48         # of a gateway in the answer to an exchange
    models: int = 5
    outcomes: int = 3
    pg_row_bytes: int = 200
    base_series: int = 370       # of a gateway without requests
    model_series: int = 56       # more with each model that was asked
    client_series: int = 3
    series_bytes: int = 96       # of a line of a scrape
    scrape_s: float = 15.0

    def of(self, gateways):
        """(clients, gateways of each)."""
        return self.clients or max(20, gateways), min(self.gateways_of_client or gateways, gateways)


def zipf(count):
    weights = [1 / (i + 1) for i in range(count)]
    return [w / sum(weights) for w in weights]


class Pair:
    """One client at one gateway: one question at a time is on its way."""
    __slots__ = ("waiting", "asking", "tell")

    def __init__(self):
        self.waiting, self.asking, self.tell = [], False, False


class Redis:
    """One server that answers one question after the other."""

    def __init__(self, run, options):
        self.options = options
        self.rng = random.Random(f"{run.seed} redis")
        clients, self.spread = options.of(run.gateways)
        self.first = [self.rng.randrange(run.gateways) for _ in range(clients)]
        self.gateways = run.gateways
        self.weights = list(itertools.accumulate(zipf(clients)))
        self.rate = run.requests_per_s * run.gateways * day_curve(run.start_hour * 3_600 + 1_800, run.depth)
        self.pairs = collections.defaultdict(Pair)
        self.cost_s = (options.script_us + options.script_us_gateway * self.spread) / 1e6
        self.free_at = self.busy_s = 0.0
        self.questions = self.requests = self.alone = 0
        self.waits, self.events, self.order = [], [], 0

    def at(self, time_s, what, *arguments):
        self.order += 1
        heapq.heappush(self.events, (time_s, self.order, what, arguments))

    def run(self):
        self.at(self.rng.expovariate(self.rate), self.arrive)
        while self.events and self.events[0][0] <= self.options.redis_seconds:
            now, _, what, arguments = heapq.heappop(self.events)
            what(now, *arguments)
        return self

    def arrive(self, now):
        self.at(now + self.rng.expovariate(self.rate), self.arrive)
        client = min(bisect.bisect_left(self.weights, self.rng.random()), len(self.weights) - 1)
        gateway = (self.first[client] + self.rng.randrange(self.spread)) % self.gateways
        pair = self.pairs[client, gateway]
        self.requests += 1
        pair.waiting.append(now)
        self.ask(now, pair)

    def ended(self, now, pair):
        pair.tell = True
        self.at(now + TELL_S, self.ask, pair)

    def ask(self, now, pair):
        if pair.asking or not (pair.waiting or pair.tell):
            return
        asked, pair.waiting = pair.waiting[:MOST_ASKED], pair.waiting[MOST_ASKED:]
        pair.asking, pair.tell = True, False
        self.questions += 1
        begins = max(now + self.options.link_us / 2e6, self.free_at)
        self.free_at = begins + self.cost_s
        self.busy_s += self.cost_s
        answer = self.free_at + self.options.link_us / 2e6
        self.at(min(answer, now + self.options.redis_timeout_s), self.answered, pair, asked, answer - now > self.options.redis_timeout_s)

    def answered(self, now, pair, asked, late):
        pair.asking = False
        for began in asked:
            self.waits.append(now - began)
            self.alone += late
            self.at(now + self.rng.expovariate(1 / self.options.request_s), self.ended, pair)
        self.ask(now, pair)

    def figures(self):
        ordered = sorted(self.waits) or [0.0]
        clients, spread = self.options.of(self.gateways)
        return {"requests_per_s": self.requests / self.options.redis_seconds,
                "questions_per_s": self.questions / self.options.redis_seconds,
                "question_us": self.cost_s * 1e6, "load": self.busy_s / self.options.redis_seconds,
                "wait_p50_ms": 1e3 * ordered[len(ordered) // 2], "wait_p99_ms": 1e3 * ordered[int(len(ordered) * 0.99)],
                "decided_alone": self.alone / max(1, len(self.waits)),
                "memory_mib": clients * spread * self.options.redis_bytes / 2**20}


def view(run, options, seconds=60):
    """The requests in flight, told once a second by each gateway."""
    rng = random.Random(f"{run.seed} view")
    each = rates(run.gateways, run.requests_per_s, run.skew, run.seed)
    curve = day_curve(run.start_hour * 3_600 + 1_800, run.depth)
    told = cut = rows = 0
    largest = 0
    for _ in range(seconds):
        for rate in each:
            running = poisson(rng, rate * curve * options.request_s)
            listed = min(running, MOST_LISTED, LONGEST_LISTING // options.listing_row_bytes)
            cut += running > listed
            rows += running
            told += 40 + listed * options.listing_row_bytes
            largest = max(largest, running)
    names = run.gateways * (min(run.gateways, MOST_HEARD) - 1) * options.name_bytes
    return {"in_flight": rows / seconds, "largest_gateway": largest, "listings_cut": cut / seconds / run.gateways,
            "told_kib_per_s": told / seconds / 1024, "names_kib_per_s": names / 1024,
            "read_kib_per_s": min(run.gateways, MOST_READ) / run.gateways * told / seconds / 1024}


def seen(rng, count, weights):
    """How many of these names come up in so many draws, each name by itself."""
    return sum(poisson(rng, count * weight) > 0 for weight in weights)


def names_of_an_hour(run, options, made):
    """What PostgreSQL and Prometheus get of an hour in which the gateways had so many requests: rows and series only of what came up."""
    rng = random.Random(f"{run.seed} names")
    clients, spread = options.of(run.gateways)
    models, outcomes = zipf(options.models), [0.95, 0.04, 0.01, 0.001, 0.0005][:options.outcomes]
    of_gateway = max(1, round(clients * spread / run.gateways))
    products = [c * m * o for c in zipf(of_gateway) for m in models for o in outcomes]
    drawn = made[::-(-len(made) // MOST_DRAWN)]  # gateways are alike but for how much they have, and that is by chance
    rows = series = commits = 0
    for count in drawn:
        rows += seen(rng, count, products)
        series += options.base_series + options.model_series * seen(rng, count, models)
        series += options.client_series * seen(rng, count, zipf(of_gateway))
        commits += sum(poisson(rng, count / 3_600) > 0 for _ in range(60)) / 60
    rows, series, commits = (round(n * len(made) / len(drawn)) for n in (rows, series, commits))
    return {"rows_per_hour": rows, "mib_per_day": rows * options.pg_row_bytes * 24 / 2**20, "commits_per_s": commits,
            "connections": run.gateways}, {
        "series": series, "samples_per_s": series / options.scrape_s, "scrape_kib": series / run.gateways * options.series_bytes / 1024,
        "scraped_kib_per_s": series * options.series_bytes / options.scrape_s / 1024}
