import type { Room } from "@lekt/client";
import { safeText } from "@lekt/protocol";
import { createLogUpdate } from "log-update";
import type { Colors } from "../output.ts";
import { LiveStateKeeper } from "./live-state.ts";
import { renderLive } from "./live-view.ts";

/** A burst of changes is one new picture. */
const REDRAW_MS = 50;
/** While the next attempt is counted down. */
const COUNTDOWN_MS = 500;

/** Draws a room on the terminal, from the first attempt to connect to `end`. */
export class LiveList {
  readonly #watch: boolean;
  readonly #colors: Colors;
  readonly #keeper = new LiveStateKeeper();
  readonly #draw = createLogUpdate(process.stdout);
  readonly #onResize = () => this.#redrawSoon();
  #room: Room | undefined;
  #countdown: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lines = 0;

  constructor(url: string, watch: boolean, colors: Colors) {
    this.#watch = watch;
    this.#colors = colors;
    this.#draw(`Connecting to ${safeText(url)} …`);
  }

  show(room: Room): void {
    this.#room = room;
    process.stdout.on("resize", this.#onResize);
    this.#countdown = setInterval(() => {
      if (room.status.state === "waiting") this.#redraw();
    }, COUNTDOWN_MS);
    this.#keeper.apply({ type: "status", status: room.status }, new Date());
    this.#redraw();
    if (room.status.state === "closed") return;
    room.on((event) => {
      this.#keeper.apply(event, new Date());
      this.#redrawSoon();
    });
  }

  /** The last picture stays on the terminal. */
  end(): void {
    process.stdout.off("resize", this.#onResize);
    clearInterval(this.#countdown);
    this.#redraw();
    clearTimeout(this.#timer);
    if (this.#room) this.#draw.done();
    else this.#draw.clear();
  }

  #redrawSoon(): void {
    this.#timer ??= setTimeout(() => this.#redraw(), REDRAW_MS);
  }

  #redraw(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#room) return;
    const { columns = 80, rows = 24 } = process.stdout;
    const screen = { width: columns - 1, height: rows - 1, colors: this.#colors, now: new Date() };
    const picture = renderLive(this.#keeper.state(this.#room, this.#watch), screen);
    const lines = picture.split("\n").length;
    // log-update 7.2 loses the last lines where only the middle of a picture grows or shrinks.
    if (lines !== this.#lines) this.#draw.clear();
    this.#lines = lines;
    this.#draw(picture);
  }
}
