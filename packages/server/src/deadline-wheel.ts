/** What a deadline can be set for. */
export interface Timed {
  readonly deadlineMs: number;
  /** The slot it stands in; the wheel's own. */
  wheelSlot: number;
}

/** The wheel turns in steps of this length: deadlines are kept to within it. */
export const WHEEL_STEP_MS = 50;

/**
 * Deadlines of very many connections at the price of one timer. Each stands in one slot, and is moved only
 * when its deadline comes nearer; one that moved away is found when its old slot comes up, and set anew.
 */
export class DeadlineWheel<T extends Timed> {
  readonly #slots = new Map<number, Set<T>>();
  #turnedTo: number;

  constructor(nowMs: number) {
    this.#turnedTo = Math.floor(nowMs / WHEEL_STEP_MS);
  }

  /** To be called whenever the deadline may have come nearer. */
  arm(timed: T): void {
    const slot = Math.max(Math.ceil(timed.deadlineMs / WHEEL_STEP_MS), this.#turnedTo + 1);
    if (timed.wheelSlot !== 0 && timed.wheelSlot <= slot) return;
    this.disarm(timed);
    timed.wheelSlot = slot;
    const others = this.#slots.get(slot);
    if (others) others.add(timed);
    else this.#slots.set(slot, new Set([timed]));
  }

  disarm(timed: T): void {
    const slot = this.#slots.get(timed.wheelSlot);
    if (slot?.delete(timed) && slot.size === 0) this.#slots.delete(timed.wheelSlot);
    timed.wheelSlot = 0;
  }

  /** Calls `expired` for each whose deadline has come; to be called every `WHEEL_STEP_MS`. */
  turn(nowMs: number, expired: (timed: T) => void): void {
    const target = Math.floor(nowMs / WHEEL_STEP_MS);
    while (this.#turnedTo < target) {
      this.#turnedTo++;
      const due = this.#slots.get(this.#turnedTo);
      if (!due) continue;
      // The slot stays until it is through, so that who is disarmed meanwhile is not called.
      for (const timed of due) {
        timed.wheelSlot = 0;
        if (timed.deadlineMs > nowMs) this.arm(timed);
        else expired(timed);
      }
      this.#slots.delete(this.#turnedTo);
    }
  }
}
