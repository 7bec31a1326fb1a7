// The board: everything of the page works without this; with it, a move shows where it is made.
import { ask, say } from "./page.js";
import { dragging } from "./drag.js";
import { filtering } from "./filters.js";
import { keyboard } from "./keys.js";
import { follow } from "./live.js";
import { moving } from "./moves.js";

const folds = (pipeline) => `waymark.folded.${pipeline}`;
const board = () => document.querySelector(".board");
let busy = 0;
let stale = false;

/** Remembers that a column is folded or not, once somebody says so. */
function remember(column) {
  const { pipeline } = board().dataset;
  const state = JSON.parse(localStorage.getItem(folds(pipeline)) ?? "{}");
  state[column.dataset.stage] = !column.open;
  localStorage.setItem(folds(pipeline), JSON.stringify(state));
}

function recall(columns, pipeline) {
  const state = JSON.parse(localStorage.getItem(folds(pipeline)) ?? "{}");
  for (const column of columns) {
    if (column.dataset.stage in state) column.open = state[column.dataset.stage];
  }
}

/** Puts the board of a page in the place of the one that is shown, and leaves everything else as it is. */
function show(page) {
  const next = page.querySelector(".board");
  if (!next) return;
  const shown = board();
  if (Number(next.dataset.position) < Number(shown.dataset.position)) return;
  const before = new Map();
  const scrolled = new Map();
  for (const column of shown.children) {
    scrolled.set(column.dataset.stage, column.querySelector("ol").scrollTop);
    for (const card of column.querySelectorAll("[data-customer]")) before.set(card.dataset.customer, column.dataset.stage);
  }
  const focused = document.activeElement?.closest?.("[data-customer]")?.dataset.customer;
  const sideways = shown.scrollLeft;
  recall(next.children, next.dataset.pipeline);
  for (const column of next.children) {
    for (const card of column.querySelectorAll("[data-customer]")) {
      if (before.get(card.dataset.customer) !== column.dataset.stage) card.classList.add("arrived");
    }
  }
  shown.replaceWith(next);
  next.scrollLeft = sideways;
  for (const column of next.children) column.querySelector("ol").scrollTop = scrolled.get(column.dataset.stage) ?? 0;
  if (focused) next.querySelector(`[data-customer="${focused}"] a`)?.focus();
  const [pipeline, totals] = [page.querySelector(".pipeline-totals"), document.querySelector(".pipeline-totals")];
  if (pipeline && totals) totals.replaceWith(pipeline);
}

/** Looks again, at a board that knows of this position, unless somebody is in the middle of something. */
async function refresh(position) {
  if (busy > 0) {
    stale = true;
    return;
  }
  stale = false;
  const here = new URL(location.href);
  for (const name of ["done", "customer", "event"]) here.searchParams.delete(name);
  if (position) here.searchParams.set("min_position", position);
  const { page } = await ask(here);
  if (busy > 0) stale = true;
  else show(page);
}

const hands = {
  /** Holds the board as it is, until released. */
  hold() {
    busy += 1;
  },
  release() {
    busy -= 1;
    if (busy === 0 && stale) refresh();
  },
  /** Shows a card where it is on its way to; what comes back puts it where it was. */
  place(card, stage) {
    const [from, next] = [card.parentElement, card.nextElementSibling];
    board().querySelector(`.column[data-stage="${CSS.escape(stage)}"] ol`)?.prepend(card);
    card.setAttribute("aria-busy", "true");
    return () => {
      card.removeAttribute("aria-busy");
      if (from.isConnected) from.insertBefore(card, next?.parentElement === from ? next : null);
    };
  },
  /** Shows the board that a command led back to, and what it says. */
  done(page) {
    show(page);
    const notice = page.querySelector("#notices > *");
    if (notice) say(notice);
  },
};

/** A press holds the board until it has done what it does: a card that was exchanged in between would not be clicked. */
document.addEventListener("pointerdown", (event) => {
  if (!event.target.closest(".board")) return;
  hands.hold();
  const over = new AbortController();
  const end = () => {
    over.abort();
    setTimeout(hands.release);
  };
  for (const kind of ["pointerup", "pointercancel", "dragend"]) document.addEventListener(kind, end, { signal: over.signal });
});

filtering();
recall(board().children, board().dataset.pipeline);
document.addEventListener("click", (event) => {
  const summary = event.target.closest(".column > summary");
  if (summary) remember(summary.parentElement);
});
if (board().dataset.live) {
  const moves = moving(hands);
  dragging(hands, moves);
  keyboard(moves);
  follow(board().dataset.live, refresh);
}
document.documentElement.dataset.ready = "board";
