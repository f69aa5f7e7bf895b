// Lets Node read our TypeScript, on the main thread and in worker threads alike
// (`--import tsx` alone does not reach a worker on Node 20).
import { register } from "tsx/esm/api";

register();
