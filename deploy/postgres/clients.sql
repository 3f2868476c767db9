-- Sightglass: the clients of several gateways. Version 1. Apart from the sums of schema.sql: either may
-- stand without the other, in one database or in two.
--
--   psql -v ON_ERROR_STOP=1 -d sightglass -f clients.sql
--   create role gateways login in role sightglass_registry;    -- and \password gateways
--
-- May be run again. Run it as the user who is to own the tables, who may create roles. A gateway creates
-- nothing and refuses tables of another version.

begin;

do $$
begin
  if not exists (select from pg_roles where rolname = 'sightglass_registry') then
    create role sightglass_registry nologin;
  end if;
end
$$;

create schema if not exists sightglass_clients;
comment on schema sightglass_clients is 'Who may use Sightglass gateways. Holds hashes of keys, never keys.';

create table if not exists sightglass_clients.registry (
  only_row boolean primary key default true check (only_row),
  version  integer not null,
  registry text    not null default md5(random()::text || clock_timestamp()::text),
  revision bigint  not null default 0,
  token    text    not null default ''
);
comment on table  sightglass_clients.registry is 'One row, which each change locks: so revisions are committed in their order.';
comment on column sightglass_clients.registry.version is 'Of these tables.';
comment on column sightglass_clients.registry.registry is 'Tells this registry from one that was made anew.';
comment on column sightglass_clients.registry.revision is 'Number of the last change.';
comment on column sightglass_clients.registry.token is 'Of that change; random, as in changes.';
insert into sightglass_clients.registry (version) values (1) on conflict do nothing;

create table if not exists sightglass_clients.clients (
  client_id           text   primary key,
  description         text   not null,
  allowed_providers   text   not null,
  allowed_models      text   not null,
  created_ns          bigint not null,
  expires_ns          bigint not null,
  requests_per_minute bigint not null,
  tokens_per_minute   bigint not null,
  parallel_requests   bigint not null,
  nanousd_per_hour    bigint not null,
  nanousd_per_day     bigint not null,
  nanousd_per_month   bigint not null,
  removed_ns          bigint not null default 0,
  revision            bigint not null
);
comment on table  sightglass_clients.clients is 'A row for each client that the admin API of a gateway made, deleted ones too.';
comment on column sightglass_clients.clients.allowed_providers is 'One a line; empty: all.';
comment on column sightglass_clients.clients.allowed_models is 'Shell patterns, one a line; empty: all.';
comment on column sightglass_clients.clients.expires_ns is 'Unix nanoseconds; 0: never. Limits likewise: 0 is none.';
comment on column sightglass_clients.clients.removed_ns is 'When it was deleted; 0: it is in force.';
comment on column sightglass_clients.clients.revision is 'Of the last change to it.';
create index if not exists clients_by_revision on sightglass_clients.clients (revision);

create table if not exists sightglass_clients.keys (
  key_sha256 text   primary key check (key_sha256 ~ '^[0-9a-f]{64}$'),
  client_id  text   not null,
  made_ns    bigint not null,
  revoked_ns bigint not null default 0,
  revision   bigint not null
);
comment on table  sightglass_clients.keys is 'Every key there ever was, as its SHA-256. A revoked one stays, so that it is never served and never sent on.';
comment on column sightglass_clients.keys.client_id is 'Whose it is or was; empty: revoked by a gateway that did not know whose.';
comment on column sightglass_clients.keys.revoked_ns is '0: in force.';
create index if not exists keys_by_revision on sightglass_clients.keys (revision);
create unique index if not exists one_key_in_force on sightglass_clients.keys (client_id) where revoked_ns = 0;

create table if not exists sightglass_clients.changes (
  revision bigint primary key,
  token    text        not null,
  gateway  text        not null,
  at       timestamptz not null default now()
);
comment on table sightglass_clients.changes is
  'A row for each change. A gateway asks for what changed since the one that it knows, and for everything where that is not here: old rows may be deleted.';
create index if not exists changes_by_token on sightglass_clients.changes (token);

revoke all on schema sightglass_clients from public;
revoke all on all tables in schema sightglass_clients from public, sightglass_registry;
grant usage on schema sightglass_clients to sightglass_registry;
-- A gateway reads, adds and changes; it removes nothing.
grant select on all tables in schema sightglass_clients to sightglass_registry;
grant update (revision, token) on sightglass_clients.registry to sightglass_registry;
grant insert, update on sightglass_clients.clients to sightglass_registry;
grant insert on sightglass_clients.keys to sightglass_registry;
grant update (revoked_ns, revision) on sightglass_clients.keys to sightglass_registry;
grant insert on sightglass_clients.changes to sightglass_registry;

commit;
