import { compareStored } from "../../crash/stored.ts";
import { berthCommand } from "./berth.ts";

/** Lists the problems of a data folder without a running server: of `compareStored` and of `berth check`. */
export async function audit(data: string): Promise<string[]> {
  const { problems } = await compareStored(data);
  const { code, printed } = await berthCommand("check", "--data", data);
  return code === 0 ? [...problems] : [...problems, `berth check: ${printed.slice(0, 500)}`];
}
