export { createServer, type LektServer } from "./create-server.ts";
export type { AuthorizeRequest, AuthorizeVerdict, ServerOptions } from "./options.ts";
export { Rendezvous } from "./rendezvous.ts";
export type { Surroundings } from "./reply-writer.ts";
export type { Link, Visitor } from "./visitor.ts";
