import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: {
      "@lekt/protocol": source("packages/protocol/src/index.ts"),
      "@lekt/server": source("packages/server/src/index.ts"),
      "@lekt/client": source("packages/client/src/index.ts"),
      "@lekt/methods/tcp": source("packages/methods/src/tcp/index.ts"),
      "@lekt/methods/udp": source("packages/methods/src/udp/index.ts"),
      "@lekt/methods/relay": source("packages/methods/src/relay/index.ts"),
      "@lekt/conformance": source("packages/conformance/src/index.ts"),
      "@lekt/testkit/method-suite": source("packages/testkit/src/method-suite.ts"),
      "@lekt/testkit": source("packages/testkit/src/index.ts"),
    },
  },
  test: {
    // The default leaves one core idle, which on two cores is half of the machine.
    maxWorkers: "100%",
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: 20_000, interval: 20 } },
    projects: [
      {
        extends: true,
        // Pure code keeps no state between files, so they may share one module graph.
        test: { name: "protocol", include: ["packages/protocol/test/**/*.test.ts"], isolate: false },
      },
      {
        extends: true,
        test: {
          name: "sockets",
          include: [
            "packages/{server,client,methods,cli,conformance}/test/**/*.test.ts",
            "tests/**/*.test.ts",
            "benchmarks/test/**/*.test.ts",
          ],
        },
      },
    ],
  },
});
