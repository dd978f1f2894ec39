/** Digits and letters that nobody takes for one another: without i, l, o and u. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const GROUPS = 5;
const GROUP_CHARACTERS = 4;
const BITS_PER_CHARACTER = 5;

/** The first 100 bits of an identity, for people to compare: "4k7q-0x2m-9h3c-t8vb-e5wz" (spec 9.1). */
export function identityText(identity: Uint8Array): string {
  const groups: string[] = [];
  for (let group = 0; group < GROUPS; group++) {
    let text = "";
    for (let i = 0; i < GROUP_CHARACTERS; i++) text += characterAt(identity, group * GROUP_CHARACTERS + i);
    groups.push(text);
  }
  return groups.join("-");
}

function characterAt(bytes: Uint8Array, index: number): string {
  const bit = index * BITS_PER_CHARACTER;
  const [first = 0, second = 0] = bytes.subarray(bit >> 3);
  const value = ((first << 8) | second) >> (16 - BITS_PER_CHARACTER - (bit & 7));
  return ALPHABET[value & 0x1f] as string;
}
