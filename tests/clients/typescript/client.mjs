// Clients generated from the service's own OpenAPI document: types by openapi-typescript for openapi-fetch, and a whole
// client by @hey-api/openapi-ts. The strict compiler checks how they are used, then the compiled code runs.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));

export async function openapi_typescript(address) {
  return await generateAndUse("openapi_typescript", address, "openapi-typescript", "openapi.json", "-o", "schema.d.ts");
}

export async function hey_api(address) {
  return await generateAndUse("hey_api", address, "openapi-ts", "-i", "openapi.json", "-o", "hey", "--no-log-file");
}

async function generateAndUse(name, address, ...generator) {
  const work = join(HERE, "work", name); // below the packages, where Node and the compiler find them
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, "openapi.json"), await (await fetch(`${address}/catalog/schema`)).text());
  copyFileSync(join(HERE, "tsconfig.json"), join(work, "tsconfig.json"));
  copyFileSync(join(HERE, `${name}.ts`), join(work, "use.ts"));
  run(work, ...generator);
  run(work, "tsc");
  return await (await import(pathToFileURL(join(work, "compiled", "use.js")))).use(address);
}

function run(work, program, ...options) {
  try {
    execFileSync(join(HERE, "node_modules/.bin", program), options, { cwd: work, encoding: "utf8" });
  } catch (error) {
    throw new Error(`${program}: ${error.stdout}${error.stderr}`.slice(0, 3000));
  }
}
