import { relay } from "./relay.ts";

export const rival = relay((entry) => entry);
