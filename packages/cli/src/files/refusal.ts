/** Why this machine does not take a file, or cannot; the message is told to the sender. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "the receiver's disk is full",
  EDQUOT: "the receiver's disk quota is used up",
  EFBIG: "the receiver's disk takes no file that large",
  ENAMETOOLONG: "its path is too long for the receiver",
  EACCES: "the receiver may not write there",
  EPERM: "the receiver may not write there",
  EROFS: "the receiver may not write there",
};

/** Does it; what the file system does not allow is a refusal. */
export async function orRefuse<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof Refusal || code === undefined) throw error;
    throw new Refusal(`${REASONS[code] ?? "the receiver cannot write it"} (${code})`, { cause: error });
  }
}
