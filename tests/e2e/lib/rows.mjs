// Prints every value of a Parquet file as text, so that a search sees what compression hides.
//   node rows.mjs FILE
import { DuckDBInstance } from '@duckdb/node-api';

const file = process.argv[2].replaceAll("'", "''");
const connection = await (await DuckDBInstance.create(':memory:')).connect();
const reader = await connection.runAndReadAll(`SELECT COLUMNS(*)::VARCHAR FROM read_parquet('${file}')`);
console.log(JSON.stringify(reader.getRowObjectsJson()));
