// Filters: what they can be is offered once somebody opens them, and the two times are drawn along a line of days.
import { ask } from "./page.js";

const DAYS = 365;
const DAY = 86400000;
const filters = document.querySelector("details.narrowing");

/** Puts what a field can be below it, to be chosen from. */
async function offer() {
  const { page } = await ask(filters.dataset.choices);
  for (const list of page.querySelectorAll("datalist[data-of]")) {
    const field = filters.querySelector(`input[name="${list.dataset.of}"]`);
    if (!field || !list.options.length) continue;
    list.id = `choices-${list.dataset.of}`;
    filters.append(list);
    field.setAttribute("list", list.id);
  }
}

/** A local time as a field for date and time has it. */
function local(instant) {
  const moved = new Date(instant - new Date(instant).getTimezoneOffset() * 60000);
  return moved.toISOString().slice(0, 16);
}

/** A line of days beside a time: its right end is now, which is an empty field. */
function line(field) {
  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = 0;
  slider.max = DAYS;
  slider.setAttribute("aria-label", field.parentElement.firstChild.textContent.trim());
  const place = () => {
    const back = field.value ? Math.round((Date.now() - new Date(field.value).getTime()) / DAY) : 0;
    slider.value = Math.min(DAYS, Math.max(0, DAYS - back));
  };
  place();
  field.addEventListener("input", place);
  slider.addEventListener("input", () => {
    const back = DAYS - Number(slider.value);
    field.value = back ? local(Date.now() - back * DAY) : "";
  });
  // Arrow keys change it step by step: the last step is shown.
  let waiting;
  slider.addEventListener("change", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => field.form.requestSubmit(), 400);
  });
  field.after(slider);
}

export function filtering() {
  if (!filters) return;
  for (const name of ["effective_at", "known_at"]) {
    const field = filters.querySelector(`input[name="${name}"]`);
    if (field) line(field);
  }
  if (filters.open) offer();
  else filters.addEventListener("toggle", offer, { once: true });
}
