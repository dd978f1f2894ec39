import { LektError } from "@lekt/protocol";

/** What each number may be: [least, most]. The rest: 1 to 2³¹ − 1. */
export type Ranges<Name extends string> = Partial<Record<Name, readonly [number, number]>>;

/** @throws LektError `LEKT_OPTION` that names the option and the value. */
export function resolveNumbers<Numbers extends Record<string, number>>(
  options: { readonly [K in keyof Numbers]?: number | undefined },
  defaults: Numbers,
  ranges: Ranges<Extract<keyof Numbers, string>>,
): Numbers {
  const numbers: Record<string, number> = { ...defaults };
  for (const name of Object.keys(defaults) as Extract<keyof Numbers, string>[]) {
    const value = options[name];
    if (value === undefined) continue;
    const [least, most] = ranges[name] ?? [1, 2 ** 31 - 1];
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new LektError(
        "LEKT_OPTION",
        `${name} must be a whole number from ${least} to ${most}, not ${value}.`,
      );
    }
    numbers[name] = value;
  }
  return numbers as Numbers;
}
