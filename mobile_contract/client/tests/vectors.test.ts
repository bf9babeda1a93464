/** What a client must reproduce, open and refuse: every member of the vectors. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { openAnswer } from "../src/answer.ts";
import { thumbprintOf, WebCryptoDevice } from "../src/device.ts";
import { AnswerNotGenuine } from "../src/errors.ts";
import { paddedLength } from "../src/frames.ts";
import { objectOf } from "../src/json.ts";
import { accept } from "../src/keyset.ts";
import { ascii, concat, hex, lp, type Octets, unb64u, unhex, utf8 } from "../src/octets.ts";
import { athOf, digestOf, makeProof } from "../src/proof.ts";
import { infoOf, seal } from "../src/request.ts";
import { kidOf } from "../src/suite.ts";
import { publicKeyOf, sealAnswer, unseal } from "./vault.ts";
import { type Refusal, vectors } from "./vectors.ts";

const seed = unhex(vectors.requestKey.seed);
const kid = unhex(vectors.requestKey.kid);
const frame = unhex(vectors.request.octets);
const answerKey = unhex(vectors.request.answerKey);
const operationId = unhex(vectors.request.operationId);
const json = utf8(vectors.request.json);
const answer = unhex(vectors.answer.octets);
const { crv, kty, x, y } = vectors.device;

function changed(octets: Octets, { xorAt, with: bits, cutTo }: Refusal): Octets {
  if (cutTo !== undefined) {
    return octets.slice(0, cutTo);
  }
  assert.ok(xorAt !== undefined && bits !== undefined);
  const copy = octets.slice();
  copy.set([(octets[xorAt] ?? 0) ^ bits], xorAt);
  return copy;
}

test("each member of the vectors has a test here", () => {
  const tested = ["device", "padding", "requestKey", "binding", "request", "proof", "nonce", "answer", "keyset", "refused"];
  assert.deepEqual(Object.keys(vectors), tested);
});

test("device: its thumbprint is what requests are bound to", async () => {
  assert.equal(await thumbprintOf({ crv, kty, x, y }), vectors.binding.jkt);
});

test("padding", () => {
  for (const [length, padded] of vectors.padding) {
    assert.equal(paddedLength(length), padded, `${length}`);
  }
});

test("requestKey: the seed's public key, and its id", async () => {
  assert.equal(hex(await publicKeyOf(seed)), vectors.requestKey.public);
  assert.equal(hex(await kidOf(unhex(vectors.requestKey.public))), vectors.requestKey.kid);
});

test("binding: `info` and `ath`", async () => {
  assert.equal(hex(infoOf(vectors.binding, kid)), vectors.request.info);
  assert.equal(await athOf(vectors.proof.token), vectors.binding.ath);
});

test("request: it opens to what was sealed", async () => {
  const opened = await unseal(frame, vectors.binding, seed, kid);
  assert.deepEqual(opened, { answerKey, operationId, json });
});

test("request: what this client seals, the vault's key opens", async () => {
  const made = await seal(unhex(vectors.requestKey.public), vectors.binding, answerKey, operationId, json);
  assert.deepEqual(await unseal(made, vectors.binding, seed, kid), { answerKey, operationId, json });
  assert.equal(made.length, frame.length);
  assert.notEqual(hex(made), hex(frame));
});

for (const member of ["iss", "sub", "sid", "jkt", "ath", "jti"] as const) {
  test(`request: bound to another ${member} it does not open`, async () => {
    const other = { ...vectors.binding, [member]: `${vectors.binding[member]}x` };
    await assert.rejects(unseal(frame, other, seed, kid));
  });
}

test("proof: the device's signature over the claims of this request", async () => {
  const [header = "", claims = "", signature = ""] = vectors.proof.jws.split(".");
  const key = { name: "ECDSA", namedCurve: "P-256" };
  const publicKey = await crypto.subtle.importKey("jwk", { crv, kty, x, y }, key, false, ["verify"]);
  const how = { name: "ECDSA", hash: "SHA-256" };
  assert.ok(await crypto.subtle.verify(how, publicKey, unb64u(signature), ascii(`${header}.${claims}`)));
  assert.equal(objectOf(unb64u(claims))["digest"], await digestOf(frame));
  assert.equal(await digestOf(frame), vectors.proof.digest);
});

test("proof: this client makes the same header and claims, and a signature that is good", async () => {
  const how = { name: "ECDSA", namedCurve: "P-256" };
  const publicKey = await crypto.subtle.importKey("jwk", { crv, kty, x, y }, how, true, ["verify"]);
  const privateKey = await crypto.subtle.importKey("jwk", { ...vectors.device }, how, false, ["sign"]);
  const device = await WebCryptoDevice.of({ publicKey, privateKey });
  const { url, token, nonce, jws } = vectors.proof;
  const now = new Date(vectors.nonce.at);
  const made = await makeProof(device, { method: "POST", url, token, jti: vectors.binding.jti, now, nonce, body: frame });
  const [header = "", claims = "", signature = ""] = made.split(".");
  const [kept = "", keptClaims = ""] = jws.split(".");
  assert.deepEqual(objectOf(unb64u(header)), objectOf(unb64u(kept)));
  assert.deepEqual(objectOf(unb64u(claims)), objectOf(unb64u(keptClaims)));
  const ecdsa = { name: "ECDSA", hash: "SHA-256" };
  assert.ok(await crypto.subtle.verify(ecdsa, publicKey, unb64u(signature), ascii(`${header}.${claims}`)));
});

test("nonce: opaque to apps; the vault's way of making it", async () => {
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", unhex(vectors.nonce.key), hmac, false, ["sign"]);
  const bucket = new Uint8Array(8);
  new DataView(bucket.buffer).setBigUint64(0, BigInt(Date.parse(vectors.nonce.at)) / 1000n / 120n);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, concat(lp("ioc-vault/nonce/v1"), bucket)));
  assert.deepEqual(unb64u(vectors.nonce.nonce), concat(Uint8Array.of(1), mac.slice(0, 16)));
});

test("answer: it opens to what the vault said", async () => {
  const { result } = JSON.parse(vectors.answer.json) as { result: object };
  assert.deepEqual(await openAnswer(answer, answerKey, frame), { kind: "result", result });
});

test("answer: the vault's half makes the same octets", async () => {
  const made = await sealAnswer(frame, answerKey, unhex(vectors.answer.r), utf8(vectors.answer.json));
  assert.equal(hex(made), vectors.answer.octets);
});

test("answer: to another request, or under another key, it is not genuine", async () => {
  const other = frame.slice();
  other.set([(frame[2000] ?? 0) ^ 1], 2000);
  await assert.rejects(openAnswer(answer, answerKey, other), AnswerNotGenuine);
  const key = answerKey.slice();
  key.set([(answerKey[0] ?? 0) ^ 1]);
  await assert.rejects(openAnswer(answer, key, frame), AnswerNotGenuine);
});

test("keyset: both notes, the vault's key first", async () => {
  const { roots, now, certificateVersion, keysetVersion } = vectors.keyset;
  const seen = { certificate: BigInt(certificateVersion), keyset: BigInt(keysetVersion) };
  const [first, second] = [unhex(roots[0]), unhex(roots[1])];
  const [keyset, versions] = await accept(vectors.keyset, [first, second], seen, new Date(now));
  assert.equal(hex(keyset.keys[0].publicKey), vectors.requestKey.public);
  assert.deepEqual(versions, seen);
});

for (const refusal of vectors.refused) {
  test(`refused: ${refusal.of}, ${refusal.name}`, async () => {
    if (refusal.of === "request") {
      await assert.rejects(unseal(changed(frame, refusal), vectors.binding, seed, kid));
    } else {
      await assert.rejects(openAnswer(changed(answer, refusal), answerKey, frame), AnswerNotGenuine);
    }
  });
}
