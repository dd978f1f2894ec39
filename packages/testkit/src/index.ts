export { type Decoded, naiveClientPackets, naiveServerPackets, strictText } from "./naive-decoder.ts";
export { ClientLeft, type ReplyParts, ScriptedClient, type ScriptedSetup } from "./scripted-client.ts";
export { type Script, ScriptedServer } from "./scripted-server.ts";
