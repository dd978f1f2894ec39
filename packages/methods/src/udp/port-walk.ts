const FIRST_PORT = 1024;
const PORTS = 65_536 - FIRST_PORT;
/** Without a common divisor with the number of ports, and near its golden section: ports in a row are met early too. */
const STRIDE = 40_507;

/** All ports from 1,024 up in a scattered order, each once before one comes again. */
export class PortWalk {
  #at: number;

  /** @param start any whole number from 0 up. */
  constructor(start: number) {
    this.#at = start % PORTS;
  }

  next(): number {
    this.#at = (this.#at + STRIDE) % PORTS;
    return FIRST_PORT + this.#at;
  }
}
