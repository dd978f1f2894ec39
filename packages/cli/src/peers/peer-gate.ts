import { fromHex, IDENTITY_BYTES, identityText, LektError, toHex } from "@lekt/protocol";

const ANYONE = "anyone";

/** Whom a command connects with: strangers need an explicit word. */
export class PeerGate {
  readonly #allowed: ReadonlySet<string>;
  readonly #hasKey: boolean;

  /**
   * @param allow identities in their long or short form, or "anyone"
   * @param hasKey every peer has to prove that it has the network key
   * @throws LektError `LEKT_OPTION` for what is no identity
   */
  constructor(allow: readonly string[], hasKey: boolean) {
    for (const text of allow) if (!isIdentity(text) && text !== ANYONE) throw notAnIdentity(text);
    this.#allowed = new Set(allow.map((text) => text.toLowerCase()));
    this.#hasKey = hasKey;
  }

  /** Whether anybody at all gets through. */
  get admitsSomebody(): boolean {
    return this.#hasKey || this.#allowed.size > 0;
  }

  /** Whether the identity was named, so that no memory of names has to vouch for it. */
  names(identity: Uint8Array): boolean {
    return this.#allowed.has(toHex(identity)) || this.#allowed.has(identityText(identity));
  }

  admits(identity: Uint8Array): boolean {
    if (this.#allowed.has(ANYONE) || this.names(identity)) return true;
    return this.#hasKey && this.#allowed.size === 0;
  }

  /** @throws LektError `LEKT_PEER_IDENTITY` for who is not let in: a name alone is anybody's. */
  throwIfStranger(name: string | undefined, identity: Uint8Array): void {
    if (this.admits(identity)) return;
    const text = identityText(identity);
    const who = name === undefined ? text : `${name} (${text})`;
    const [why, cure] =
      this.#allowed.size > 0
        ? ["--allow names others alone", "Say"]
        : ["the URL has no network key", "Use a URL with #key= (lekt key makes one), or say"];
    throw new LektError(
      "LEKT_PEER_IDENTITY",
      `Not connected to ${who}, which is a stranger: ${why}. ` +
        `${cure} --allow ${text}, or this identity in place of the name, where you know it to be right.`,
    );
  }

  /** @throws LektError `LEKT_OPTION` where nobody gets through: before anybody waits. */
  throwIfShut(): void {
    if (this.admitsSomebody) return;
    throw new LektError(
      "LEKT_OPTION",
      "Nobody could connect: the URL has no network key (lekt key makes one), and --allow names nobody. " +
        "Where everybody in the network may connect, say --allow anyone.",
    );
  }
}

/** Whether a text is an identity, as people pass it on. */
export function isIdentity(text: string): boolean {
  return isLongIdentity(text) || /^([0-9a-hjkmnp-tv-z]{4}-){4}[0-9a-hjkmnp-tv-z]{4}$/i.test(text);
}

function isLongIdentity(text: string): boolean {
  return fromHex(text)?.length === IDENTITY_BYTES;
}

function notAnIdentity(text: string): LektError {
  return new LektError(
    "LEKT_OPTION",
    `'${text}' of --allow is no identity: that is 64 hex digits, or five groups of four as lekt shows them, or the word anyone.`,
  );
}
