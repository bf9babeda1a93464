import assert from "node:assert/strict";
import { test } from "node:test";

import { objectOf } from "../src/json.ts";
import { Malformed, utf8 } from "../src/octets.ts";

for (const text of ['{"a":1,"a":1}', '{"a":{"b":1,"b":2}}', '{"x":[{"a":1,"\\u0061":2}]}', '{"\\"":1,"\\u0022":2}']) {
  test(`a member that stands twice is refused: ${text}`, () => {
    assert.throws(() => objectOf(utf8(text)), Malformed);
  });
}

for (const text of ["", "[]", "null", '"text"', "{", '{"a":NaN}', '\ufeff{"a":1}', '{"a":1}x']) {
  test(`no JSON object is refused: ${JSON.stringify(text)}`, () => {
    assert.throws(() => objectOf(utf8(text)), Malformed);
  });
}

test("octets that are not UTF-8 are refused", () => {
  assert.throws(() => objectOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)), Malformed);
});

test("the same name in two objects stands once in each", () => {
  const text = '{"a":{"a":":","b":"{"},"b":[{"a":1},{"a":"a","c":"\\",\\"a\\":"}]}';
  assert.deepEqual(objectOf(utf8(text)), JSON.parse(text));
});
