/** The request: 0x01 ‖ suite 6 ‖ kid 8 ‖ enc 1,120 ‖ ciphertext, bound to who sends it. */

import { RequestTooLarge } from "./errors.ts";
import { inside, LARGEST_REQUEST, VERSION } from "./frames.ts";
import { concat, lp, type Octets } from "./octets.ts";
import { ENCAPSULATED, hpke, KID, kidOf, SUITE, TAG } from "./suite.ts";

export const ANSWER_KEY = 32;
export const OPERATION_ID = 16;
const AROUND = VERSION.length + SUITE.length + KID + ENCAPSULATED + TAG;

/** What a request belongs to, as it stands in token and proof. */
export interface Binding {
  readonly iss: string;
  readonly sub: string;
  readonly sid: string;
  /** The device key's thumbprint (RFC 7638). */
  readonly jkt: string;
  /** b64u of SHA-256 of the token. */
  readonly ath: string;
  readonly jti: string;
}

/** HPKE's `info`. Throws Malformed when a member is not ASCII. */
export function infoOf(binding: Binding, kid: Octets): Octets {
  const { iss, sub, sid, jkt, ath, jti } = binding;
  return concat(...["ioc-vault/request/v1", SUITE, kid, iss, sub, sid, jkt, ath, jti].map(lp));
}

/** `publicKey` comes from an accepted keyset; `answerKey` is fresh for each request. Throws RequestTooLarge. */
export async function seal(
  publicKey: Octets,
  binding: Binding,
  answerKey: Octets,
  operationId: Octets,
  json: Octets,
): Promise<Octets> {
  if (answerKey.length !== ANSWER_KEY || operationId.length !== OPERATION_ID) {
    throw new RangeError("an answer key has 32 octets, an operation id 16");
  }
  const plain = inside(concat(answerKey, operationId), json, AROUND);
  if (AROUND + plain.length > LARGEST_REQUEST) {
    throw new RequestTooLarge(`a request has at most ${LARGEST_REQUEST} octets`);
  }
  const suite = hpke();
  const kid = await kidOf(publicKey);
  const recipientPublicKey = await suite.kem.deserializePublicKey(publicKey.slice().buffer);
  const sealed = await suite.seal({ recipientPublicKey, info: infoOf(binding, kid).buffer }, plain.buffer);
  return concat(VERSION, SUITE, kid, new Uint8Array(sealed.enc), new Uint8Array(sealed.ct));
}
