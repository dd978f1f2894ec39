export { createServer, type LektServer } from "./create-server.ts";
export type { AuthorizeRequest, AuthorizeVerdict, ServerOptions } from "./options.ts";
export { CircuitIssuer } from "./relay/circuit-issuer.ts";
export { createRelay, type LektRelay, type RelayOptions } from "./relay/create-relay.ts";
export { Rendezvous } from "./rendezvous.ts";
export type { Surroundings } from "./surroundings.ts";
export type { Link, Visitor } from "./visitor.ts";
