/** An app takes no older keys, no longer-lived ones, and none that both pinned roots did not sign. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { KeysetRefused } from "../src/errors.ts";
import { accept, NOTHING_SEEN, type Notes, type Roots, type Seen } from "../src/keyset.ts";
import { base64, hex, unhex } from "../src/octets.ts";
import { kidOf, SUITE } from "../src/suite.ts";
import { noteOf, publicKeyOf, Signer } from "./vault.ts";
import { vectors } from "./vectors.ts";

const given = vectors.keyset;
const roots: Roots = [unhex(given.roots[0]), unhex(given.roots[1])];
const now = new Date(given.now);
const seen: Seen = { certificate: 3n, keyset: 7n };
const HOUR = 3600 * 1000;

async function refused(changes: { notes?: Notes; roots?: Roots; seen?: Seen; now?: Date }): Promise<void> {
  const asked = { notes: given, roots, seen, now, ...changes };
  await assert.rejects(accept(asked.notes, asked.roots, asked.seen, asked.now), KeysetRefused);
}

test("the vectors' notes are taken, also by an app that has seen nothing yet", async () => {
  const [keyset, versions] = await accept(given, roots, NOTHING_SEEN, now);
  assert.deepEqual([keyset.version, versions], [7n, seen]);
});

test("an older keyset is refused", () => refused({ seen: { ...seen, keyset: 8n } }));
test("an older certificate is refused", () => refused({ seen: { ...seen, certificate: 4n } }));
test("one that has run out is refused", () => refused({ now: new Date(now.getTime() + 48 * HOUR) }));
test("one that would live longer than 48 hours is refused", () => refused({ now: new Date(now.getTime() - HOUR) }));
test("one root pinned twice is refused", () => refused({ roots: [roots[0], roots[0]] }));

test("another root is refused", async () => {
  const { publicKey } = await Signer.named("ioc.hanoi.gov.vn/vault/root");
  await refused({ roots: [roots[0], publicKey] });
  await refused({ roots: [publicKey, roots[1]] });
});

test("a certificate that one root signed twice is refused", async () => {
  const [text = "", lines = ""] = given.certificate.split("\n\n");
  const [one = "", other = ""] = lines.split("\n");
  for (const signed of [[one], [other], [one, one], [one, other, other]]) {
    await refused({ notes: { ...given, certificate: [text, "", ...signed, ""].join("\n") } });
  }
});

test("a version that its signer did not sign is refused, though it is higher", async () => {
  await refused({ notes: { ...given, keyset: given.keyset.replace("\n7\n", "\n8\n") } });
  await refused({ notes: { ...given, certificate: given.certificate.replace("\n3\n", "\n4\n") } });
});

test("a bit of any signature is not passed over", async () => {
  for (const name of ["certificate", "keyset"] as const) {
    const note = given[name];
    const lines = Array.from(note.matchAll(/\u2014 \S+ \S+\n/g), (match) => match.index + match[0].length - 40);
    assert.equal(lines.length, name === "certificate" ? 2 : 1);
    for (const at of lines) {
      const other = note[at] === "A" ? "B" : "A";
      await refused({ notes: { ...given, [name]: note.slice(0, at) + other + note.slice(at + 1) } });
    }
  }
});

test("each line changed by one character is refused", async () => {
  for (const name of ["certificate", "keyset"] as const) {
    const note = given[name];
    const ends = Array.from(note.matchAll(/.\n/g), (match) => match.index);
    assert.ok(ends.length > 4);
    for (const at of ends) {
      const other = note[at] === "1" ? "2" : "1";
      await refused({ notes: { ...given, [name]: note.slice(0, at) + other + note.slice(at + 1) } });
    }
  }
});

test("what is no note is refused", async () => {
  for (const text of ["", "\n\n", given.keyset.trimEnd(), given.keyset.replaceAll("\n", "\r\n"), given.certificate]) {
    await refused({ notes: { ...given, keyset: text } });
  }
});

/** Notes that are well signed, so that what they say is what is judged. */
async function signed(lines: readonly string[], certificate?: readonly string[]): Promise<[Notes, Roots]> {
  const [first, second] = [await Signer.named("ioc.hanoi.gov.vn/vault/root"), await Signer.named("ioc.hanoi.gov.vn/vault/root")];
  const signer = await Signer.named("ioc.hanoi.gov.vn/vault/keyset");
  const said = certificate ?? ["ioc-vault/keyset-key/v1", "3", "2027-01-01T00:00:00Z"];
  const text = `${[...said, base64(signer.publicKey)].join("\n")}\n`;
  const notes = {
    certificate: await noteOf(text, first, second),
    keyset: await noteOf(`${lines.join("\n")}\n`, signer),
  };
  return [notes, [first.publicKey, second.publicKey]];
}

