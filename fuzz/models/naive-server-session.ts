import {
  isAskedFor,
  isPublished,
  MAX_KNOWN_METHODS,
  MAX_PAYLOAD_BYTES,
  MAX_PUBLISHED_BYTES,
  MAX_SIGNAL_BYTES,
  MAX_TOTAL_PAYLOAD_BYTES,
  METHOD,
  methodDefinition,
} from "@lekt/protocol";

/** A client breaks a rule: the word of the Reject. */
class Refusal extends Error {}

/** 20 heartbeats a second, 40 at once (spec 5.14). */
const BUCKET = 40;
const REFILL_MS = 50;

/**
 * What a server has to make of a client's bytes, written from spec/ alone: it keeps all that it was given and takes
 * packets from its front. It knows nothing of time but the rate of heartbeats.
 */
export class NaiveServerSession {
  asked: readonly number[] | undefined;
  readonly answers = new Map<number, Uint8Array>();
  isAdmitted = false;
  /** Heartbeats that came, ever. */
  heartbeats = 0;
  /** Payloads that were replaced, ever. */
  updates = 0;
  /** The token of the circuit that it asked for; what follows is no packet. */
  circuit: Uint8Array | undefined;
  /** Signals that came, ever. */
  signals = 0;
  /** What the client is to be refused with. */
  word: string | undefined;
  #bytes: number[] = [];
  #tokens = BUCKET;
  #filledMs = 0;
  readonly #isProtected: boolean;

  constructor(isProtected: boolean) {
    this.#isProtected = isProtected;
  }

  /** All answers are there. */
  get isIntroduced(): boolean {
    return this.asked !== undefined && this.answers.size === this.asked.length;
  }

  receive(bytes: Uint8Array, nowMs: number): void {
    if (this.word !== undefined || this.circuit) return;
    this.#bytes.push(...bytes);
    try {
      while (this.#bytes.length > 0 && !this.circuit) {
        const length = this.#packet(nowMs);
        if (length === 0) return;
        this.#bytes.splice(0, length);
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.word = error.message;
    }
  }

  /** @returns the length of the packet at the front, which took effect, or 0 where it is not whole. */
  #packet(nowMs: number): number {
    for (let i = 0; i < 4; i++)
      if (this.#has(i + 1) && this.#bytes[i] !== "LEKT".charCodeAt(i)) refuse("malformed");
    if (!this.#has(5)) return 0;
    const type = String.fromCharCode(this.#bytes[4] ?? 0);
    const inHeartbeats = this.#takesSignals ? "HTS" : "HT";
    const allowed = this.asked === undefined ? "HC" : this.isAdmitted ? inHeartbeats : "T";
    if (!allowed.includes(type)) refuse("malformed");
    if (!this.#has(8)) return 0;
    if (type === "C") return this.#circuit();
    if (this.asked === undefined) return this.#handshake();
    if (type === "T") return this.#response(nowMs);
    if (type === "S") return this.#signal();
    if (!this.#has(16)) return 0;
    this.#charge(nowMs);
    this.heartbeats++;
    return 16;
  }

  #circuit(): number {
    if (this.#bytes[5] !== 1) refuse("version");
    if (!this.#has(40)) return 0;
    this.circuit = Uint8Array.from(this.#bytes.slice(8, 40));
    return 40;
  }

  #handshake(): number {
    if (this.#bytes[5] !== 1) refuse("version");
    if (!this.#has(12)) return 0;
    const known = this.#u32(8);
    if (known > MAX_KNOWN_METHODS) refuse("limit");
    const words = Math.ceil(known / 32);
    if (!this.#has(12 + 4 * words)) return 0;
    const methods: number[] = [];
    for (let method = 1; method <= 32 * words; method++) {
      const word = this.#u32(12 + 4 * Math.floor((method - 1) / 32));
      if (Math.floor(word / 2 ** ((method - 1) % 32)) % 2 === 1) methods.push(method);
    }
    if (methods.some((method) => method > known)) refuse("malformed");
    this.asked = methods.filter((method) => {
      if (method === METHOD.token) return this.#isProtected;
      if (method === METHOD.signal) return methods.includes(METHOD.identity);
      return isAskedFor(method);
    });
    return 12 + 4 * words;
  }

  #response(nowMs: number): number {
    if (!this.#has(16)) return 0;
    const method = this.#u32(8);
    const length = this.#u32(12);
    const isUpdate = this.isAdmitted && this.#mayReplace(method);
    if (!this.isAdmitted && method !== this.asked?.[this.answers.size]) refuse("malformed");
    if (this.isAdmitted && method !== 0 && !isUpdate) refuse("malformed");
    if (length > MAX_PAYLOAD_BYTES) refuse("limit");
    if (method !== 0) this.#checkTotals(method, length);
    if (!this.#has(16 + length)) return 0;
    if (this.isAdmitted) this.#charge(nowMs);
    if (method === 0) return 16 + length;
    const payload = Uint8Array.from(this.#bytes.slice(16, 16 + length));
    if (methodDefinition(method)?.fault(payload) !== undefined) refuse("malformed");
    this.answers.set(method, payload);
    if (isUpdate) this.updates++;
    return 16 + length;
  }

  get #takesSignals(): boolean {
    return this.asked?.includes(METHOD.signal) ?? false;
  }

  #signal(): number {
    if (!this.#has(44)) return 0;
    const length = this.#u32(40);
    if (length === 0) refuse("malformed");
    if (length > MAX_SIGNAL_BYTES) refuse("limit");
    if (!this.#has(44 + length)) return 0;
    this.signals++;
    return 44 + length;
  }

  #mayReplace(method: number): boolean {
    return this.answers.has(METHOD.update) && this.answers.has(method) && isPublished(method);
  }

  #checkTotals(method: number, length: number): void {
    let published = isPublished(method) ? length : 0;
    let all = length;
    for (const [index, payload] of this.answers) {
      if (index === method) continue;
      all += payload.length;
      if (isPublished(index)) published += payload.length;
    }
    if (all > MAX_TOTAL_PAYLOAD_BYTES) refuse("limit");
    if (isPublished(method) && published > MAX_PUBLISHED_BYTES) refuse("limit");
  }

  #charge(nowMs: number): void {
    this.#tokens = Math.min(BUCKET, this.#tokens + (nowMs - this.#filledMs) / REFILL_MS);
    this.#filledMs = nowMs;
    if (this.#tokens < 1) refuse("rate");
    this.#tokens--;
  }

  #has(count: number): boolean {
    return this.#bytes.length >= count;
  }

  #u32(at: number): number {
    return this.#bytes.slice(at, at + 4).reduce((value, byte) => value * 256 + byte, 0);
  }
}

function refuse(word: string): never {
  throw new Refusal(word);
}
