/** `mobile_contract/vectors/vault/call.json`, with the types that these tests rely on. */

import { readFileSync } from "node:fs";

import type { PublicJwk } from "../src/device.ts";
import type { Binding } from "../src/request.ts";

export interface Refusal {
  readonly of: "request" | "answer";
  readonly name: string;
  readonly xorAt?: number;
  readonly with?: number;
  readonly cutTo?: number;
}

export interface Vectors {
  readonly device: PublicJwk & { readonly d: string };
  readonly padding: readonly (readonly [number, number])[];
  readonly requestKey: { readonly seed: string; readonly public: string; readonly kid: string };
  readonly binding: Binding;
  readonly request: {
    readonly info: string;
    readonly answerKey: string;
    readonly operationId: string;
    readonly json: string;
    readonly octets: string;
  };
  readonly proof: {
    readonly url: string;
    readonly token: string;
    readonly nonce: string;
    readonly digest: string;
    readonly jws: string;
  };
  readonly nonce: { readonly key: string; readonly at: string; readonly nonce: string };
  readonly answer: { readonly r: string; readonly json: string; readonly octets: string };
  readonly keyset: {
    readonly roots: readonly [string, string];
    readonly now: string;
    readonly certificate: string;
    readonly keyset: string;
    readonly certificateVersion: number;
    readonly keysetVersion: number;
  };
  readonly refused: readonly Refusal[];
}

const file = new URL("../../vectors/vault/call.json", import.meta.url);
export const vectors = JSON.parse(readFileSync(file, "utf-8")) as Vectors;
