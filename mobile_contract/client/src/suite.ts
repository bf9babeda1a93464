/** The one suite: X-Wing, HKDF-SHA-256, AES-256-GCM (RFC 9180, base mode). */

import { Aes256Gcm, CipherSuite, HkdfSha256 } from "@hpke/core";
import { XWing } from "@hpke/hybridkem-x-wing";

import { concat, type Octets, sha256, unhex } from "./octets.ts";

export const SUITE = unhex("647a00010002");
export const KID = 8;
export const PUBLIC_KEY = 1216;
export const ENCAPSULATED = 1120;
export const TAG = 16;

export function hpke(): CipherSuite {
  return new CipherSuite({ kem: new XWing(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
}

/** A key's id: the first 8 octets of SHA-256(suite ‖ key). */
export async function kidOf(publicKey: Octets): Promise<Octets> {
  return (await sha256(concat(SUITE, publicKey))).slice(0, KID);
}
