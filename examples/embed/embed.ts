/**
 * A LEKT server inside another program, which decides who may come in: each game has its network, and its password
 * is the token. (A token travels over loopback only as long as there is no TLS.)
 *
 *   npx tsx examples/embed/embed.ts 15358 chess=secret go=other
 */
import { timingSafeEqual } from "node:crypto";
import { createServer } from "@lekt/server";

const [port = "15358", ...games] = process.argv.slice(2);
const passwords = new Map(games.map((game) => game.split("=", 2) as [string, string]));

function isRight(password: string, token: Uint8Array | undefined): boolean {
  const expected = Buffer.from(password);
  return token?.length === expected.length && timingSafeEqual(token, expected);
}

const server = createServer({
  port: Number(port),
  host: "127.0.0.1",
  defaultNetwork: false,
  authorize: ({ network, token }) => {
    const password = passwords.get(network ?? "");
    if (password === undefined) return { refuse: "There is no such game here." };
    return isRight(password, token) ? true : { refuse: "That is not this game's password." };
  },
});
await server.listen();
console.log(`games on port ${server.address?.port}: ${[...passwords.keys()].join(", ")}`);

process.once("SIGINT", () => server.drain());