const seedsKey = await publicKeyOf(unhex(vectors.requestKey.seed));
const soon = "2026-11-28T12:00:00Z";
const key = `${hex(await kidOf(seedsKey))} ${hex(SUITE)} ${base64(seedsKey)}`;
const head = ["ioc-vault/keyset/v1", "7", soon];

test("a version of 18 digits is compared exactly", async () => {
  const most = "999999999999999999";
  const [notes, own] = await signed(["ioc-vault/keyset/v1", most, soon, `${key} ${soon}`]);
  const [keyset] = await accept(notes, own, { certificate: 3n, keyset: BigInt(most) }, now);
  assert.equal(keyset.version, BigInt(most));
  const [older, others] = await signed(["ioc-vault/keyset/v1", "999999999999999998", soon, `${key} ${soon}`]);
  await refused({ notes: older, roots: others, seen: { certificate: 3n, keyset: BigInt(most) } });
});

test("a key that may no longer be used is passed over", async () => {
  const [notes, own] = await signed([...head, `${key} ${given.now.slice(0, 19)}Z`, `${key} ${soon}`]);
  const [keyset] = await accept(notes, own, seen, now);
  assert.equal(keyset.keys.length, 1);
});

const bad: Readonly<Record<string, readonly string[]>> = {
  "no key": head,
  "no key that lives": [...head, `${key} 2026-11-27T12:00:00Z`],
  "nine keys": [...head, ...Array<string>(9).fill(`${key} ${soon}`)],
  "another kind": ["ioc-vault/keyset/v2", "7", soon, `${key} ${soon}`],
  "version 0": ["ioc-vault/keyset/v1", "0", soon, `${key} ${soon}`],
  "a version with a zero before": ["ioc-vault/keyset/v1", "07", soon, `${key} ${soon}`],
  "a version of 19 digits": ["ioc-vault/keyset/v1", "1000000000000000000", soon, `${key} ${soon}`],
  "a day that no month has": [...head, `${key} 2026-11-31T12:00:00Z`],
  "another time zone": ["ioc-vault/keyset/v1", "7", "2026-11-28T12:00:00+00:00", `${key} ${soon}`],
  "another suite": [...head, `${key.replace("647a00010002", "647a00010001")} ${soon}`],
  "another id": [...head, `0${key.slice(1)} ${soon}`.replace(/^00/, "10")],
  "a key cut short": [...head, `${hex(await kidOf(seedsKey))} ${hex(SUITE)} ${base64(seedsKey.slice(1))} ${soon}`],
  "two spaces": [...head, `${key}  ${soon}`],
};

for (const [name, lines] of Object.entries(bad)) {
  test(`well signed, but ${name}: refused`, async () => {
    const [notes, own] = await signed(lines);
    await refused({ notes, roots: own });
  });
}

test("a certificate that has run out is refused", async () => {
  const [notes, own] = await signed([...head, `${key} ${soon}`], ["ioc-vault/keyset-key/v1", "3", "2026-11-27T12:00:00Z"]);
  await refused({ notes, roots: own });
});
