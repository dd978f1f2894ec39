import { formatLektUrl, fragmentKeys, LektError, type LektUrl, parseLektUrl, safeText } from "@lekt/protocol";

/** A LEKT URL that this version can open. @throws LektError `LEKT_URL` */
export function usableUrl(text: string): LektUrl {
  const url = parseLektUrl(text);
  if (url.scheme !== "lekt") throw unusable(url, "this version speaks lekt:// only");
  // A key in it that is ignored would be a promise that is broken (spec 2.2.6).
  if (fragmentKeys(url.fragment ?? "").some((name) => name !== "key")) {
    throw unusable(url, "it has something behind a # that this version does not know");
  }
  return url;
}

/** One that a server named: it can bring no key, which would be the server's own (spec 2.2.7). */
export function urlFromServer(text: string): LektUrl {
  const url = usableUrl(text);
  if (url.networkKey) throw unusable(url, "a server may not give out network keys");
  return url;
}

function unusable(url: LektUrl, why: string): LektError {
  const shown = safeText(formatLektUrl({ ...url, fragment: undefined }));
  return new LektError("LEKT_URL", `"${shown}" cannot be used: ${why}.`);
}
