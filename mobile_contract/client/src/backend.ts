/** The way to the vault: the backend passes octets on, and nothing that it says is proven. */

import type { Notes } from "./keyset.ts";

/** The vault opened nothing, or somebody says so. */
export interface Refused {
  readonly kind: "refused";
  readonly code: string;
  readonly nonce?: string | undefined;
  /** Seconds. */
  readonly retryAfter?: number | undefined;
}

export interface Sealed {
  readonly kind: "answer";
  /** Base64 of the octets, unopened. */
  readonly octets: string;
}

export interface Credentials {
  readonly authorization: string;
  readonly proof: string;
}

export interface Backend {
  /** The vault's keys as they came, unchecked. Throws BackendRefused. */
  notes(): Promise<({ readonly kind: "notes" } & Notes) | Refused>;
  /** `request` is base64 of the sealed octets. Throws BackendRefused. */
  call(request: string, credentials: Credentials): Promise<Sealed | Refused>;
}
