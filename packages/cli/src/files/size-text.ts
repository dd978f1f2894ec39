const UNITS = ["kB", "MB", "GB", "TB", "PB"] as const;

/** "512 bytes", "1.2 MB" */
export function sizeText(bytes: number): string {
  if (bytes < 1_000) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  const step = Math.min(Math.floor(Math.log10(bytes) / 3), UNITS.length);
  return `${(bytes / 1_000 ** step).toFixed(1)} ${UNITS[step - 1]}`;
}
