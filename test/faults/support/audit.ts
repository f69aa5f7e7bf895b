import { compareStored } from "../../crash/stored.ts";
import { berthCommand } from "./berth.ts";

/** What is wrong with a data folder on which nobody works, by our own look at rows and files and by `berth check`. */
export async function audit(data: string): Promise<string[]> {
  const { problems } = compareStored(data);
  const { code, printed } = await berthCommand("check", "--data", data);
  return code === 0 ? [...problems] : [...problems, `berth check: ${printed.slice(0, 500)}`];
}
