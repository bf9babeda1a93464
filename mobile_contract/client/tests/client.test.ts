/** The call from the device's side, against a vault that really opens and seals. */

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Refused } from "../src/backend.ts";
import { MOST_TRIES, type SeenStore, type Tokens, VaultClient, type VaultOptions } from "../src/client.ts";
import { WebCryptoDevice } from "../src/device.ts";
import { AnswerNotGenuine, KeysetRefused, NotAvailable, RequestTooLarge, TokenRefused } from "../src/errors.ts";
import { NOTHING_SEEN, type Seen } from "../src/keyset.ts";
import { b64u, base64, hex, type Octets, utf8 } from "../src/octets.ts";
import { FakeVault, sealAnswer } from "./vault.ts";

const START = new Date("2026-11-28T08:00:00Z");
const useNonce = (nonce?: string): Refused => ({ kind: "refused", code: "vault.use_nonce", nonce });

function tokenOf(name: string, aud: unknown = "ioc-vault"): string {
  const claims = { iss: "https://login.example/realms/hanoi-ioc", sub: "person-1", sid: "session-1", aud, name };
  return ["{}", JSON.stringify(claims), "signature"].map((part) => b64u(utf8(part))).join(".");
}

class Store implements SeenStore {
  seen: Seen = NOTHING_SEEN;
  readonly #log: string[];

  constructor(log: string[]) {
    this.#log = log;
  }

  load(): Promise<Seen> {
    return Promise.resolve(this.seen);
  }

  save(seen: Seen): Promise<void> {
    this.#log.push("saved");
    this.seen = seen;
    return Promise.resolve();
  }
}

class HeldTokens implements Tokens {
  token = tokenOf("first");
  renewals = 0;

  current(): Promise<string> {
    return Promise.resolve(this.token);
  }

  renewed(): Promise<string> {
    this.renewals += 1;
    this.token = tokenOf(`renewed ${this.renewals}`);
    return Promise.resolve(this.token);
  }
}

async function met(changes: Partial<VaultOptions> = {}): Promise<{
  vault: FakeVault;
  client: VaultClient;
  store: Store;
  tokens: HeldTokens;
}> {
  const vault = await FakeVault.at(START);
  const store = new Store(vault.log);
  const tokens = new HeldTokens();
  const client = new VaultClient({
    backend: vault,
    device: await WebCryptoDevice.generate(),
    tokens,
    roots: [vault.roots[0].publicKey, vault.roots[1].publicKey],
    seen: store,
    url: "https://vault.example/v1/call",
    now: () => vault.now,
    ...changes,
  });
  return { vault, client, store, tokens };
}

test("a request is sealed, proven, answered and opened", async () => {
  const { vault, client } = await met();
  const said = await client.call("hello", { to: "Hà Nội" });
  assert.deepEqual(said, { kind: "result", result: { call: 1 } });
  const [call] = vault.calls;
  assert.ok(call !== undefined);
  const asked = { operation: "hello", parameters: { to: "Hà Nội" } };
  assert.deepEqual(JSON.parse(new TextDecoder().decode(call.opened.json)), asked);
  assert.equal(call.proof["iat"], START.getTime() / 1000);
});

test("the highest versions are kept before anything is sealed", async () => {
  const { vault, client, store } = await met();
  await client.call("hello");
  assert.deepEqual(vault.log, ["notes", "saved", "call"]);
  assert.deepEqual(store.seen, { certificate: 3n, keyset: 7n });
});

test("keys are fetched once, and again when they have run out", async () => {
  const { vault, client } = await met();
  await client.call("hello");
  await client.call("hello");
  vault.now = new Date(START.getTime() + 24 * 3600 * 1000);
  await client.call("hello");
  assert.deepEqual(vault.log, ["notes", "saved", "call", "call", "notes", "saved", "call"]);
});

test("a nonce is taken into the next proof, and a try shares nothing with another but the operation id", async () => {
  const { vault, client } = await met();
  vault.said = (call) => (call === 1 ? useNonce("AZ09_-") : undefined);
  const operationId = client.newOperationId();
  assert.deepEqual(await client.call("hello", {}, operationId), { kind: "result", result: { call: 2 } });
  assert.deepEqual(
    vault.calls.map(({ proof }) => proof["nonce"]),
    [undefined, "AZ09_-"],
  );
  assert.equal(new Set(vault.calls.map(({ opened }) => hex(opened.answerKey))).size, 2);
  assert.equal(new Set(vault.calls.map(({ proof }) => proof["jti"])).size, 2);
  assert.deepEqual(
    vault.calls.map(({ opened }) => hex(opened.operationId)),
    [hex(operationId), hex(operationId)],
  );
});

test("two intentions have two operation ids", async () => {
  const { vault, client } = await met();
  await client.call("hello");
  await client.call("hello");
  assert.equal(new Set(vault.calls.map(({ opened }) => hex(opened.operationId))).size, 2);
});

