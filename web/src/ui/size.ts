// How large something is drawn, for what is laid out by pixels.

import { useSignal, type ReadonlySignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { RefObject } from "preact";

/** The width of the element that has the ref, 0 until it is known. */
export function useWidth<E extends HTMLElement>(): { ref: RefObject<E | null>; width: ReadonlySignal<number> } {
  const ref = useRef<E>(null);
  const width = useSignal(0);
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const measure = () => { width.value = Math.round(element.clientWidth); };
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  return { ref, width };
}
