/**
 * A test client: one call to a running vault. `node tools/call.ts` reads its settings as JSON from standard input
 * and prints the opened answer, or, with exit code 1, the code of what went wrong to standard error, and nothing else.
 */

import { readFileSync } from "node:fs";

import {
  GraphqlBackend,
  type JsonObject,
  makeProof,
  NOTHING_SEEN,
  type Seen,
  unhex,
  VaultClient,
  VaultClientError,
  WebCryptoDevice,
} from "../src/index.ts";

interface Settings {
  /** The backend's `/graphql`, as proofs name it. */
  readonly graphqlUrl: string;
  /** Where requests are sent instead, when something stands between. */
  readonly through?: string;
  /** The vault's, as proofs name it. */
  readonly vaultUrl: string;
  /** Hexadecimal. */
  readonly roots: readonly [string, string];
  /** The device's private JWK: in a file of a test, which no app would do. */
  readonly device: JsonWebKey;
  readonly backendToken: string;
  readonly vaultToken: string;
  readonly operation: string;
  readonly parameters: JsonObject;
  /** How often the same is asked, one after another. */
  readonly times: number;
}

async function deviceOf(jwk: JsonWebKey): Promise<WebCryptoDevice> {
  const how = { name: "ECDSA", namedCurve: "P-256" };
  const { kty = "", crv = "", x = "", y = "" } = jwk;
  return await WebCryptoDevice.of({
    publicKey: await crypto.subtle.importKey("jwk", { kty, crv, x, y }, how, true, ["verify"]),
    privateKey: await crypto.subtle.importKey("jwk", jwk, how, false, ["sign"]),
  });
}

async function main(settings: Settings): Promise<void> {
  const device = await deviceOf(settings.device);
  const { graphqlUrl, through, backendToken, vaultToken } = settings;
  const session = {
    headers: async (url: string): Promise<Record<string, string>> => {
      const of = { method: "POST", url, token: backendToken, jti: crypto.randomUUID(), now: new Date() } as const;
      return { Authorization: `DPoP ${backendToken}`, DPoP: await makeProof(device, of), "Accept-Language": "en" };
    },
  };
  const send: typeof fetch = (url, request) => fetch(through ?? url, request);
  let seen: Seen = NOTHING_SEEN;
  const client = new VaultClient({
    backend: new GraphqlBackend({ url: graphqlUrl, session, send }),
    device,
    tokens: { current: () => Promise.resolve(vaultToken), renewed: () => Promise.resolve(vaultToken) },
    roots: [unhex(settings.roots[0]), unhex(settings.roots[1])],
    seen: {
      load: () => Promise.resolve(seen),
      save: (versions) => {
        seen = versions;
        return Promise.resolve();
      },
    },
    url: settings.vaultUrl,
  });
  for (let call = 0; call < settings.times; call++) {
    process.stdout.write(`${JSON.stringify(await client.call(settings.operation, settings.parameters))}\n`);
  }
}

try {
  await main(JSON.parse(readFileSync(0, "utf-8")) as Settings);
} catch (error) {
  if (!(error instanceof VaultClientError)) {
    throw error;
  }
  process.stderr.write(`${JSON.stringify({ code: error.code, message: error.message })}\n`);
  process.exitCode = 1;
}
