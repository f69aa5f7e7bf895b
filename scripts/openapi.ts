/** `npm run openapi`: writes the OpenAPI document of `/openapi.json` to `docs/openapi.json`. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { openApiOf } from "../src/http/ops/openapi.ts";
import { everyRoute } from "../test/support/route-table.ts";

const file = path.join(import.meta.dirname, "../docs/openapi.json");
writeFileSync(file, `${JSON.stringify(openApiOf(everyRoute), null, 2)}\n`);
