/** One person's way to the vault, on one device: seal, prove, send, open; nothing is done before it opens. */

import { openAnswer, type Outcome } from "./answer.ts";
import type { Backend, Refused } from "./backend.ts";
import { type Device, thumbprintOf } from "./device.ts";
import { AnswerNotGenuine, NotAvailable } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import { accept, type Keyset, type ListedKey, type Roots, type Seen } from "./keyset.ts";
import { base64, Malformed, type Octets, unbase64, utf8 } from "./octets.ts";
import { athOf, makeProof, newJti } from "./proof.ts";
import { ANSWER_KEY, OPERATION_ID, seal } from "./request.ts";
import { claimsOf } from "./token.ts";

/** Tokens of the person's session whose `aud` is exactly `ioc-vault`. */
export interface Tokens {
  /** One with time left. */
  current(): Promise<string>;
  /** Another one: the last was refused. Refreshes, or signs in. */
  renewed(): Promise<string>;
}

/** Where the highest versions outlive the process and updates of the app. */
export interface SeenStore {
  load(): Promise<Seen>;
  save(seen: Seen): Promise<void>;
}

export interface VaultOptions {
  readonly backend: Backend;
  readonly device: Device;
  readonly tokens: Tokens;
  /** Both roots' public keys, 32 octets each, pinned in the app. */
  readonly roots: Roots;
  readonly seen: SeenStore;
  /** The vault's URL as proofs name it: origin and `/v1/call`. */
  readonly url: string;
  readonly now?: () => Date;
  readonly random?: (length: number) => Octets;
}

/** What is sent, and what the device keeps of it. */
interface Request {
  readonly frame: Octets;
  readonly answerKey: Octets;
  readonly proof: string;
}

export const MOST_TRIES = 3;
const NONCE = /^[A-Za-z0-9_-]{1,64}$/;

export class VaultClient {
  readonly #options: VaultOptions;
  readonly #now: () => Date;
  readonly #random: (length: number) => Octets;
  #nonce: string | undefined;
  #keyset: Keyset | undefined;

  constructor(options: VaultOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
    this.#random = options.random ?? ((length) => crypto.getRandomValues(new Uint8Array(length)));
  }

  /** A new operation id: one for each intention of the person, kept with it until an answer opened. */
  newOperationId(): Octets {
    return this.#random(OPERATION_ID);
  }

  /**
   * What the vault answered to this request alone.
   *
   * Throws NotAvailable, AnswerNotGenuine, KeysetRefused, TokenRefused, RequestTooLarge, BackendRefused. After
   * any of them nothing is known to have happened: ask again with the same operation id.
   */
  async call(
    operation: string,
    parameters: JsonObject = {},
    operationId: Octets = this.newOperationId(),
  ): Promise<Outcome> {
    const { backend, tokens } = this.#options;
    const json = utf8(JSON.stringify({ operation, parameters }));
    let token = await tokens.current();
    for (let tries = 1; ; tries++) {
      const request = await this.#request(token, operationId, json);
      const said = await backend.call(base64(request.frame), {
        authorization: `DPoP ${token}`,
        proof: request.proof,
      });
      if (said.kind === "answer") {
        return await openAnswer(octetsOf(said.octets), request.answerKey, request.frame);
      }
      if (tries === MOST_TRIES || !this.#canRenew(said)) {
        throw new NotAvailable(said.code, said.retryAfter);
      }
      if (said.code === "vault.unauthenticated") {
        token = await tokens.renewed();
      }
    }
  }

  /** Whether another try makes sense; what this client itself keeps of the refused try is renewed or forgotten. */
  #canRenew(said: Refused): boolean {
    switch (said.code) {
      case "vault.use_nonce":
        this.#nonce = said.nonce !== undefined && NONCE.test(said.nonce) ? said.nonce : undefined;
        return this.#nonce !== undefined;
      case "vault.unknown_key":
        this.#keyset = undefined;
        return true;
      case "vault.unauthenticated":
        return true;
      default:
        return false;
    }
  }

  async #request(token: string, operationId: Octets, json: Octets): Promise<Request> {
    const { device, url } = this.#options;
    const key = await this.#key();
    const jti = newJti(this.#random);
    const binding = {
      ...claimsOf(token),
      jkt: await thumbprintOf(device.jwk),
      ath: await athOf(token),
      jti,
    };
    const answerKey = this.#random(ANSWER_KEY);
    const frame = await seal(key.publicKey, binding, answerKey, operationId, json);
    const nonce = this.#nonce;
    const proof = await makeProof(device, { method: "POST", url, token, jti, now: this.#now(), nonce, body: frame });
    return { frame, answerKey, proof };
  }

  /** The key to seal to now; the versions are kept before it is used. */
  async #key(): Promise<ListedKey> {
    const { backend, roots, seen } = this.#options;
    const now = this.#now();
    const living = this.#keyset !== undefined && this.#keyset.expires > now ? this.#keyset.keys : [];
    const key = living.find((one) => one.notAfter > now);
    if (key !== undefined) {
      return key;
    }
    const said = await backend.notes();
    if (said.kind === "refused") {
      throw new NotAvailable(said.code, said.retryAfter);
    }
    const [keyset, versions] = await accept(said, roots, await seen.load(), now);
    await seen.save(versions);
    this.#keyset = keyset;
    return keyset.keys[0];
  }
}

function octetsOf(text: string): Octets {
  try {
    return unbase64(text);
  } catch (error) {
    if (error instanceof Malformed) {
      throw new AnswerNotGenuine(error.message);
    }
    throw error;
  }
}
