/** How many columns a terminal gives to text that `safeText` has made safe. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** Cuts to so many columns; a cut text ends in "…". */
export function fitToWidth(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let fitting = "";
  let used = 0;
  for (const character of text) {
    const next = characterWidth(character);
    if (used + next > width - 1) break;
    fitting += character;
    used += next;
  }
  return width > 0 ? `${fitting}…` : "";
}

/** Cuts or fills with spaces. */
export function padToWidth(text: string, width: number): string {
  const fitting = fitToWidth(text, width);
  return fitting + " ".repeat(Math.max(0, width - displayWidth(fitting)));
}

function characterWidth(character: string): number {
  if (character >= " " && character <= "~") return 1;
  if (/^[\p{Mn}\p{Me}]$/u.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** East Asian wide and full-width characters, and pictures. */
const WIDE =
  /^(?:(?!\p{Regional_Indicator})\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{17000}-\u{18cff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}])$/u;
