const MANY = 1_000_000;

/** Nobody is turned away, and nobody has to say that it is still there. */
export const ROOMY = {
  maxClients: MANY,
  maxClientsPerNetwork: MANY,
  maxClientsPerAddress: MANY,
  maxConnectionsPerSecond: MANY,
  heartbeatIntervalMs: 600_000,
  heartbeatsPerSecond: 0,
};
