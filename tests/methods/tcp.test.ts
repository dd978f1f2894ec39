import { tcp } from "@lekt/methods/tcp";
import { testMethod } from "@lekt/testkit/method-suite";
import { loopbackSuite } from "./loopback-suite.ts";

testMethod(loopbackSuite("tcp", () => tcp({ portMapping: false })));
