/** All that this library throws of its own. Anything else is a fault of the caller's or of this code. */
export abstract class VaultClientError extends Error {
  abstract readonly code: string;
}

/** Not the vault's keys of now: nothing may be sealed to them. Tell the operator, not the person. */
export class KeysetRefused extends VaultClientError {
  override readonly name = "KeysetRefused";
  readonly code = "keyset_refused";
}

/** What came back is no answer of the vault's to this request. Nothing may be done by it. */
export class AnswerNotGenuine extends VaultClientError {
  override readonly name = "AnswerNotGenuine";
  readonly code = "answer_not_genuine";
}

/** The token is not for the vault alone, or lacks what a request is bound to. */
export class TokenRefused extends VaultClientError {
  override readonly name = "TokenRefused";
  readonly code = "token_refused";
}

/** The request has more octets than the vault takes. */
export class RequestTooLarge extends VaultClientError {
  override readonly name = "RequestTooLarge";
  readonly code = "request_too_large";
}

/** What is to be signed is no payload of a statement: it is not signed. */
export class StatementRefused extends VaultClientError {
  override readonly name = "StatementRefused";
  readonly code = "statement_refused";
}

/**
 * Nothing was opened. `said` is unproven, for whoever stands between may have written it: show the person
 * "not available", nothing more.
 */
export class NotAvailable extends VaultClientError {
  override readonly name = "NotAvailable";
  readonly code = "not_available";
  readonly said: string;
  /** Seconds, where the refusal named them. */
  readonly retryAfter: number | undefined;

  constructor(said: string, retryAfter?: number) {
    super(`the vault opened nothing: ${said}`);
    this.said = said;
    this.retryAfter = retryAfter;
  }
}

/** The backend passed nothing on. `status` is HTTP's; `said` its code, unproven too. */
export class BackendRefused extends VaultClientError {
  override readonly name = "BackendRefused";
  readonly code = "backend_refused";
  readonly status: number;
  readonly said: string;

  constructor(status: number, said: string) {
    super(`the backend answered ${status} ${said}`);
    this.status = status;
    this.said = said;
  }
}
