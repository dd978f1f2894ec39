import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: {
      "@lekt/protocol": source("packages/protocol/src/index.ts"),
      "@lekt/server": source("packages/server/src/index.ts"),
      "@lekt/client": source("packages/client/src/index.ts"),
      "@lekt/testkit": source("packages/testkit/src/index.ts"),
    },
  },
  test: {
    include: ["packages/*/test/**/*.test.ts", "tests/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
