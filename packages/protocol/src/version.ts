/** The version of the protocol, as it stands in every header (spec 1.2). */
export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly extra: number;
}

/** The version that this library speaks. */
export const PROTOCOL_VERSION: Version = { major: 1, minor: 0, extra: 0 };

export function formatVersion(version: Version): string {
  return `${version.major}.${version.minor}.${version.extra}`;
}
