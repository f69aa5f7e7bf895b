// Registers the TypeScript loader for the main thread and for worker threads.
// (`--import tsx` alone does not apply to worker threads on Node 20.)
import { register } from "tsx/esm/api";

register();
