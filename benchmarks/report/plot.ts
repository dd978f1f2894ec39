import { type ScaleLogarithmic, scaleLog } from "d3-scale";
import { line } from "d3-shape";
import { MEASURES, type Measure, type Summary } from "./summary.ts";

const PANEL = { width: 400, height: 250 };
const MARGIN = { left: 64, right: 172, top: 58, bottom: 46 };
const HEAD = 84;
const FOOT = 46;
const PAD = 28;
/** Between two labels, from base line to base line. */
const LABEL_STEP = 15;

/** Of the colours by Okabe and Ito, which the colour-blind can tell apart; darker where text would be too pale. */
const COLOURS: Readonly<Record<string, { readonly light: string; readonly dark: string }>> = {
  lekt: { light: "#0060b0", dark: "#4da3ff" },
  "ws-binary": { light: "#c44e00", dark: "#ff8a4c" },
  "ws-json": { light: "#a87400", dark: "#f0b429" },
  "socket.io": { light: "#24292f", dark: "#f0f3f6" },
  peer: { light: "#b0508a", dark: "#e59ac4" },
  redis: { light: "#007a5a", dark: "#34c99a" },
  nats: { light: "#2a86bd", dark: "#7fcdf5" },
  "bittorrent-tracker": { light: "#6e7781", dark: "#9aa4ae" },
  hyperswarm: { light: "#7a6f00", dark: "#d9cf4a" },
};
const OTHER = { light: "#6e7781", dark: "#9aa4ae" };

interface Point {
  readonly size: number;
  readonly value: number;
}

interface Series {
  readonly name: string;
  readonly title: string;
  readonly points: readonly Point[];
}

interface Label {
  readonly name: string;
  readonly text: string;
  /** Where its line ends. */
  readonly x: number;
  readonly y: number;
  readonly labelY: number;
}

