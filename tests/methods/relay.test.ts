import { relay } from "@lekt/methods/relay";
import { testMethod } from "@lekt/testkit/method-suite";
import { loopbackSuite } from "./loopback-suite.ts";

testMethod(loopbackSuite("relay", () => relay()));
