/** The vault's half of the call, for tests alone: what is sealed here is opened by the library, and the reverse. */

import assert from "node:assert/strict";

import { XWing } from "@hpke/hybridkem-x-wing";

import { keyOf } from "../src/answer.ts";
import type { Backend, Credentials, Refused, Sealed } from "../src/backend.ts";
import { type PublicJwk, thumbprintOf } from "../src/device.ts";
import { inside, jsonInside, paddedLength } from "../src/frames.ts";
import { type JsonObject, objectOf } from "../src/json.ts";
import type { Notes } from "../src/keyset.ts";
import { base64, concat, equal, hex, type Octets, sha256, unb64u, unbase64, utf8 } from "../src/octets.ts";
import { athOf } from "../src/proof.ts";
import { type Binding, infoOf } from "../src/request.ts";
import { ENCAPSULATED, hpke, kidOf, SUITE } from "../src/suite.ts";
import { claimsOf } from "../src/token.ts";

const HEAD = concat(Uint8Array.of(1), SUITE);
const BEFORE_ENC = HEAD.length + 8;

export interface Opened {
  readonly answerKey: Octets;
  readonly operationId: Octets;
  readonly json: Octets;
}

/** Open a request with the 32-octet seed of the vault's key, or throw. */
export async function unseal(frame: Octets, binding: Binding, seed: Octets, kid: Octets): Promise<Opened> {
  assert.equal(paddedLength(frame.length), frame.length);
  assert.ok(equal(frame.slice(0, HEAD.length), HEAD) && equal(frame.slice(HEAD.length, BEFORE_ENC), kid));
  const suite = hpke();
  const recipientKey = await suite.kem.deserializePrivateKey(seed.slice().buffer);
  const enc = frame.slice(BEFORE_ENC, BEFORE_ENC + ENCAPSULATED).buffer;
  const params = { recipientKey, enc, info: infoOf(binding, kid).buffer };
  const plain = new Uint8Array(await suite.open(params, frame.slice(BEFORE_ENC + ENCAPSULATED).buffer));
  return {
    answerKey: plain.slice(0, 32),
    operationId: plain.slice(32, 48),
    json: jsonInside(plain.slice(48)),
  };
}

/** The public key of the vault's seed. */
export async function publicKeyOf(seed: Octets): Promise<Octets> {
  const kem = new XWing();
  const pair = await kem.generateKeyPairDerand(seed);
  return new Uint8Array(await kem.serializePublicKey(pair.publicKey));
}

/** Seal an answer to exactly `request`. */
export async function sealAnswer(request: Octets, answerKey: Octets, r: Octets, json: Octets): Promise<Octets> {
  const head = concat(Uint8Array.of(1), r);
  const { key, nonce } = await keyOf(answerKey, request, r);
  const plain = inside(new Uint8Array(), json, head.length + 16);
  const how = { name: "AES-GCM", iv: nonce, additionalData: head };
  return concat(head, new Uint8Array(await crypto.subtle.encrypt(how, key, plain)));
}

/** A signer of notes. */
export class Signer {
  readonly name: string;
  readonly publicKey: Octets;
  readonly #key: CryptoKey;

  private constructor(name: string, publicKey: Octets, key: CryptoKey) {
    this.name = name;
    this.publicKey = publicKey;
    this.#key = key;
  }

  static async named(name: string): Promise<Signer> {
    const made = (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
    const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", made.publicKey));
    return new Signer(name, publicKey, made.privateKey);
  }

  async line(text: string): Promise<string> {
    const id = (await sha256(concat(utf8(`${this.name}\n`), Uint8Array.of(1), this.publicKey))).slice(0, 4);
    const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", this.#key, utf8(text)));
    return `\u2014 ${this.name} ${base64(concat(id, signature))}\n`;
  }
}

export async function noteOf(text: string, ...signers: readonly Signer[]): Promise<string> {
  const lines = await Promise.all(signers.map((signer) => signer.line(text)));
  return `${text}\n${lines.join("")}`;
}

export function moment(at: Date): string {
  return at.toISOString().replace(/\.\d{3}Z$/, "Z");
}

/** What a vault's fake opened, as the vault would know it. */
export interface Call {
  readonly opened: Opened;
  readonly proof: JsonObject;
  readonly token: string;
}

/** A vault with a key, behind a backend that does what a test wants: `said` is asked before each call. */
export class FakeVault implements Backend {
  readonly roots: readonly [Signer, Signer];
  readonly keysetKey: Signer;
  readonly calls: Call[] = [];
  readonly log: string[] = [];
  version = 7;
  now: Date;
  /** A refusal, or octets instead of the vault's answer; undefined lets the vault answer. */
  said: (call: number, honest: Octets) => Refused | Octets | undefined = () => undefined;
  #seed: Octets;

  private constructor(roots: readonly [Signer, Signer], keysetKey: Signer, now: Date) {
    this.roots = roots;
    this.keysetKey = keysetKey;
    this.now = now;
    this.#seed = crypto.getRandomValues(new Uint8Array(32));
  }

  static async at(now: Date): Promise<FakeVault> {
    const root = "ioc.hanoi.gov.vn/vault/root";
    const roots = [await Signer.named(root), await Signer.named(root)] as const;
    return new FakeVault(roots, await Signer.named("ioc.hanoi.gov.vn/vault/keyset"), now);
  }

  /** A new key of the vault's, as after a restart. */
  renewKey(): void {
    this.#seed = crypto.getRandomValues(new Uint8Array(32));
    this.version += 1;
  }

  async notes(): Promise<{ readonly kind: "notes" } & Notes> {
    this.log.push("notes");
    const later = moment(new Date(this.now.getTime() + 24 * 3600 * 1000));
    const afterThat = moment(new Date(this.now.getTime() + 40 * 3600 * 1000));
    const key = await publicKeyOf(this.#seed);
    const listed = `${hex(await kidOf(key))} ${hex(SUITE)} ${base64(key)} ${afterThat}`;
    const signed = `ioc-vault/keyset-key/v1\n3\n${later}\n${base64(this.keysetKey.publicKey)}\n`;
    return {
      kind: "notes",
      certificate: await noteOf(signed, ...this.roots),
      keyset: await noteOf(`ioc-vault/keyset/v1\n${this.version}\n${later}\n${listed}\n`, this.keysetKey),
    };
  }

  async call(request: string, { authorization, proof }: Credentials): Promise<Sealed | Refused> {
    this.log.push("call");
    const frame = unbase64(request);
    const token = authorization.replace(/^DPoP /, "");
    const [header, claims] = proof.split(".").slice(0, 2).map((part) => objectOf(unb64u(part)));
    assert.ok(header !== undefined && claims !== undefined);
    const binding = {
      ...claimsOf(token),
      jkt: await thumbprintOf(header["jwk"] as unknown as PublicJwk),
      ath: await athOf(token),
      jti: String(claims["jti"]),
    };
    const kid = await kidOf(await publicKeyOf(this.#seed));
    const opened = await unseal(frame, binding, this.#seed, kid).catch(() => undefined);
    if (opened === undefined) {
      return { kind: "refused", code: "vault.unknown_key" };
    }
    this.calls.push({ opened, proof: claims, token });
    const result = utf8(JSON.stringify({ result: { call: this.calls.length } }));
    const r = crypto.getRandomValues(new Uint8Array(32));
    const honest = await sealAnswer(frame, opened.answerKey, r, result);
    const said = this.said(this.calls.length, honest) ?? honest;
    return said instanceof Uint8Array ? { kind: "answer", octets: base64(said) } : said;
  }
}
