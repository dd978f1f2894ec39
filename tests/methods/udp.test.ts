import { udp } from "@lekt/methods/udp";
import { testMethod } from "@lekt/testkit/method-suite";
import { loopbackSuite } from "./loopback-suite.ts";

testMethod(loopbackSuite("udp", () => udp({ portMapping: false })));
