import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { SessionAnswer } from "../src/api/session.ts";

export type { SessionAnswer };

/** Until the answer is there. */
export const unknownSession: SessionAnswer = {
  user: null,
  is_open: false,
  host: globalThis.location?.host ?? "",
  version: "",
  namespaces: [],
  has_mirrors: false,
  create_on_push: true,
  read_only: null,
  invites: 0,
};

export const SessionContext = createContext<SessionAnswer>(unknownSession);
/** Who is signed in, and what the registry is. */
export const useSession = (): SessionAnswer => useContext(SessionContext);

/** Clients need a setting for a registry without TLS, except on their own machine. */
export const isPlainHttp = (): boolean =>
  location.protocol === "http:" && !/^(?:localhost|127\.|\[::1\])/.test(location.host);
