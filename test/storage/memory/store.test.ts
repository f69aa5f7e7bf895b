import { createMemoryStore } from "../../../storage/memory/store.ts";
import { describeDriver } from "../driver-suite.ts";

describeDriver("memory", () => Promise.resolve(createMemoryStore()));