/** One picture: a small plot for each measure, both axes logarithmic, each line with its name. */
export function plot(summary: Summary): string {
  const cell = {
    width: MARGIN.left + PANEL.width + MARGIN.right,
    height: MARGIN.top + PANEL.height + MARGIN.bottom,
  };
  const columns = 2;
  const width = columns * cell.width + 2 * PAD;
  const height = HEAD + Math.ceil(MEASURES.length / columns) * cell.height + FOOT;
  const panels = MEASURES.map((measure, i) => {
    const x = PAD + (i % columns) * cell.width + MARGIN.left;
    const y = HEAD + Math.floor(i / columns) * cell.height + MARGIN.top;
    return `<g transform="translate(${x} ${y})">${panel(summary, measure)}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">
<title id="title">LEKT and what people would use instead, against the number of clients</title>
<style>${style(summary)}</style>
<rect class="page" width="${width}" height="${height}" rx="10"/>
<text class="head" x="${PAD + 8}" y="42">N clients come, each publishes 40 bytes, everybody learns of everybody</text>
<text class="sub" x="${PAD + 8}" y="66">Then a tenth leave, then some come and go. Less is better everywhere; both axes are logarithmic.</text>
${panels.join("\n")}
<text class="sub" x="${PAD + 8}" y="${height - 22}">A line that ends early: more clients took longer than a run may. What each of them cannot do at all is in the README.</text>
</svg>
`;
}

function panel(summary: Summary, measure: Measure): string {
  const series = summary.entrants
    .map(({ rival }): Series => {
      const points = summary.sizes.flatMap((size) => {
        const value = summary.value(measure, rival.name, size);
        return value === undefined ? [] : [{ size, value }];
      });
      return { name: rival.name, title: rival.title, points };
    })
    .filter(({ points }) => points.length > 0)
    // The first is drawn last, over the others.
    .reverse();
  const values = series.flatMap(({ points }) => points.map(({ value }) => value));
  const x = scaleLog(extent(summary.sizes), [0, PANEL.width]);
  const y = scaleLog(extent(values), [PANEL.height, 0]).nice();
  return [
    `<text class="title" x="${8 - MARGIN.left}" y="-26">${measure.title}, ${measure.unit}</text>`,
    grid(summary.sizes, x, y),
    ...series.map(({ name, points }) => curve(name, points, x, y)),
    ...labels(series, x, y),
  ].join("\n");
}

type Scale = ScaleLogarithmic<number, number>;

function grid(sizes: readonly number[], x: Scale, y: Scale): string {
  const [low = 1, high = 1] = y.domain();
  const steps = Math.log10(high / low) > 2.5 ? [1] : [1, 2, 5];
  const ticks = y.ticks().filter((tick) => steps.includes(Number(tick.toExponential()[0])));
  const rows = ticks.map((tick) => {
    const at = round(y(tick));
    return `<path class="grid" d="M0 ${at}H${PANEL.width}"/><text class="tick" x="-10" y="${at + 4}" text-anchor="end">${tick.toLocaleString("en", { maximumSignificantDigits: 3 })}</text>`;
  });
  const columns = sizes.map((size) => {
    const at = round(x(size));
    return `<path class="grid" d="M${at} 0V${PANEL.height}"/><text class="tick" x="${at}" y="${PANEL.height + 20}" text-anchor="middle">${size.toLocaleString("en")}</text>`;
  });
  return [
    ...rows,
    ...columns,
    `<text class="tick" x="${PANEL.width + 26}" y="${PANEL.height + 20}">clients</text>`,
  ].join("\n");
}

function curve(name: string, points: readonly Point[], x: Scale, y: Scale): string {
  const path = line<Point>(
    ({ size }) => round(x(size)),
    ({ value }) => round(y(value)),
  )(points);
  const dots = points.map(
    ({ size, value }) =>
      `<circle cx="${round(x(size))}" cy="${round(y(value))}" r="${name === "lekt" ? 4.5 : 3}"/>`,
  );
  return `<g class="${cssName(name)}"><path class="line" d="${path ?? ""}"/>${dots.join("")}</g>`;
}

/** All to the right of the plot, moved apart; a dotted line leads there from where a line ends. */
function labels(series: readonly Series[], x: Scale, y: Scale): string[] {
  const ends = series.flatMap(({ name, title, points }): Label[] => {
    const last = points.at(-1);
    return last ? [{ name, text: title, x: x(last.size), y: y(last.value), labelY: y(last.value) }] : [];
  });
  return apart(ends.sort((a, b) => a.y - b.y)).map(({ name, text, x, y, labelY }) => {
    const leader = `<path class="leader" d="M${round(x)} ${round(y)}L${PANEL.width + 10} ${round(labelY)}"/>`;
    const at = `x="${PANEL.width + 15}" y="${round(labelY + 4.5)}"`;
    return `<g class="${cssName(name)}">${leader}<text class="label" ${at}>${text}</text></g>`;
  });
}

/** Moves labels, sorted from the top down, as little as makes each readable. */
function apart(sorted: readonly Label[]): Label[] {
  const ys = sorted.map(({ y }) => y);
  for (let round = 0; round < 50; round++) {
    for (let i = 1; i < ys.length; i++) {
      const [above = 0, below = 0] = [ys[i - 1], ys[i]];
      const lack = LABEL_STEP - (below - above);
      if (lack <= 0) continue;
      ys[i - 1] = above - lack / 2;
      ys[i] = below + lack / 2;
    }
  }
  return sorted.map((label, i) => ({ ...label, labelY: ys[i] ?? label.y }));
}

function style(summary: Summary): string {
  const theme = (mode: "light" | "dark", page: string, text: string, faint: string, rule: string) =>
    [
      `.page{fill:${page}}.head,.title{fill:${text}}.sub,.tick{fill:${faint}}.grid{stroke:${rule}}`,
      ...summary.entrants.map(({ rival: { name } }) => {
        const colour = (COLOURS[name] ?? OTHER)[mode];
        return `.${cssName(name)}{fill:${colour}}.${cssName(name)} path{stroke:${colour}}`;
      }),
    ].join("");
  return [
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}",
    ".head{font-size:22px;font-weight:650}.title{font-size:15px;font-weight:600}.sub{font-size:14px}.tick{font-size:12px}",
    ".label{font-size:13px;font-weight:600}",
    ".grid{fill:none;stroke-width:1}.line{fill:none;stroke-width:2;stroke-linejoin:round}.leader{fill:none;stroke-width:1;stroke-dasharray:1 3}.of-lekt .line{stroke-width:4}.of-lekt .label{font-size:15px}",
    theme("light", "#ffffff", "#1f2328", "#59636e", "#e6e9ed"),
    `@media(prefers-color-scheme:dark){${theme("dark", "#0d1117", "#f0f6fc", "#9198a1", "#232a33")}}`,
  ].join("\n");
}

function cssName(name: string): string {
  return `of-${name.replaceAll(/[^a-z]/g, "-")}`;
}

function extent(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  // A single value stands in the middle.
  return low === high ? [low / 2, high * 2] : [low, high];
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
