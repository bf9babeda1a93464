/** The device's key: P-256, in hardware where there is any; it signs and never leaves. */

import { b64u, type Octets, sha256, utf8 } from "./octets.ts";

const ES256 = { name: "ECDSA", namedCurve: "P-256" };

/** The public half, with the members of RFC 7638 alone. */
export interface PublicJwk {
  readonly crv: "P-256";
  readonly kty: "EC";
  readonly x: string;
  readonly y: string;
}

/** What proofs are signed with. An app with a secure element of its own implements it. */
export interface Device {
  readonly jwk: PublicJwk;
  /** ES256 as JWS has it: r ‖ s, 64 octets, over SHA-256 of `octets`. */
  sign(octets: Octets): Promise<Octets>;
}

/** A key of WebCrypto's. It is not extractable, but lies in the process: no secure element holds it. */
export class WebCryptoDevice implements Device {
  readonly jwk: PublicJwk;
  readonly #key: CryptoKey;

  private constructor(jwk: PublicJwk, key: CryptoKey) {
    this.jwk = jwk;
    this.#key = key;
  }

  /** A new device. */
  static async generate(): Promise<WebCryptoDevice> {
    return WebCryptoDevice.of(await crypto.subtle.generateKey(ES256, false, ["sign", "verify"]));
  }

  /** A key pair that the app has kept. Throws TypeError for another sort of key. */
  static async of(pair: CryptoKeyPair): Promise<WebCryptoDevice> {
    const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
    if (kty !== "EC" || crv !== "P-256" || x === undefined || y === undefined) {
      throw new TypeError("a device has a P-256 key");
    }
    return new WebCryptoDevice({ crv, kty, x, y }, pair.privateKey);
  }

  async sign(octets: Octets): Promise<Octets> {
    return new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, this.#key, octets));
  }
}

/** The device's id: the thumbprint of its key (RFC 7638). */
export async function thumbprintOf({ crv, kty, x, y }: PublicJwk): Promise<string> {
  return b64u(await sha256(utf8(JSON.stringify({ crv, kty, x, y }))));
}
