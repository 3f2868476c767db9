-- Sightglass: requests as sums by the hour. Version 1.
--
--   createdb sightglass
--   psql -v ON_ERROR_STOP=1 -d sightglass -f schema.sql -f roles.sql
--
-- May be run again. Run it as the user who is to own the tables; Sightglass itself needs no right to
-- create anything. A gateway refuses to write to tables of another version.

begin;

create schema if not exists sightglass;
comment on schema sightglass is 'Sums of LLM requests, written by Sightglass gateways.';

create table if not exists sightglass.schema_version (
  version  integer not null,
  only_row boolean primary key default true check (only_row)
);
comment on table sightglass.schema_version is 'One row: the version of these tables.';
insert into sightglass.schema_version (version) values (1) on conflict do nothing;

create table if not exists sightglass.hourly_usage (
  hour                  timestamptz not null,
  gateway               text not null,
  client                text not null,
  provider              text not null,
  model                 text not null,
  outcome               text not null,
  requests              bigint  not null default 0,
  errors                bigint  not null default 0,
  input_tokens          numeric not null default 0,
  cache_read_tokens     numeric not null default 0,
  cache_write_5m_tokens numeric not null default 0,
  cache_write_1h_tokens numeric not null default 0,
  output_tokens         numeric not null default 0,
  total_tokens          numeric not null default 0,
  cost_nanousd          numeric not null default 0,
  unpriced_requests     bigint  not null default 0,
  timed_requests        bigint  not null default 0,
  latency_us            numeric not null default 0,
  latency_max_us        bigint  not null default 0,
  primary key (hour, gateway, client, provider, model, outcome)
);
comment on table  sightglass.hourly_usage is
  'A row for each hour, gateway, client, provider, model and outcome that had requests. Every number is a sum (but latency_max_us), so that rows may be added up in any way. An hour changes as long as requests of it arrive, also late ones. Holds no person, session, group or request.';
comment on column sightglass.hourly_usage.hour is 'Its beginning; a request counts in the hour in which it ended.';
comment on column sightglass.hourly_usage.gateway is 'gateway.id of the configuration, else the id of the gateway''s data folder.';
comment on column sightglass.hourly_usage.client is 'The client''s id as an administrator named it; anonymous where the request came without one.';
comment on column sightglass.hourly_usage.provider is 'The provider''s id of the configuration; empty where none was chosen.';
comment on column sightglass.hourly_usage.model is 'The model''s name as the provider knows it; empty where the request named none.';
comment on column sightglass.hourly_usage.outcome is 'ok, error, timeout, client_gone, rejected, interrupted.';
comment on column sightglass.hourly_usage.requests is 'Requests that ended.';
comment on column sightglass.hourly_usage.errors is 'Of them with outcome error or timeout.';
comment on column sightglass.hourly_usage.input_tokens is 'Input that no cache had. The five kinds of tokens are disjoint.';
comment on column sightglass.hourly_usage.cache_read_tokens is 'Input read from a cache.';
comment on column sightglass.hourly_usage.cache_write_5m_tokens is 'Input written to a cache for five minutes.';
comment on column sightglass.hourly_usage.cache_write_1h_tokens is 'Input written to a cache for an hour.';
comment on column sightglass.hourly_usage.output_tokens is 'Output, with what was spent on reasoning.';
comment on column sightglass.hourly_usage.total_tokens is 'The five kinds together.';
comment on column sightglass.hourly_usage.cost_nanousd is 'Known cost in 10^-9 US dollars.';
comment on column sightglass.hourly_usage.unpriced_requests is 'Requests whose cost is not known; they are not in cost_nanousd.';
comment on column sightglass.hourly_usage.timed_requests is 'Requests whose latency is known.';
comment on column sightglass.hourly_usage.latency_us is 'Sum of their latencies, first byte read to last byte written.';
comment on column sightglass.hourly_usage.latency_max_us is 'The longest of them.';

create table if not exists sightglass.gateway_marks (
  gateway     text not null,
  journal     text not null,
  accepted_ns bigint not null default 0,
  pos         bigint not null default 0,
  as_of       timestamptz,
  primary key (gateway, journal)
);
comment on table  sightglass.gateway_marks is
  'How far each gateway''s journal is in hourly_usage. It moves in the transaction that adds the sums; removing a row makes the gateway''s next requests count from anew.';
comment on column sightglass.gateway_marks.gateway is 'As in hourly_usage.';
comment on column sightglass.gateway_marks.journal is 'The id of the gateway''s data folder.';
comment on column sightglass.gateway_marks.accepted_ns is 'When the last request in the sums was recorded, Unix nanoseconds.';
comment on column sightglass.gateway_marks.pos is 'Its position in the journal.';
comment on column sightglass.gateway_marks.as_of is 'accepted_ns as a time: everything that this gateway recorded before is in the sums.';

create or replace view sightglass.hourly_report as
  select hour, gateway, client, provider, model, outcome, requests, errors,
         input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, total_tokens,
         cost_nanousd / 1000000000 as cost_usd, unpriced_requests,
         round(latency_us / nullif(timed_requests, 0) / 1000, 3) as latency_avg_ms,
         latency_max_us::numeric / 1000 as latency_max_ms
  from sightglass.hourly_usage;
comment on view sightglass.hourly_report is
  'hourly_usage in dollars and milliseconds. Averages of rows cannot be added up: sum latency_us and timed_requests of hourly_usage instead.';

commit;
