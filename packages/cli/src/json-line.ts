import { safeText } from "@lekt/protocol";

/**
 * One JSON object a line. What could trouble a terminal (bidirectional controls, zero-width characters …)
 * is written as `\uXXXX`: nothing is lost, and `lekt … | cat` is safe.
 */
export function jsonLine(value: unknown): string {
  const json = JSON.stringify(value);
  return `${safeText(json) === json ? json : escapeUnsafe(json)}\n`;
}

function escapeUnsafe(json: string): string {
  let escaped = "";
  for (const character of json) {
    if (safeText(character) === character) escaped += character;
    else for (const unit of character.split("")) escaped += escapeUnit(unit);
  }
  return escaped;
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
