-- Sightglass: who may do what. Two roles without a login; make users of your own members of them:
--
--   create role sightglass login in role sightglass_writer;    -- the gateways
--   create role dashboards login in role sightglass_reader;    -- BI tools
--   \password sightglass
--   \password dashboards
--
-- May be run again; schema.sql comes first. Needs a user who may create roles.

begin;

do $$
begin
  if not exists (select from pg_roles where rolname = 'sightglass_writer') then
    create role sightglass_writer nologin;
  end if;
  if not exists (select from pg_roles where rolname = 'sightglass_reader') then
    create role sightglass_reader nologin;
  end if;
end
$$;

revoke all on schema sightglass from public;
revoke all on all tables in schema sightglass from public, sightglass_writer, sightglass_reader;
grant usage on schema sightglass to sightglass_writer, sightglass_reader;

-- A gateway adds and moves; it removes nothing, and no view is its business.
grant select on sightglass.schema_version to sightglass_writer;
grant select, insert, update on sightglass.hourly_usage, sightglass.gateway_marks to sightglass_writer;

grant select on sightglass.schema_version, sightglass.hourly_usage, sightglass.gateway_marks, sightglass.hourly_report
  to sightglass_reader;

commit;
