// Runs the steps of a client: `node steps.mjs SCRIPT ADDRESS FOLDER`. The contract is that of steps.py: a step is an
// exported function, and the output is one JSON object with the `result` or the `error` of each.
import { pathToFileURL } from "node:url";

const [script, address, folder] = process.argv.slice(2);
const found = {};
for (const [name, step] of Object.entries(await import(pathToFileURL(script)))) {
  try {
    found[name] = { result: await step(address, folder) };
  } catch (error) {
    found[name] = { error: String(error?.stack ?? error) };
  }
}
process.stdout.write(JSON.stringify(found));
