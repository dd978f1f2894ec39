export { LoopbackMethod, type LoopbackOptions } from "./loopback-method.ts";
export { type Decoded, naiveClientPackets, naiveServerPackets, strictText } from "./naive-decoder.ts";
export { type OverheardMethod, type OverheardOptions, overheard } from "./overheard-method.ts";
export { Random } from "./random.ts";
export { ClientLeft, type ReplyParts, ScriptedClient, type ScriptedSetup } from "./scripted-client.ts";
export { type Script, ScriptedServer } from "./scripted-server.ts";
export { type PipeProfile, SimulatedPipe } from "./simulated-pipe.ts";
export { RETRANSMISSION_MS, SimulatedSocket, type SocketHandlers } from "./simulated-socket.ts";
export { type Appointment, VirtualClock } from "./virtual-clock.ts";
