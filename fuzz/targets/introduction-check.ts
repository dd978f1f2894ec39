import {
  type ClientObject,
  encodeAccept,
  encodeEndOfReply,
  encodeRequest,
  encodeUtf8,
  equalBytes,
  type Introduction,
  isPublished,
  METHOD,
  type RosterAddress,
  ServerPacketDecoder,
} from "@lekt/protocol";
import { check } from "../engine/fuzz-target.ts";

/** What is in an encoded client object, as a client reads it. */
function decodedObject(bytes: Uint8Array): ClientObject {
  const decoder = new ServerPacketDecoder();
  decoder.push(encodeAccept());
  decoder.push(encodeRequest(0));
  const head = encodeEndOfReply(0n);
  head[head.length - 1] = 1;
  decoder.push(head);
  decoder.push(bytes);
  for (let packet = decoder.next(); packet; packet = decoder.next()) {
    if (packet.type !== "client") continue;
    check(!decoder.insidePacket, "a client object is longer than its size");
    return packet.object;
  }
  check(false, "a client object is cut off");
}

/** @param answers what the client published, where that is known. */
export function checkObject(
  bytes: Uint8Array,
  address: RosterAddress,
  answers: ReadonlyMap<number, Uint8Array> | undefined,
): void {
  const object = decodedObject(bytes);
  check(object.ip === address.ip, "a client object with another address");
  const published = object.methods.filter(({ index }) => index !== METHOD.ipv6);
  check(
    published.every(({ index }) => isPublished(index)),
    "a client object with a private payload",
  );
  const ipv6 = object.methods.find(({ index }) => index === METHOD.ipv6)?.payload;
  check(
    address.ipv6 ? ipv6 !== undefined && equalBytes(ipv6, address.ipv6) : ipv6 === undefined,
    "another ipv6",
  );
  if (!answers) return;
  check(
    published.length === [...answers.keys()].filter((index) => isPublished(index)).length,
    "a client object with other methods",
  );
  for (const { index, payload } of published) {
    check(
      equalBytes(payload, answers.get(index) ?? encodeUtf8("absent")),
      `another payload of method ${index}`,
    );
  }
}

export function checkIntroduction(
  introduction: Introduction,
  answers: ReadonlyMap<number, Uint8Array>,
  address: RosterAddress,
): void {
  const isEqual = (text: string | undefined, index: number) => {
    const payload = answers.get(index);
    return payload ? text !== undefined && equalBytes(encodeUtf8(text), payload) : text === undefined;
  };
  const isSame = (bytes: Uint8Array | undefined, index: number) => {
    const payload = answers.get(index);
    return payload ? bytes !== undefined && equalBytes(bytes, payload) : bytes === undefined;
  };
  check(isEqual(introduction.network, METHOD.network), "introduced to another network");
  check(isEqual(introduction.name, METHOD.name), "introduced with another name");
  check(isSame(introduction.token, METHOD.token), "introduced with another token");
  check(isSame(introduction.identity, METHOD.identity), "introduced with another identity");
  check(isSame(introduction.resumeToken, METHOD.resume), "introduced with another resume token");
  check(introduction.watch === answers.has(METHOD.watch), "watch is told wrongly");
  check(introduction.wantsServerInfo === answers.has(METHOD.server), "server is told wrongly");
  check(introduction.wantsSessions === answers.has(METHOD.session), "session is told wrongly");
  check(introduction.ip === address.ip, "introduced with another address");
  checkObject(introduction.object, address, answers);
}
