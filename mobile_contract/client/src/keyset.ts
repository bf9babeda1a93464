/**
 * Which keys requests are sealed to: two offline roots sign the keyset key, that signs the daily keyset.
 *
 * An app pins the roots and keeps the highest versions that it saw: it takes nothing older, whoever sends it.
 */

import { KeysetRefused } from "./errors.ts";
import { linesOf, verifiedText } from "./notes.ts";
import { hex, Malformed, equal, type Octets, unbase64 } from "./octets.ts";
import { kidOf, PUBLIC_KEY, SUITE } from "./suite.ts";

export interface ListedKey {
  readonly publicKey: Octets;
  /** Nothing is sealed to it from this moment on. */
  readonly notAfter: Date;
}

/** The keys of a day that still live, the one to use first. */
export interface Keyset {
  readonly version: bigint;
  readonly expires: Date;
  readonly keys: readonly [ListedKey, ...ListedKey[]];
}

/** The highest versions that this app has taken so far: kept with the app's data. */
export interface Seen {
  readonly certificate: bigint;
  readonly keyset: bigint;
}

export const NOTHING_SEEN: Seen = { certificate: 0n, keyset: 0n };

export interface Notes {
  readonly certificate: string;
  readonly keyset: string;
}

export type Roots = readonly [Octets, Octets];

const ROOT_NAME = "ioc.hanoi.gov.vn/vault/root";
const KEYSET_NAME = "ioc.hanoi.gov.vn/vault/keyset";
const CERTIFICATE = "ioc-vault/keyset-key/v1";
const KEYSET = "ioc-vault/keyset/v1";
const LONGEST_LIFE_MS = 48 * 3600 * 1000;
const SKEW_MS = 5 * 60 * 1000;
const MOST_KEYS = 8;
const VERSION = /^[1-9][0-9]{0,17}$/;
const MOMENT = /^[0-9]{4}(?:-[0-9]{2}){2}T[0-9]{2}(?::[0-9]{2}){2}Z$/;
const KEY_LINE = /^([0-9a-f]{16}) ([0-9a-f]{12}) ([A-Za-z0-9+/=]+) (\S+)$/;

/** The keys of now, and the versions to keep before any of them is used. Throws KeysetRefused. */
export async function accept(notes: Notes, roots: Roots, seen: Seen, now: Date): Promise<[Keyset, Seen]> {
  try {
    return await accepted(notes, roots, seen, now);
  } catch (error) {
    if (error instanceof Malformed) {
      throw new KeysetRefused(error.message);
    }
    throw error;
  }
}

async function accepted(notes: Notes, roots: Roots, seen: Seen, now: Date): Promise<[Keyset, Seen]> {
  if (equal(...roots)) {
    throw new Malformed("two roots are two keys");
  }
  const signers = roots.map((key) => ({ name: ROOT_NAME, key }));
  const certificate = certificateOf(await verifiedText(notes.certificate, signers));
  const signer = { name: KEYSET_NAME, key: certificate.key };
  const found = await keysetOf(await verifiedText(notes.keyset, [signer]));
  if (certificate.version < seen.certificate || found.version < seen.keyset) {
    throw new Malformed("older than what was seen");
  }
  if (certificate.notAfter <= now || found.expires <= now) {
    throw new Malformed("it has run out");
  }
  if (found.expires.getTime() > now.getTime() + LONGEST_LIFE_MS + SKEW_MS) {
    throw new Malformed("it would live longer than 48 hours");
  }
  const [first, ...rest] = found.keys.filter((key) => key.notAfter > now);
  if (first === undefined) {
    throw new Malformed("no key of it lives");
  }
  return [
    { version: found.version, expires: found.expires, keys: [first, ...rest] },
    { certificate: certificate.version, keyset: found.version },
  ];
}

function certificateOf(text: string): { version: bigint; notAfter: Date; key: Octets } {
  const [kind, version, notAfter, key, ...more] = linesOf(text);
  if (kind !== CERTIFICATE || more.length > 0) {
    throw new Malformed("not a keyset key's certificate");
  }
  const octets = unbase64(key ?? "");
  if (octets.length !== 32) {
    throw new Malformed("a keyset key has 32 octets");
  }
  return { version: versionOf(version), notAfter: momentOf(notAfter), key: octets };
}

async function keysetOf(text: string): Promise<{ version: bigint; expires: Date; keys: ListedKey[] }> {
  const [kind, version, expires, ...listed] = linesOf(text);
  if (kind !== KEYSET || listed.length < 1 || listed.length > MOST_KEYS) {
    throw new Malformed("not a keyset");
  }
  const keys = await Promise.all(listed.map(listedKeyOf));
  return { version: versionOf(version), expires: momentOf(expires), keys };
}

async function listedKeyOf(line: string): Promise<ListedKey> {
  const [, kid, suite, key, notAfter] = KEY_LINE.exec(line) ?? [];
  if (suite !== hex(SUITE)) {
    throw new Malformed("not a key of this suite");
  }
  const publicKey = unbase64(key ?? "");
  if (publicKey.length !== PUBLIC_KEY || hex(await kidOf(publicKey)) !== kid) {
    throw new Malformed("a key that is not what its id says");
  }
  return { publicKey, notAfter: momentOf(notAfter) };
}

/** A bigint: versions have up to 18 digits, a number holds 15. */
function versionOf(text: string | undefined): bigint {
  if (text === undefined || !VERSION.test(text)) {
    throw new Malformed("not a version");
  }
  return BigInt(text);
}

function momentOf(text: string | undefined): Date {
  const moment = new Date(text !== undefined && MOMENT.test(text) ? text : Number.NaN);
  // A day that no month has would become one of the next month.
  if (Number.isNaN(moment.getTime()) || moment.toISOString() !== text?.replace("Z", ".000Z")) {
    throw new Malformed("not a moment");
  }
  return moment;
}
