/** The client process of run.ts: `load-client.ts TASK JSON`. Prints its result as JSON. */
import process from "node:process";
import { tasks, type Outcome, type TaskName } from "./client/tasks.ts";

const [name = "", given = "{}"] = process.argv.slice(2);
const task = tasks[name as TaskName] as ((task: unknown) => Promise<Outcome>) | undefined;
if (task === undefined) throw new Error(`no such task: ${name}`);
process.stdout.write(`${JSON.stringify(await task(JSON.parse(given)))}\n`);
