/** Octets and their writings: what several formats share. */

export type Octets = Uint8Array<ArrayBuffer>;

/** Octets or text that no format here writes. Within this library alone: each format turns it into its own error. */
export class Malformed extends Error {
  override readonly name = "Malformed";
}

const CHUNK = 0x8000;

export function concat(...parts: readonly Octets[]): Octets {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function equal(one: Octets, other: Octets): boolean {
  return one.length === other.length && one.every((octet, at) => octet === other[at]);
}

/** UTF-8; throws Malformed for half of a surrogate pair, which has none. */
export function utf8(text: string): Octets {
  if (!text.isWellFormed()) {
    throw new Malformed("not Unicode");
  }
  return new TextEncoder().encode(text);
}

export function ascii(text: string): Octets {
  const octets = Uint8Array.from(text, (character) => character.charCodeAt(0));
  if (octets.length !== text.length || !/^[\0-\x7f]*$/.test(text)) {
    throw new Malformed("not ASCII");
  }
  return octets;
}

/** u16 length and the octets; text is ASCII as it stands. */
export function lp(part: Octets | string): Octets {
  const octets = typeof part === "string" ? ascii(part) : part;
  if (octets.length > 0xffff) {
    throw new Malformed("longer than 65,535 octets");
  }
  return concat(Uint8Array.of(octets.length >> 8, octets.length & 0xff), octets);
}

export function u32(number: number): Octets {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setUint32(0, number);
  return octets;
}

export function hex(octets: Octets): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

export function unhex(text: string): Octets {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) {
    throw new Malformed("not hexadecimal");
  }
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function base64(octets: Octets): string {
  let text = "";
  for (let at = 0; at < octets.length; at += CHUNK) {
    text += String.fromCharCode(...octets.subarray(at, at + CHUNK));
  }
  return btoa(text);
}

/** Standard base64 exactly as `base64` writes it. */
export function unbase64(text: string): Octets {
  let raw: string;
  try {
    raw = atob(text);
  } catch {
    throw new Malformed("not base64");
  }
  const octets = Uint8Array.from(raw, (character) => character.charCodeAt(0));
  if (base64(octets) !== text) {
    throw new Malformed("not base64 as it is written");
  }
  return octets;
}

/** Base64url without padding (RFC 4648, 5). */
export function b64u(octets: Octets): string {
  return base64(octets).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function unb64u(text: string): Octets {
  const standard = text.replaceAll("-", "+").replaceAll("_", "/");
  const octets = unbase64(standard + "=".repeat((4 - (standard.length % 4)) % 4));
  if (b64u(octets) !== text) {
    throw new Malformed("not base64url as it is written");
  }
  return octets;
}

export async function sha256(octets: Octets): Promise<Octets> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", octets));
}
