import { relay } from "./relay.ts";

/** The last byte of every entry is off by one bit. */
export const rival = relay((entry) => {
  const altered = Buffer.from(entry);
  altered.writeUInt8(altered.readUInt8(altered.length - 1) ^ 1, altered.length - 1);
  return altered;
});
