/** Accepted paths that are being secured at once. */
export const MAX_SECURING_PATHS = 256;
/** … and of these, from one address; all that come through one relay share it. */
export const MAX_SECURING_OF_ONE_ADDRESS = 64;

/** Bounds what strangers can have a room do at once. */
export class SecuringLimit {
  readonly #ofAddress = new Map<string, number>();
  #count = 0;

  /** @param remote "address:port" @returns false where there is no room. */
  take(remote: string): boolean {
    const address = addressOf(remote);
    const ofAddress = this.#ofAddress.get(address) ?? 0;
    if (this.#count >= MAX_SECURING_PATHS || ofAddress >= MAX_SECURING_OF_ONE_ADDRESS) return false;
    this.#count++;
    this.#ofAddress.set(address, ofAddress + 1);
    return true;
  }

  /** To be called once for each that was taken. */
  giveBack(remote: string): void {
    const address = addressOf(remote);
    this.#count--;
    const left = (this.#ofAddress.get(address) ?? 0) - 1;
    if (left > 0) this.#ofAddress.set(address, left);
    else this.#ofAddress.delete(address);
  }
}

function addressOf(remote: string): string {
  return remote.slice(0, remote.lastIndexOf(":"));
}
