/** The inside of a frame (u32 length, JSON, zeros) and the lengths that whole frames have. */

import { concat, Malformed, type Octets, u32 } from "./octets.ts";

export const VERSION: Octets = Uint8Array.of(1);
export const LARGEST_REQUEST = 64 * 1024;
export const LARGEST_ANSWER = 256 * 1024;

const STEPS = [4 * 1024, 16 * 1024, 64 * 1024, 256 * 1024];
const LENGTH = 4;

/** The length of a whole frame that needs `length` octets: 4, 16, 64, 256 KiB, then Padmé. */
export function paddedLength(length: number): number {
  const step = STEPS.find((most) => length <= most);
  if (step !== undefined) {
    return step;
  }
  const exponent = 31 - Math.clz32(length);
  const unit = 2 ** (exponent - (32 - Math.clz32(exponent)));
  return Math.ceil(length / unit) * unit;
}

/** `head`, u32 length, JSON, zeros, so that frame and `around` octets about it are padded. */
export function inside(head: Octets, json: Octets, around: number): Octets {
  const filled = concat(head, u32(json.length), json);
  const whole = new Uint8Array(paddedLength(around + filled.length) - around);
  whole.set(filled);
  return whole;
}

/** The JSON of u32 length, JSON, zeros. Throws Malformed. */
export function jsonInside(octets: Octets): Octets {
  if (octets.length < LENGTH) {
    throw new Malformed("no length");
  }
  const end = LENGTH + new DataView(octets.buffer, octets.byteOffset).getUint32(0);
  if (octets.length < end) {
    throw new Malformed("the length is beyond the frame");
  }
  if (octets.subarray(end).some((octet) => octet !== 0)) {
    throw new Malformed("the padding is not zeros");
  }
  return octets.slice(LENGTH, end);
}
