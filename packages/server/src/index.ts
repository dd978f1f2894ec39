export { createServer, type LektServer } from "./create-server.ts";
export type { AuthorizeRequest, AuthorizeVerdict, ServerOptions } from "./options.ts";
export { Rendezvous, type RendezvousClock } from "./rendezvous.ts";
export type { Link, Visitor } from "./visitor.ts";
