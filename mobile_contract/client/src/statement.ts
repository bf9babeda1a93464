/** What an approver signs: the octets of a statement's payload as they came in the opened answer, shown first. */

import { type Device, thumbprintOf } from "./device.ts";
import { StatementRefused } from "./errors.ts";
import { type JsonObject, objectOf } from "./json.ts";
import { ascii, b64u, Malformed, unb64u, utf8 } from "./octets.ts";

/** As `authority.sign` and `authority.lock` take it. */
export interface StatementSignature {
  readonly protected: string;
  readonly signature: string;
}

/** What a payload (base64url) says, for the screen: all of it, before anybody signs. Throws StatementRefused. */
export function shownOf(payload: string): JsonObject {
  let shown: JsonObject;
  try {
    shown = objectOf(unb64u(payload));
  } catch (error) {
    if (error instanceof Malformed) {
      throw new StatementRefused(error.message);
    }
    throw error;
  }
  if (shown["v"] !== 1 || typeof shown["kind"] !== "string") {
    throw new StatementRefused("no statement of this version");
  }
  return shown;
}

/** The device's signature of exactly these octets (JWS, ES256). Throws StatementRefused. */
export async function signStatement(device: Device, payload: string): Promise<StatementSignature> {
  shownOf(payload);
  const header = { alg: "ES256", kid: await thumbprintOf(device.jwk), typ: "ioc-statement" };
  const protected_ = b64u(utf8(JSON.stringify(header)));
  return { protected: protected_, signature: b64u(await device.sign(ascii(`${protected_}.${payload}`))) };
}
