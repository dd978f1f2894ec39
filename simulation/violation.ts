/** An invariant does not hold: a bug of what is simulated, or of the simulation. */
export class Violation extends Error {
  override readonly name = "Violation";
}
