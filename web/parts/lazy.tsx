import { h, type ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Loading, ScriptFailed } from "./states.tsx";

/** A component whose script is loaded when it is first shown. */
export function lazy<P extends object>(
  load: () => Promise<ComponentType<P>>,
  { isQuiet = true } = {},
): ComponentType<P> {
  let loaded: ComponentType<P> | undefined;
  return function Lazy(props: P) {
    const [state, setState] = useState<"loading" | "loaded" | "failed">("loading");
    useEffect(() => {
      if (loaded !== undefined) return;
      void load().then(
        (component) => {
          loaded = component;
          setState("loaded");
        },
        () => setState("failed"),
      );
    }, []);
    if (loaded !== undefined) return h(loaded, props);
    if (state === "failed") return <ScriptFailed />;
    return isQuiet ? null : <Loading />;
  };
}
