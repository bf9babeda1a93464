/** The backend by GraphQL over HTTP, as the contract has it. */

import type { Backend, Credentials, Refused, Sealed } from "./backend.ts";
import { documentIdOf, VAULT_CALL, VAULT_KEYSET } from "./documents.ts";
import { BackendRefused } from "./errors.ts";
import { isObject, type JsonObject } from "./json.ts";
import type { Notes } from "./keyset.ts";

/** The app's session at the backend: its own token and, for each request, a fresh proof. */
export interface Session {
  /** Headers of a POST to `url`: Authorization, DPoP, Ioc-App, Accept-Language. */
  headers(url: string): Promise<Readonly<Record<string, string>>>;
}

export interface GraphqlOptions {
  /** The backend's `/graphql`. */
  readonly url: string;
  readonly session: Session;
  /** `fetch`, or what stands in for it. */
  readonly send?: typeof fetch;
}

export class GraphqlBackend implements Backend {
  readonly #url: string;
  readonly #session: Session;
  readonly #send: typeof fetch;

  constructor({ url, session, send = fetch }: GraphqlOptions) {
    this.#url = url;
    this.#session = session;
    this.#send = send;
  }

  async notes(): Promise<({ readonly kind: "notes" } & Notes) | Refused> {
    const said = await this.#ask(VAULT_KEYSET, "vaultKeyset", {}, {});
    const { certificate, keyset } = said;
    if (said["__typename"] === "VaultKeyset" && typeof certificate === "string" && typeof keyset === "string") {
      return { kind: "notes", certificate, keyset };
    }
    return refusedOf(said);
  }

  async call(request: string, { authorization, proof }: Credentials): Promise<Sealed | Refused> {
    const headers = { "Vault-Authorization": authorization, "Vault-DPoP": proof };
    const said = await this.#ask(VAULT_CALL, "vaultCall", { request }, headers);
    const { octets } = said;
    if (said["__typename"] === "VaultAnswer" && typeof octets === "string") {
      return { kind: "answer", octets };
    }
    return refusedOf(said);
  }

  async #ask(
    document: string,
    field: string,
    variables: JsonObject,
    more: Readonly<Record<string, string>>,
  ): Promise<JsonObject> {
    const response = await this.#send(this.#url, {
      method: "POST",
      redirect: "error",
      headers: {
        Accept: "application/graphql-response+json",
        "Content-Type": "application/json",
        ...(await this.#session.headers(this.#url)),
        ...more,
      },
      body: JSON.stringify({ documentId: await documentIdOf(document), variables }),
    });
    const body: unknown = await response.json().catch(() => null);
    const data = isObject(body) ? body["data"] : null;
    const said = isObject(data) ? data[field] : null;
    if (!response.ok || !isObject(said)) {
      throw new BackendRefused(response.status, codeOf(body));
    }
    return said;
  }
}

function refusedOf(said: JsonObject): Refused {
  const { code, nonce, retryAfterSeconds } = said;
  return {
    kind: "refused",
    code: typeof code === "string" ? code : "unknown",
    nonce: typeof nonce === "string" ? nonce : undefined,
    retryAfter: typeof retryAfterSeconds === "number" ? retryAfterSeconds : undefined,
  };
}

function codeOf(body: unknown): string {
  const errors = isObject(body) ? body["errors"] : null;
  const first: unknown = Array.isArray(errors) ? errors[0] : null;
  const extensions = isObject(first) ? first["extensions"] : null;
  const code = isObject(extensions) ? extensions["code"] : null;
  return typeof code === "string" ? code : "unknown";
}
