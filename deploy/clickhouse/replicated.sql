-- The table of rows on a cluster of shards with replicas, 18.16 or later; run it on each server.
--   clickhouse-client --multiquery < deploy/clickhouse/replicated.sql
-- Each server's configuration has the macros {shard} and {replica}, ZooKeeper (or Keeper), and under
-- remote_servers a cluster `sightglass` with internal_replication (deploy/clickhouse/cluster.xml). Sightglass writes to
-- `events` of one shard itself and never through `events_all`, which is for questions.
CREATE DATABASE IF NOT EXISTS sightglass;

CREATE TABLE IF NOT EXISTS sightglass.events (
    gateway String,
    pos UInt64,
    accept_date Date,
    accept_time_ns Int64,
    event_time DateTime,
    event_time_ns Int64,
    event_type String,
    level String,
    terminal UInt8,
    request_id Nullable(String),
    endpoint Nullable(String),
    provider Nullable(String),
    client Nullable(String),
    key Nullable(String),
    model Nullable(String),
    model_requested Nullable(String),
    model_upstream Nullable(String),
    user_id Nullable(String),
    session_id Nullable(String),
    outcome Nullable(String),
    error_type Nullable(String),
    usage_state Nullable(String),
    unpriced_reason Nullable(String),
    is_streaming Nullable(UInt8),
    ingested Nullable(UInt8),
    status_code Nullable(Int64),
    upstream_status Nullable(Int64),
    attempts Nullable(Int64),
    input_tokens Nullable(Int64),
    cache_read_tokens Nullable(Int64),
    cache_write_5m_tokens Nullable(Int64),
    cache_write_1h_tokens Nullable(Int64),
    output_tokens Nullable(Int64),
    reasoning_tokens Nullable(Int64),
    total_tokens Nullable(Int64),
    cost_nanousd Nullable(Int64),
    latency_us Nullable(Int64),
    first_event_us Nullable(Int64),
    first_content_us Nullable(Int64),
    upstream_us Nullable(Int64),
    overhead_us Nullable(Int64),
    start_time_ns Nullable(Int64),
    request_bytes Nullable(Int64),
    response_bytes Nullable(Int64),
    tool_calls Nullable(Int64),
    flags Nested(name String, value UInt8),
    ints Nested(name String, value Int64),
    doubles Nested(name String, value Float64),
    texts Nested(name String, value String)
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/sightglass/events', '{replica}')
-- By the day or the month (toYYYYMM) of acceptance: no block spans two days, so that each is there whole or not at all.
PARTITION BY toYYYYMM(accept_date)
ORDER BY (toStartOfHour(event_time), gateway, pos)
-- A block that comes again is ignored while it is among the last so many, of whatever gateway.
SETTINGS replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS sightglass.events_all AS sightglass.events
ENGINE = Distributed(sightglass, sightglass, events);

-- Sums by the hour, which are kept when rows are not. Several rows make up an hour: each block of a gateway adds its own.
CREATE TABLE IF NOT EXISTS sightglass.hourly (
    gateway String,
    pos UInt64,
    accept_date Date,
    accept_time_ns Int64,
    hour DateTime,
    client String,
    provider String,
    model String,
    outcome String,
    requests UInt64,
    errors UInt64,
    unpriced_requests UInt64,
    timed_requests UInt64,
    input_tokens Decimal(38, 0),
    cache_read_tokens Decimal(38, 0),
    cache_write_5m_tokens Decimal(38, 0),
    cache_write_1h_tokens Decimal(38, 0),
    output_tokens Decimal(38, 0),
    total_tokens Decimal(38, 0),
    cost_nanousd Decimal(38, 0),
    latency_us Decimal(38, 0),
    latency_max_us Int64,
    latency Nested(bucket Int32, count UInt64)
) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/sightglass/hourly', '{replica}')
PARTITION BY toYYYYMM(accept_date)
ORDER BY (hour, gateway, pos)
SETTINGS replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS sightglass.hourly_all AS sightglass.hourly
ENGINE = Distributed(sightglass, sightglass, hourly);

CREATE TABLE IF NOT EXISTS sightglass.schema_version (version UInt32) ENGINE = MergeTree ORDER BY version;
INSERT INTO sightglass.schema_version VALUES (1);
