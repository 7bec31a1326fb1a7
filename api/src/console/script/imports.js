// Importing: a file that is chosen is looked at, and its columns stand where they probably belong before anything is sent for good.

const form = document.querySelector("#importing");
const file = form.querySelector("input[type=file]");
/** What the last file filled in, which another file may fill in otherwise. */
const filled = new Map();
let latest = 0;

/** Sends the form, and answers the page that comes back. */
async function send(body) {
  const buttons = form.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  form.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.action, { method: "POST", body });
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  } finally {
    for (const button of buttons) button.disabled = false;
    form.removeAttribute("aria-busy");
  }
}

function show(page) {
  const outcome = page.querySelector("#outcome");
  if (!outcome) return location.reload();
  document.querySelector("#outcome").replaceChildren(...outcome.childNodes);
  const columns = page.querySelector("#columns");
  if (columns.options.length) document.querySelector("#columns").replaceWith(columns);
}

async function look() {
  if (!file.files.length) return;
  const own = ++latest;
  for (const [name, value] of filled) if (form.elements[name].value === value) form.elements[name].value = "";
  filled.clear();
  const body = new FormData(form);
  body.set("act", "look");
  const page = await send(body);
  if (own !== latest) return;
  for (const known of page.querySelectorAll("#importing input[list=columns]")) {
    const field = form.elements[known.name];
    if (field.value || !known.value) continue;
    field.value = known.value;
    filled.set(known.name, known.value);
  }
  show(page);
}

file.addEventListener("change", look);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (event.submitter?.value === "look") return look();
  show(await send(new FormData(form, event.submitter)));
});
document.documentElement.dataset.ready = "imports";
