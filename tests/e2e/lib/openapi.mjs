// Reads an OpenAPI document from standard input; exit code 1 with the faults where its own schema
// does not hold, or where a reference leads nowhere.
import { Validator } from "@seriousme/openapi-schema-validator";
import { text } from "node:stream/consumers";

const validator = new Validator();
const result = await validator.validate(JSON.parse(await text(process.stdin)));
if (!result.valid) {
  console.error(JSON.stringify(result.errors, null, 1));
  process.exit(1);
}
validator.resolveRefs();
console.log(validator.version);
