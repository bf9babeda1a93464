/** The device's proof of one request: DPoP (RFC 9449), for the vault with its nonce and the body's digest. */

import type { Device } from "./device.ts";
import { ascii, b64u, base64, type Octets, sha256, utf8 } from "./octets.ts";

export interface ProofOf {
  readonly method: "GET" | "POST";
  /** Scheme, host, port and path, without a query. */
  readonly url: string;
  readonly token: string;
  /** Fresh for each proof. */
  readonly jti: string;
  readonly now: Date;
  /** The vault's, as it was given. */
  readonly nonce?: string | undefined;
  /** The exact octets that are sent, where the device signs them. */
  readonly body?: Octets;
}

export async function makeProof(device: Device, of: ProofOf): Promise<string> {
  const header = { typ: "dpop+jwt", alg: "ES256", jwk: device.jwk };
  const claims = {
    htm: of.method,
    htu: of.url,
    ath: await athOf(of.token),
    jti: of.jti,
    iat: Math.floor(of.now.getTime() / 1000),
    ...(of.nonce === undefined ? {} : { nonce: of.nonce }),
    ...(of.body === undefined ? {} : { digest: await digestOf(of.body) }),
  };
  const signed = [header, claims].map((part) => b64u(utf8(JSON.stringify(part)))).join(".");
  return `${signed}.${b64u(await device.sign(ascii(signed)))}`;
}

/** Hash of the token that a proof goes with. */
export async function athOf(token: string): Promise<string> {
  return b64u(await sha256(ascii(token)));
}

/** `sha-256=:<base64>:` over these octets (RFC 9530). */
export async function digestOf(body: Octets): Promise<string> {
  return `sha-256=:${base64(await sha256(body))}:`;
}

/** A new `jti`. */
export function newJti(random: (length: number) => Octets): string {
  return b64u(random(16));
}
