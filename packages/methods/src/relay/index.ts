export { type RelayMethodOptions, relay } from "./relay-method.ts";
