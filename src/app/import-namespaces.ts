import { AccountError } from "../accounts/errors.ts";
import { createSingleFlight } from "../concurrency/single-flight.ts";
import { defaultNamespace } from "../oci/name.ts";
import type { AppContext } from "./context.ts";

interface NamespaceOptions {
  /** The owner of new organisations. */
  readonly owner: string | undefined;
  readonly isDryRun: boolean;
  /** A namespace that got no organisation. */
  note(text: string): void;
}

/** Makes organisations of the namespaces that have no account. */
export class ImportNamespaces {
  /** The names of the new organisations. In a dry run: those that would be made. */
  readonly made: string[] = [];
  readonly #context: AppContext;
  readonly #options: NamespaceOptions;
  readonly #opened = new Set<string>();
  readonly #opening = createSingleFlight<void>();

  constructor(context: AppContext, options: NamespaceOptions) {
    this.#context = context;
    this.#options = options;
  }

  async open(name: string): Promise<void> {
    const { config } = this.#context;
    if (config.auth.open || name === defaultNamespace || this.#opened.has(name)) return;
    await this.#opening(name, () => this.#make(name));
    this.#opened.add(name);
  }

  async #make(name: string): Promise<void> {
    const { owner, isDryRun } = this.#options;
    const { accounts } = await this.#context.database();
    if ((await accounts.find(name)) !== undefined) return;
    try {
      const { organisations } = await this.#context.accounts();
      const { actor } = this.#context;
      if (!isDryRun) await organisations.add(actor, { name, owner, takeOver: true });
      this.made.push(name);
    } catch (error) {
      if (!(error instanceof AccountError)) throw error;
      this.#options.note(
        `${name} gets no organisation, so only administrators manage it: ${error.message}`,
      );
    }
  }
}
