/** JSON objects whose members stand once each: `JSON.parse` would keep the last one of two, silently. */

import { Malformed, type Octets } from "./octets.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/** The object in these UTF-8 octets. Throws Malformed. */
export function objectOf(octets: Octets): JsonObject {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
    value = JSON.parse(text);
  } catch {
    throw new Malformed("not JSON");
  }
  refuseDoubles(text);
  if (!isObject(value)) {
    throw new Malformed("not a JSON object");
  }
  return value;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `text` is JSON already, so its tokens say where a member's name stands: before a colon. */
function refuseDoubles(text: string): void {
  const names: Set<string>[] = [];
  let last = "";
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === "{" || token === "[") {
      names.push(new Set());
    } else if (token === "}" || token === "]") {
      names.pop();
    } else if (token === ":") {
      const name = String(JSON.parse(last));
      const known = names.at(-1);
      if (known === undefined || known.has(name)) {
        throw new Malformed("a member stands twice");
      }
      known.add(name);
    }
    last = token;
  }
}
