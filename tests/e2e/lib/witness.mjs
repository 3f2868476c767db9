// The store's witness: reads the Parquet files by DuckDB's own package, not by our program.
// As a program: node witness.mjs DATA_FOLDER prints the totals as one JSON object.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';

const totalsSql = `
  SELECT count(*) AS requests,
    coalesce(sum(coalesce(input_tokens, 0) + coalesce(cache_read_tokens, 0)
      + coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0)), 0) AS input_tokens,
    coalesce(sum(output_tokens), 0) AS output_tokens,
    coalesce(sum(cost_nanousd), 0) AS cost_nanousd,
    count(*) FILTER (outcome IN ('error', 'timeout')) AS errors,
    count(unpriced_reason) AS unpriced
  FROM rows WHERE terminal`;

// Rows of `sql` over `rows`, a view of every file in the store, with integers as BigInt.
export async function query(dataFolder, sql) {
  const files = path.join(dataFolder, 'store', 'parquet', '*.parquet');
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run(
      `CREATE VIEW rows AS SELECT * FROM read_parquet('${files.replaceAll("'", "''")}', union_by_name = true)`,
    );
    return (await connection.runAndReadAll(sql)).getRowObjects();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

export function hasFiles(dataFolder) {
  const manifest = path.join(dataFolder, 'store', 'manifest.json');
  return existsSync(manifest) && readFileSync(manifest, 'utf8').includes('.parquet');
}

export async function storeTotals(dataFolder) {
  const none = { requests: 0, input_tokens: 0, output_tokens: 0, cost_nanousd: 0, errors: 0, unpriced: 0 };
  if (!hasFiles(dataFolder)) return none;
  const [row] = await query(dataFolder, totalsSql);
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await storeTotals(process.argv[2] ?? 'data')));
}