test("a vault with a new key is met with its new keyset", async () => {
  const { vault, client, store } = await met();
  await client.call("hello");
  vault.renewKey();
  assert.deepEqual(await client.call("hello"), { kind: "result", result: { call: 2 } });
  assert.equal(store.seen.keyset, 8n);
});

test("a refused token is renewed, and the request sealed anew for it", async () => {
  const { vault, client, tokens } = await met();
  vault.said = (call) => (call === 1 ? { kind: "refused", code: "vault.unauthenticated" } : undefined);
  await client.call("hello");
  assert.deepEqual(
    vault.calls.map(({ token }) => token),
    [tokenOf("first"), tokenOf("renewed 1")],
  );
  assert.equal(tokens.renewals, 1);
});

for (const code of ["vault.use_nonce", "vault.unknown_key", "vault.unauthenticated"]) {
  test(`${code} for ever ends after ${MOST_TRIES} tries`, async () => {
    const { vault, client } = await met();
    vault.said = () => ({ kind: "refused", code, nonce: "AZ09" });
    await assert.rejects(client.call("hello"), { name: "NotAvailable", code: "not_available", said: code });
    assert.equal(vault.calls.length, MOST_TRIES);
  });
}

for (const code of ["vault.too_large", "vault.unavailable", "common.forbidden", "anything"]) {
  test(`${code} is not tried again`, async () => {
    const { vault, client } = await met();
    vault.said = () => ({ kind: "refused", code, retryAfter: 7 });
    await assert.rejects(client.call("hello"), { name: "NotAvailable", said: code, retryAfter: 7 });
    assert.equal(vault.calls.length, 1);
  });
}

test("text that no vault writes as a nonce is not signed", async () => {
  for (const nonce of [undefined, "", "a b", "ä", "x".repeat(65)]) {
    const { vault, client } = await met();
    vault.said = () => useNonce(nonce);
    await assert.rejects(client.call("hello"), NotAvailable);
    assert.equal(vault.calls.length, 1);
  }
});

test("someone else's answer is not opened, and nothing follows", async () => {
  const { vault, client } = await met();
  const kept: Octets[] = [];
  vault.said = (_, honest) => kept[kept.push(honest) - 2];
  await client.call("hello");
  const before = vault.log.length;
  await assert.rejects(client.call("hello"), AnswerNotGenuine);
  assert.deepEqual(vault.log.slice(before), ["call"]);
});

test("an answer that the backend made, changed or cut is not opened", async () => {
  const forge: ((honest: Octets) => Octets)[] = [
    () => new Uint8Array(4096),
    () => new Uint8Array(),
    (honest) => honest.slice(0, -1),
    (honest) => honest.map((octet, at) => (at === 100 ? octet ^ 1 : octet)),
  ];
  for (const forged of forge) {
    const { vault, client } = await met();
    vault.said = (_, honest) => forged(honest);
    await assert.rejects(client.call("hello"), AnswerNotGenuine);
    assert.equal(vault.calls.length, 1);
  }
});

test("octets that are not base64 are no answer", async () => {
  const { vault, client } = await met();
  const call = vault.call.bind(vault);
  vault.call = async (request, credentials) => {
    const said = await call(request, credentials);
    return said.kind === "answer" ? { ...said, octets: `${said.octets}\n` } : said;
  };
  await assert.rejects(client.call("hello"), AnswerNotGenuine);
});

test("a sealed problem is an outcome, with its code", async () => {
  const { vault, client } = await met();
  const call = vault.call.bind(vault);
  vault.call = async (request, credentials) => {
    await call(request, credentials);
    const last = vault.calls.at(-1);
    assert.ok(last !== undefined);
    const frame = Uint8Array.from(atob(request), (character) => character.charCodeAt(0));
    const problem = utf8(JSON.stringify({ problem: { code: "vault.unknown_operation" } }));
    const sealed = await sealAnswer(frame, last.opened.answerKey, new Uint8Array(32), problem);
    return { kind: "answer", octets: base64(sealed) };
  };
  const code = "vault.unknown_operation";
  assert.deepEqual(await client.call("what"), { kind: "problem", code, problem: { code } });
});

test("an older keyset than was seen stops the call before anything is sealed", async () => {
  const { vault, client, store } = await met();
  store.seen = { certificate: 3n, keyset: 8n };
  await assert.rejects(client.call("hello"), KeysetRefused);
  assert.deepEqual(vault.log, ["notes"]);
  assert.deepEqual(store.seen, { certificate: 3n, keyset: 8n });
});

test("a token for more than the vault, or for another service, is never sent", async () => {
  for (const aud of ["ioc-backend", ["ioc-vault", "ioc-backend"], ["ioc-vault"], null]) {
    const { vault, client, tokens } = await met();
    tokens.token = tokenOf("wrong", aud);
    await assert.rejects(client.call("hello"), TokenRefused);
    assert.equal(vault.log.includes("call"), false);
  }
});

test("what the vault would not take is not sent", async () => {
  const { vault, client } = await met();
  await assert.rejects(client.call("hello", { text: "x".repeat(64 * 1024) }), RequestTooLarge);
  assert.equal(vault.log.includes("call"), false);
});
