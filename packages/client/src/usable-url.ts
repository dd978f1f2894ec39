import { formatLektUrl, LektError, type LektUrl, parseLektUrl, safeText } from "@lekt/protocol";

/** A LEKT URL that this version can open. @throws LektError `LEKT_URL` */
export function usableUrl(text: string): LektUrl {
  const url = parseLektUrl(text);
  if (url.scheme !== "lekt") throw unusable(url, "this version speaks lekt:// only");
  // A key in it that is ignored would be a promise that is broken (spec 2.2.6).
  if (url.fragment)
    throw unusable(url, "it has something behind a #, and this version knows no keys in URLs");
  return url;
}

/** The fragment is not shown: it may hold secrets. */
function unusable(url: LektUrl, why: string): LektError {
  const shown = safeText(formatLektUrl({ ...url, fragment: undefined }));
  return new LektError("LEKT_URL", `"${shown}" cannot be used: ${why}.`);
}
