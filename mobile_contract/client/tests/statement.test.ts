/** An approver's signature is the one that the vectors' statements carry, and nothing else is signed. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { thumbprintOf, type PublicJwk, WebCryptoDevice } from "../src/device.ts";
import { StatementRefused } from "../src/errors.ts";
import { ascii, b64u, unb64u, utf8 } from "../src/octets.ts";
import { shownOf, signStatement, type StatementSignature } from "../src/statement.ts";

interface Vectors {
  readonly devices: Readonly<Record<string, PublicJwk & { readonly d: string }>>;
  readonly statements: readonly { readonly kind: string; readonly payload: string; readonly octets: string }[];
}

const file = new URL("../../vectors/vault/statement.json", import.meta.url);
const vectors = JSON.parse(readFileSync(file, "utf-8")) as Vectors;
const P256 = { name: "ECDSA", namedCurve: "P-256" };

async function verifies({ crv, kty, x, y }: PublicJwk, payload: string, one: StatementSignature): Promise<boolean> {
  const key = await crypto.subtle.importKey("jwk", { crv, kty, x, y }, P256, false, ["verify"]);
  const signed = ascii(`${one.protected}.${payload}`);
  return await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, unb64u(one.signature), signed);
}

for (const { kind, payload, octets } of vectors.statements.slice(1)) {
  test(`${kind}: signed as the vectors' approvers did`, async () => {
    const kept = JSON.parse(octets) as { payload: string; signatures: StatementSignature[] };
    assert.deepEqual(shownOf(kept.payload), JSON.parse(payload));
    for (const one of kept.signatures) {
      const header = JSON.parse(new TextDecoder().decode(unb64u(one.protected))) as { kid: string };
      const devices = Object.values(vectors.devices);
      const ids = await Promise.all(devices.map(thumbprintOf));
      const jwk = devices[ids.indexOf(header.kid)];
      assert.ok(jwk !== undefined && (await verifies(jwk, kept.payload, one)));
      const { crv, kty, x, y } = jwk;
      const publicKey = await crypto.subtle.importKey("jwk", { crv, kty, x, y }, P256, true, ["verify"]);
      const privateKey = await crypto.subtle.importKey("jwk", { ...jwk }, P256, false, ["sign"]);
      const made = await signStatement(await WebCryptoDevice.of({ publicKey, privateKey }), kept.payload);
      assert.equal(made.protected, one.protected);
      assert.ok(await verifies(jwk, kept.payload, made));
    }
  });
}

for (const text of ['{"v":2,"kind":"lock"}', '{"v":1}', '{"v":1,"kind":"lock","kind":"post"}', "[]", "{"]) {
  test(`not signed: ${text}`, async () => {
    await assert.rejects(signStatement(await WebCryptoDevice.generate(), b64u(utf8(text))), StatementRefused);
  });
}

test("not signed: padded base64url", async () => {
  const payload = `${b64u(utf8('{"v":1,"kind":"lock"}'))}=`;
  await assert.rejects(signStatement(await WebCryptoDevice.generate(), payload), StatementRefused);
});
