/** What goes to the backend, and what is made of its answers. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { documentIdOf, VAULT_CALL, VAULT_KEYSET } from "../src/documents.ts";
import { BackendRefused } from "../src/errors.ts";
import { GraphqlBackend } from "../src/graphql.ts";

const URL_ = "https://api.example/graphql";

function backend(status: number, body: string, asked: RequestInit[] = []): GraphqlBackend {
  const send: typeof fetch = (_, request = {}) => {
    asked.push(request);
    return Promise.resolve(new Response(body, { status }));
  };
  const headers = (): Promise<Record<string, string>> => Promise.resolve({ Authorization: "DPoP own" });
  return new GraphqlBackend({ url: URL_, session: { headers }, send });
}

test("the documents are the contract's, to the octet", () => {
  for (const [name, text] of [["VaultCall", VAULT_CALL], ["VaultKeyset", VAULT_KEYSET]] as const) {
    const file = new URL(`../../operations/${name}.graphql`, import.meta.url);
    assert.equal(readFileSync(file, "utf-8"), text);
  }
});

test("a call goes by the document's id, with the vault's credentials beside the session's", async () => {
  const asked: RequestInit[] = [];
  const body = JSON.stringify({ data: { vaultCall: { __typename: "VaultAnswer", octets: "AQ==" } } });
  const said = await backend(200, body, asked).call("AAAA", { authorization: "DPoP vaults", proof: "p" });
  assert.deepEqual(said, { kind: "answer", octets: "AQ==" });
  const [request] = asked;
  const sent: unknown = JSON.parse(String(request?.body));
  assert.deepEqual(sent, { documentId: await documentIdOf(VAULT_CALL), variables: { request: "AAAA" } });
  const headers = new Headers(request?.headers);
  const names = ["Authorization", "Vault-Authorization", "Vault-DPoP"];
  assert.deepEqual(names.map((name) => headers.get(name)), ["DPoP own", "DPoP vaults", "p"]);
});

test("a refusal keeps its code, nonce and seconds, and nothing of another form", async () => {
  const said = { __typename: "VaultRefused", code: "vault.use_nonce", nonce: "n", retryAfterSeconds: "7" };
  const refused = await backend(200, JSON.stringify({ data: { vaultKeyset: said } })).notes();
  assert.deepEqual(refused, { kind: "refused", code: "vault.use_nonce", nonce: "n", retryAfter: undefined });
});

test("an answer without its octets is none", async () => {
  const body = JSON.stringify({ data: { vaultCall: { __typename: "VaultAnswer", octets: null } } });
  const said = await backend(200, body).call("AAAA", { authorization: "", proof: "" });
  assert.equal(said.kind, "refused");
});

for (const [status, body, code] of [
  [401, '{"errors":[{"extensions":{"code":"identity.token_expired"}}]}', "identity.token_expired"],
  [200, '{"data":null,"errors":[{"extensions":{"code":"common.internal"}}]}', "common.internal"],
  [502, "<html>", "unknown"],
  [200, "[]", "unknown"],
] as const) {
  test(`${status} ${code} is the backend's refusal`, async () => {
    await assert.rejects(
      backend(status, body).notes(),
      (error) => error instanceof BackendRefused && error.status === status && error.said === code,
    );
  });
}
