/** The contract's documents, to the octet: production knows them by their hash. */

import { hex, sha256, utf8 } from "./octets.ts";

export const VAULT_KEYSET = `query VaultKeyset {
  vaultKeyset {
    __typename
    ... on VaultKeyset {
      certificate
      keyset
    }
    ... on Problem {
      code
      message
    }
    ... on VaultRefused {
      nonce
      retryAfterSeconds
    }
  }
}
`;

export const VAULT_CALL = `mutation VaultCall($request: Base64!) {
  vaultCall(request: $request) {
    __typename
    ... on VaultAnswer {
      octets
    }
    ... on Problem {
      code
      message
    }
    ... on VaultRefused {
      nonce
      retryAfterSeconds
    }
  }
}
`;

export async function documentIdOf(text: string): Promise<string> {
  return `sha256:${hex(await sha256(utf8(text)))}`;
}
