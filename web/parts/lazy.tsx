import { h, type ComponentType } from "preact";
import { useEffect, useReducer } from "preact/hooks";
import { Loading } from "./states.tsx";

/** A component whose script is loaded when it is first shown. */
export function lazy<P extends object>(
  load: () => Promise<ComponentType<P>>,
  { isQuiet = true } = {},
): ComponentType<P> {
  let loaded: ComponentType<P> | undefined;
  return function Lazy(props: P) {
    const [, redraw] = useReducer<number, undefined>((turn) => turn + 1, 0);
    useEffect(() => {
      if (loaded !== undefined) return;
      void load().then((component) => {
        loaded = component;
        redraw(undefined);
      });
    }, []);
    if (loaded !== undefined) return h(loaded, props);
    return isQuiet ? null : <Loading />;
  };
}
