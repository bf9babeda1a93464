/** The answer: 0x01 ‖ r 32 ‖ ciphertext. Only who opened the request could make it; its key dies with it. */

import { AnswerNotGenuine } from "./errors.ts";
import { jsonInside, LARGEST_ANSWER, VERSION } from "./frames.ts";
import { isObject, type JsonObject, objectOf } from "./json.ts";
import { ascii, concat, equal, Malformed, type Octets, sha256 } from "./octets.ts";
import { TAG } from "./suite.ts";

/** What the vault said: the operation's result, or a problem with its stable code. */
export type Outcome =
  | { readonly kind: "result"; readonly result: JsonObject }
  | { readonly kind: "problem"; readonly code: string; readonly problem: JsonObject };

const R = 32;
const HEAD = VERSION.length + R;
const INFO = ascii("ioc-vault/answer/v1");
const KEY = 32;
const NONCE = 12;

/** What the vault said to exactly these request octets. Throws AnswerNotGenuine. */
export async function openAnswer(answer: Octets, answerKey: Octets, request: Octets): Promise<Outcome> {
  const head = answer.slice(0, HEAD);
  if (answer.length <= HEAD + TAG || answer.length > LARGEST_ANSWER || !equal(head.slice(0, 1), VERSION)) {
    throw new AnswerNotGenuine("not an answer of this version");
  }
  const { key, nonce } = await keyOf(answerKey, request, head.slice(VERSION.length));
  let plain: ArrayBuffer;
  try {
    plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce, additionalData: head }, key, answer.slice(HEAD));
  } catch {
    throw new AnswerNotGenuine("it does not open");
  }
  try {
    return outcomeOf(objectOf(jsonInside(new Uint8Array(plain))));
  } catch (error) {
    if (error instanceof Malformed) {
      throw new AnswerNotGenuine(error.message);
    }
    throw error;
  }
}

/** Key and nonce of an answer: HKDF-SHA-256 of the answer key, bound to the request's octets. */
export async function keyOf(
  answerKey: Octets,
  request: Octets,
  r: Octets,
): Promise<{ readonly key: CryptoKey; readonly nonce: Octets }> {
  const from = await crypto.subtle.importKey("raw", answerKey, "HKDF", false, ["deriveBits"]);
  const salt = concat(await sha256(request), r);
  const how = { name: "HKDF", hash: "SHA-256", salt, info: INFO };
  const derived = new Uint8Array(await crypto.subtle.deriveBits(how, from, 8 * (KEY + NONCE)));
  const uses: KeyUsage[] = ["decrypt", "encrypt"];
  const key = await crypto.subtle.importKey("raw", derived.slice(0, KEY), "AES-GCM", false, uses);
  return { key, nonce: derived.slice(KEY) };
}

function outcomeOf(value: JsonObject): Outcome {
  const { result, problem } = value;
  if (Object.keys(value).length === 1 && isObject(result)) {
    return { kind: "result", result };
  }
  if (Object.keys(value).length === 1 && isObject(problem) && typeof problem["code"] === "string") {
    return { kind: "problem", code: problem["code"], problem };
  }
  throw new Malformed("neither a result nor a problem");
}
