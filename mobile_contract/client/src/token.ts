/** What a request is bound to of its token. The issuer gave it over TLS: the app need not check its signature. */

import { TokenRefused } from "./errors.ts";
import { type JsonObject, objectOf } from "./json.ts";
import { Malformed, unb64u } from "./octets.ts";

export const AUDIENCE = "ioc-vault";

export interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly sid: string;
}

/** Throws TokenRefused: malformed, or for more than the vault. */
export function claimsOf(token: string): Claims {
  const payload = payloadOf(token);
  if (payload["aud"] !== AUDIENCE) {
    throw new TokenRefused(`the token is not for ${AUDIENCE} alone`);
  }
  return { iss: text(payload, "iss"), sub: text(payload, "sub"), sid: text(payload, "sid") };
}

function payloadOf(token: string): JsonObject {
  const [, payload, , ...more] = token.split(".");
  try {
    if (payload === undefined || more.length > 0) {
      throw new Malformed("not three parts");
    }
    return objectOf(unb64u(payload));
  } catch (error) {
    if (error instanceof Malformed) {
      throw new TokenRefused(error.message);
    }
    throw error;
  }
}

function text(payload: JsonObject, name: string): string {
  const value = payload[name];
  if (typeof value !== "string") {
    throw new TokenRefused(`the token has no ${name}`);
  }
  return value;
}
