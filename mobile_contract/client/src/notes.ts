/** Signed notes (C2SP signed-note) with Ed25519: a text, an empty line, signature lines. */

import { concat, equal, Malformed, type Octets, sha256, unbase64, utf8 } from "./octets.ts";

export interface Verifier {
  readonly name: string;
  /** 32 octets. */
  readonly key: Octets;
}

interface Signature {
  readonly name: string;
  readonly keyId: Octets;
  readonly octets: Octets;
}

const LONGEST = 64 * 1024;
const KEY_ID = 4;
const SIGNATURE = 64;
const MOST_SIGNATURES = 16;
const LINE = /^\u2014 ([^ +\n]+) ([A-Za-z0-9+/=]+)$/u;

/** The text of a note that every one of `verifiers` signed, once. Others' signatures are passed over. Throws Malformed. */
export async function verifiedText(note: string, verifiers: readonly Verifier[]): Promise<string> {
  const at = note.lastIndexOf("\n\n");
  if (note.length > LONGEST || at < 0 || !note.endsWith("\n")) {
    throw new Malformed("not a signed note");
  }
  const text = note.slice(0, at + 1);
  const lines = linesOf(note.slice(at + 2));
  if (lines.length > MOST_SIGNATURES || verifiers.length === 0) {
    throw new Malformed("too many signatures, or nobody to trust");
  }
  const signatures = lines.map(signatureOf);
  for (const verifier of verifiers) {
    await checkSigned(text, signatures, verifier);
  }
  return text;
}

/** The lines of a text that ends with a line end. */
export function linesOf(text: string): string[] {
  return (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");
}

async function checkSigned(text: string, signatures: readonly Signature[], verifier: Verifier): Promise<void> {
  const id = await keyIdOf(verifier);
  const own = signatures.filter(({ name, keyId }) => name === verifier.name && equal(keyId, id));
  const [signature] = own;
  if (signature === undefined || own.length > 1) {
    throw new Malformed("a signature is missing, or stands twice");
  }
  const key = await crypto.subtle.importKey("raw", verifier.key, "Ed25519", false, ["verify"]);
  if (!(await crypto.subtle.verify("Ed25519", key, signature.octets, utf8(text)))) {
    throw new Malformed("a signature is not valid");
  }
}

/** First 4 octets of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key). */
async function keyIdOf({ name, key }: Verifier): Promise<Octets> {
  return (await sha256(concat(utf8(`${name}\n`), Uint8Array.of(1), key))).slice(0, KEY_ID);
}

function signatureOf(line: string): Signature {
  const [, name, written] = LINE.exec(line) ?? [];
  if (name === undefined || written === undefined) {
    throw new Malformed("not a signature line");
  }
  const octets = unbase64(written);
  if (octets.length !== KEY_ID + SIGNATURE) {
    throw new Malformed("not a signature line");
  }
  return { name, keyId: octets.slice(0, KEY_ID), octets: octets.slice(KEY_ID) };
}
