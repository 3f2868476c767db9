#!/bin/sh
# Drops the partitions of sightglass.events whose every row was accepted more than so many months ago, on the server that
# clickhouse-client reaches; once a day by cron on one replica of each shard.
#   retention.sh MONTHS [options of clickhouse-client …]
set -eu
months=${1:?"retention.sh MONTHS [options of clickhouse-client ...]"}
shift
case $months in *[!0-9]* | '') echo "retention.sh: MONTHS is a number" >&2; exit 2 ;; esac
clickhouse-client "$@" --query "SELECT DISTINCT partition FROM system.parts WHERE active AND database = 'sightglass'
    AND table = 'events' AND max_date < addMonths(today(), -$months) AND partition NOT IN (SELECT partition FROM
    system.parts WHERE active AND database = 'sightglass' AND table = 'events'
    AND max_date >= addMonths(today(), -$months))" |
  while read -r partition; do
    echo "dropping partition $partition"
    clickhouse-client "$@" --query "ALTER TABLE sightglass.events DROP PARTITION $partition" </dev/null
  done
