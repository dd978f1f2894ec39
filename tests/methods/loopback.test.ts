import { LoopbackMethod } from "@lekt/testkit";
import { testMethod } from "@lekt/testkit/method-suite";
import { loopbackSuite } from "./loopback-suite.ts";

// The smallest method that is one: what fails here is a fault of the rooms, or of the suite.
const loop = () => new LoopbackMethod({ name: "loop", index: 40, agreed: true });
testMethod({ ...loopbackSuite("loop", loop), bulkBytes: 10_000_000 });
