/** What the vault never seals is not opened either, though it is under the right key. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { keyOf, openAnswer } from "../src/answer.ts";
import { AnswerNotGenuine } from "../src/errors.ts";
import { inside } from "../src/frames.ts";
import { concat, type Octets, utf8 } from "../src/octets.ts";

const request = utf8("a request's octets");
const answerKey = new Uint8Array(32).fill(7);
const AROUND = 33 + 16;

async function sealed(plain: Octets): Promise<Octets> {
  const head = concat(Uint8Array.of(1), new Uint8Array(32).fill(9));
  const { key, nonce } = await keyOf(answerKey, request, head.slice(1));
  const how = { name: "AES-GCM", iv: nonce, additionalData: head };
  return concat(head, new Uint8Array(await crypto.subtle.encrypt(how, key, plain)));
}

function json(text: string): Octets {
  return inside(new Uint8Array(), utf8(text), AROUND);
}

test("result and problem open", async () => {
  const result = await openAnswer(await sealed(json('{"result":{"a":1}}')), answerKey, request);
  assert.deepEqual(result, { kind: "result", result: { a: 1 } });
  const problem = await openAnswer(await sealed(json('{"problem":{"code":"a.b","field":"x"}}')), answerKey, request);
  assert.deepEqual(problem, { kind: "problem", code: "a.b", problem: { code: "a.b", field: "x" } });
});

const padded = json('{"result":{}}');
padded.set([1], padded.length - 1);
const long = json('{"result":{}}');
long.set([255], 0);

const refused: Readonly<Record<string, Octets>> = {
  "padding that is not zeros": padded,
  "a length beyond the frame": long,
  "no length": new Uint8Array(3),
  "no JSON": json("{"),
  "a member that stands twice": json('{"result":{},"result":{}}'),
  "neither result nor problem": json("{}"),
  "result and problem": json('{"result":{},"problem":{"code":"a.b"}}'),
  "a result that is no object": json('{"result":[]}'),
  "a problem without a code": json('{"problem":{}}'),
};

for (const [name, plain] of Object.entries(refused)) {
  test(`${name}: not genuine`, async () => {
    await assert.rejects(openAnswer(await sealed(plain), answerKey, request), AnswerNotGenuine);
  });
}

test("more octets than an answer has are not opened", async () => {
  const most = json(`{"result":{"text":"${"x".repeat(256 * 1024)}"}}`);
  await assert.rejects(openAnswer(await sealed(most), answerKey, request), AnswerNotGenuine);
});
