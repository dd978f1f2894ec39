/** Something that is to happen at its time, unless it is called off before. */
export interface Appointment {
  readonly atMs: number;
  readonly order: number;
  readonly action: () => void;
  isOff: boolean;
}

/** A clock that stands still until the next appointment is kept. What is due together happens in the order it was made. */
export class VirtualClock {
  nowMs = 0;
  /** Appointments that were kept. */
  kept = 0;
  /** A binary heap: no appointment is before its parent. */
  readonly #heap: Appointment[] = [];
  #made = 0;

  at(atMs: number, action: () => void): Appointment {
    const appointment = { atMs: Math.max(atMs, this.nowMs), order: this.#made++, action, isOff: false };
    this.#rise(this.#heap.push(appointment) - 1, appointment);
    return appointment;
  }

  in(delayMs: number, action: () => void): Appointment {
    return this.at(this.nowMs + delayMs, action);
  }

  /** When the next appointment is; infinitely late where there is none. */
  get nextMs(): number {
    while (this.#heap[0]?.isOff) this.#take();
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** Keeps the next appointment. */
  step(): void {
    if (this.nextMs === Number.POSITIVE_INFINITY) return;
    const next = this.#take();
    this.nowMs = next.atMs;
    this.kept++;
    next.action();
  }

  #take(): Appointment {
    const first = this.#heap[0] as Appointment;
    const last = this.#heap.pop() as Appointment;
    if (first !== last) this.#sink(last);
    return first;
  }

  #rise(at: number, appointment: Appointment): void {
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#heap[parent] as Appointment;
      if (!isBefore(appointment, above)) break;
      this.#heap[at] = above;
      at = parent;
    }
    this.#heap[at] = appointment;
  }

  #sink(appointment: Appointment): void {
    const heap = this.#heap;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      const right = heap[child + 1];
      if (right && isBefore(right, heap[child] as Appointment)) child++;
      const below = heap[child] as Appointment;
      if (!isBefore(below, appointment)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = appointment;
  }
}

function isBefore(a: Appointment, b: Appointment): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
