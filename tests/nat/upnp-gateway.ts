import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Namespaces } from "./namespaces.ts";

/** Its rules have a table of their own, which is asked before the router's. */
const RULES = `table inet gateway {
  chain asked_forward { }
  chain forward { type filter hook forward priority -10; jump asked_forward; }
  chain asked_prerouting { }
  chain prerouting { type nat hook prerouting priority -110; jump asked_prerouting; }
  chain asked_postrouting { }
  chain postrouting { type nat hook postrouting priority 90; jump asked_postrouting; }
}`;

/**
 * Made up: the gateway takes no address of a range for documentation, as the lab has them, for a public one. It only
 * says that it has this one; in the lab there is no way to it.
 */
const REPORTED_ADDRESS = "1.1.1.21";

/** What miniupnpd says last before it waits for questions. */
const READY = "Listening for NAT-PMP";

/** Starts a gateway (miniupnpd, UPnP and NAT-PMP) on a router, and waits until it listens. */
export async function startUpnpGateway(namespaces: Namespaces, router: string): Promise<void> {
  const path = (what: string) => join(namespaces.folder, `${router}.${what}`);
  await writeFile(path("leases"), "");
  await writeFile(
    path("conf"),
    `ext_ifname=wan
ext_ip=${REPORTED_ADDRESS}
listening_ip=lan
http_port=5555
enable_upnp=yes
enable_natpmp=yes
secure_mode=yes
lease_file=${path("leases")}
upnp_table_name=gateway
upnp_nat_table_name=gateway
upnp_forward_chain=asked_forward
upnp_nat_chain=asked_prerouting
upnp_nat_postrouting_chain=asked_postrouting
allow 1024-65535 192.168.1.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`,
  );
  await namespaces.run(router, ["nft", "-f", "-"], RULES);
  const command = ["miniupnpd", "-d", "-f", path("conf"), "-P", path("pid")];
  const { stderr } = namespaces.start(router, command, "stderr");
  if (stderr === null) throw new Error("miniupnpd cannot be listened to");
  const lines = createInterface(stderr);
  let said = "";
  await new Promise<void>((resolve, reject) => {
    lines.on("line", (line) => {
      said += `${line}\n`;
      if (line.includes(READY)) resolve();
    });
    lines.on("close", () => reject(new Error(`miniupnpd ended:\n${said}`)));
  });
}
