import { type ClientObject, encodeClientObject, METHOD, payloadOf, toHex } from "@lekt/protocol";

export interface NaiveClient {
  readonly ip: number;
  /** All but the session. */
  readonly content: string;
  readonly session: string | undefined;
}

/** A roster as a plain list, and a reply on a copy of it (spec 5.4, 5.8). */
export class NaiveRoster {
  clients: readonly NaiveClient[] = [];
  /** Two clients showed one session, which no server does: what happens then is not specified. */
  isUnspecified = false;
  #copy: NaiveClient[] | undefined;

  /** The reply so far. A reply of a connection that does not resume starts from `[]` (spec 5.3). */
  get copy(): NaiveClient[] {
    this.#copy ??= [...this.clients];
    return this.#copy;
  }

  startOver(): void {
    this.#copy = [];
  }

  resume(): void {
    this.#copy = undefined;
  }

  add(object: ClientObject): void {
    const client = naiveClient(object);
    if (client.session !== undefined && this.copy.some(({ session }) => session === client.session)) {
      this.isUnspecified = true;
    }
    this.copy.push(client);
  }

  remove(address: number): void {
    this.#copy = this.copy.filter(({ ip }) => ip !== address);
  }

  gone(sessions: Uint8Array): void {
    for (let at = 0; at + 8 <= sessions.length; at += 8) {
      const gone = toHex(sessions.subarray(at, at + 8));
      this.#copy = this.copy.filter(({ session }) => session !== gone);
    }
  }

  commit(): void {
    this.clients = this.copy;
    this.#copy = undefined;
  }

  get contents(): string[] {
    return this.clients.map(({ content }) => content);
  }

  /** Two rosters with the same text are the same to a server, too. */
  get state(): string {
    return JSON.stringify(this.clients.map(({ content, session }) => `${content} ${session}`).sort());
  }
}

function naiveClient(object: ClientObject): NaiveClient {
  const session = payloadOf(object, METHOD.session);
  return { ip: object.ip, content: contentOf(object), session: session && toHex(session) };
}

const contents = new WeakMap<ClientObject, string>();

export function contentOf(object: ClientObject): string {
  let content = contents.get(object);
  if (content === undefined) {
    const methods = object.methods.filter(({ index }) => index !== METHOD.session);
    content = byteText(encodeClientObject({ ip: object.ip, methods }));
    contents.set(object, content);
  }
  return content;
}

function byteText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}
