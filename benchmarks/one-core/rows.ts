/** What `lektload` prints, as far as it is read here. */
export interface LoadReport {
  readonly ok: boolean;
  readonly joined: number;
  readonly t_total_s: number;
  readonly server_cpu_join_s: number;
  readonly server_cpu_run_s: number;
  readonly server_us_per_heartbeat: number;
  readonly add_seen_ms?: { readonly n: number; readonly p99: number };
  readonly server_rss_bytes_per_client?: number;
}

export interface Row {
  readonly name: string;
  /** What it is called in the table. */
  readonly title: string;
  readonly args: readonly string[];
  readonly unit: string;
  readonly figure: (report: LoadReport) => number;
  /** What is aimed at: so many times what the C server needs, or so much; a rate is to be at least that. */
  readonly goal: { readonly times: number } | { readonly atMost: number } | { readonly atLeast: number };
}

const CPU = "server CPU, s";
const joinCpu = (report: LoadReport) => report.server_cpu_join_s;
const churnCpu = ({ server_cpu_run_s, add_seen_ms }: LoadReport) =>
  (1e6 * server_cpu_run_s) / (add_seen_ms?.n ?? Number.NaN);
const seenP99 = ({ add_seen_ms }: LoadReport) => add_seen_ms?.p99 ?? Number.NaN;
const words = (text: string) => text.split(" ");

const CHURN_SMALL = words("churn --hold 5000 --churn 50 -n 1000 --networks 20 --seconds 8");
const CHURN_LARGE = words("churn --hold 5000 --churn 100 -n 1000 --networks 1 --seconds 8");
/** Ten newcomers a second, all seen by everybody. */
const residents = (count: number) =>
  words(`churn --hold 5000 --churn 10 -n ${count} --networks 1 --seconds 8`);

export const ROWS: readonly Row[] = [
  {
    name: "beat",
    title: "heartbeats of 2,000 clients",
    args: words("beat -n 2000 --rate 0 --seconds 6"),
    unit: "server CPU for each, µs",
    figure: (report) => report.server_us_per_heartbeat,
    goal: { times: 1.5 },
  },
  ...[
    { name: "join-10000", args: words("join -n 10000"), title: "10,000 join, all learn all", times: 2 },
    {
      name: "join-lazy",
      args: words("join -n 10000 --lazy"),
      title: "10,000 first heartbeats at once",
      times: 1.5,
    },
  ].flatMap(({ name, args, title, times }): Row[] => [
    {
      name,
      title,
      args,
      unit: "until all know all, s",
      figure: (report) => report.t_total_s,
      goal: { times },
    },
    { name: `${name}-cpu`, title, args, unit: CPU, figure: joinCpu, goal: { times } },
  ]),
  {
    name: "join-2000",
    title: "2,000 join, all learn all",
    args: words("join -n 2000"),
    unit: CPU,
    figure: joinCpu,
    goal: { atMost: 0.4 },
  },
  {
    name: "join-5000",
    title: "5,000 join, all learn all",
    args: words("join -n 5000"),
    unit: CPU,
    figure: joinCpu,
    goal: { atMost: 1.2 },
  },
  {
    name: "join-rate",
    title: "8,000 join 200 networks",
    args: words("join -n 8000 --networks 200"),
    unit: "joins for each server CPU second",
    figure: (report) => report.joined / report.server_cpu_join_s,
    goal: { atLeast: 10_000 },
  },
  {
    name: "churn-small",
    title: "50 a second come to 20 networks of 50",
    args: CHURN_SMALL,
    unit: "seen after (99 %), ms",
    figure: seenP99,
    goal: { atMost: 30 },
  },
  {
    name: "churn-small-cpu",
    title: "the same",
    args: CHURN_SMALL,
    unit: "server CPU for each sighting, µs",
    figure: churnCpu,
    goal: { times: 2.5 },
  },
  {
    name: "churn-large",
    title: "100 a second come to one network of 1,000",
    args: CHURN_LARGE,
    unit: "seen after (99 %), ms",
    figure: seenP99,
    goal: { times: 1.5 },
  },
  {
    name: "idle",
    title: "19,000 idle clients",
    args: words("idle -n 19000 --seconds 3 --max-seconds 120"),
    unit: "memory of the process for each, bytes",
    figure: (report) => report.server_rss_bytes_per_client ?? Number.NaN,
    goal: { atMost: 5 * 1_024 },
  },
  ...[100, 1_000, 10_000].map(
    (count): Row => ({
      name: `residents-${count}`,
      title: `10 a second come to ${count.toLocaleString("en")} residents`,
      args: residents(count),
      unit: "server CPU for each sighting, µs",
      figure: churnCpu,
      goal: { times: 2.5 },
    }),
  ),
];
