/** The clauses that no check is about, with the reason. */
export const UNCHECKED_CLAUSES: Readonly<Record<string, string>> = {
  "1.4.4": "TCP_NODELAY is not seen from outside",
  "2.1": "the port is part of the URL that is given",
  "2.2.1": "how a program reads URLs is what spec/vectors/urls.json is for",
  "2.2.2": "how a program reads URLs is what spec/vectors/urls.json is for",
  "5.9.3": "a liberty of clients (MAY)",
  "5.9.5": "what a client makes of sessions is not seen: the lines of `lekt join` do not show them",
  "5.15.3":
    "the operating system takes megabytes for a reader that does not read; to fill it would harm a server in use",
  "5.16": "10 minutes or 64 MiB of changes would harm a server in use",
  "6.1.4": "what a program shows to its user is not read",
  "7": "the list has clauses of its own: methods 1 to 33",
  "8.1.9": "what a peer makes of a signal is its own matter",
  "methods 0": "0 is no method",
};
