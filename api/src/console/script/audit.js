// Verifying an entry in the reader's own browser, with the path to the root drawn.
import { check, hex } from "./proof.js";

const words = document.querySelector("#words").dataset;
const dialog = document.createElement("dialog");
dialog.className = "moving proof";
document.body.append(dialog);

const element = (name, text, parts = {}) => Object.assign(document.createElement(name), { textContent: text, ...parts });
const short = (hash) => `${hex(hash).slice(0, 16)}…`;

function draw(found) {
  const verdict = element("p", words[found.fault ?? "verified"], { className: found.fault ? "late" : "sound" });
  verdict.id = "verdict";
  const path = document.createElement("ol");
  path.className = "path";
  path.append(element("li", `${words.leaf} ${short(found.leaf)}`));
  for (const { side, sibling, result } of found.steps) {
    const step = element("li", `${words[side]} ${short(sibling)} → ${short(result)}`);
    step.dataset.side = side;
    path.append(step);
  }
  const close = element("button", words.close);
  close.addEventListener("click", () => dialog.close());
  const key = element("p", found.key ? `${words.key} ${found.key}` : "", { className: "hint" });
  dialog.replaceChildren(verdict, path, key, close);
}

async function verify(event) {
  if (!globalThis.crypto?.subtle) {
    dialog.replaceChildren(element("p", words.unsupported, { className: "late" }));
  } else {
    const answer = await fetch(`/console/audit/proofs/${encodeURIComponent(event)}`);
    if (!answer.ok) return location.reload();
    draw(await check(await answer.json()));
  }
  dialog.showModal();
}

for (const button of document.querySelectorAll("[data-verify]")) {
  button.hidden = false;
  button.addEventListener("click", () => verify(button.dataset.verify));
}
document.documentElement.dataset.ready = "audit";
