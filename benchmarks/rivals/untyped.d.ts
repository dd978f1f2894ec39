declare module "bencode" {
  const bencode: { readonly decode: (bytes: Uint8Array) => unknown };

  export { bencode as default };
}

declare module "bittorrent-tracker" {
  export class Server {
    constructor(options: {
      readonly udp: boolean;
      readonly ws: boolean;
      readonly stats: boolean;
      readonly peersCacheLength: number;
    });
    readonly http: { keepAliveTimeout: number; address(): { readonly port: number } };
    listen(port: number, host: string, listening: () => void): void;
  }
}
