/** An error as plain data. A message between threads or processes does not preserve the class and the code of an error. */
export interface SerializedError {
  readonly message: string;
  readonly code: string | undefined;
  readonly syscall?: string | undefined;
  readonly path?: string | undefined;
}

export function serializeError(error: unknown): SerializedError {
  const textOf = (name: string): string | undefined => {
    const value: unknown = error instanceof Error ? Reflect.get(error, name) : undefined;
    return typeof value === "string" ? value : undefined;
  };
  return {
    message: error instanceof Error ? error.message : String(error),
    code: textOf("code"),
    syscall: textOf("syscall"),
    path: textOf("path"),
  };
}

export const deserializeError = ({ message, ...details }: SerializedError): Error =>
  Object.assign(new Error(message), details);
