export type { Outcome } from "./answer.ts";
export type { Backend, Credentials, Refused, Sealed } from "./backend.ts";
export { MOST_TRIES, type SeenStore, type Tokens, VaultClient, type VaultOptions } from "./client.ts";
export { type Device, type PublicJwk, thumbprintOf, WebCryptoDevice } from "./device.ts";
export {
  AnswerNotGenuine,
  BackendRefused,
  KeysetRefused,
  NotAvailable,
  RequestTooLarge,
  StatementRefused,
  TokenRefused,
  VaultClientError,
} from "./errors.ts";
export { GraphqlBackend, type GraphqlOptions, type Session } from "./graphql.ts";
export type { Json, JsonObject } from "./json.ts";
export { type Keyset, NOTHING_SEEN, type Notes, type Roots, type Seen } from "./keyset.ts";
export { type Octets, unhex } from "./octets.ts";
export { type StatementSignature, shownOf, signStatement } from "./statement.ts";
export { makeProof, type ProofOf } from "./proof.ts";
