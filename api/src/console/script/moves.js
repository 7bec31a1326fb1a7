// The form of a move in a dialog, and moves that need none.
import { ask, say } from "./page.js";

/** What can be done to move cards. */
export function moving(hands) {
  const dialog = document.createElement("dialog");
  dialog.className = "moving";
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.replaceChildren();
    hands.release();
  });
  // A press beside the dialog closes it.
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());

  const fill = (page) => {
    const content = page.querySelector("#moving");
    content.querySelector("[data-back]")?.addEventListener("click", (event) => {
      event.preventDefault();
      dialog.close();
    });
    dialog.replaceChildren(content);
    const open = dialog.querySelector("details[open]");
    const first = open?.querySelector("input:not([type=hidden]), select, textarea") ?? open?.querySelector("button");
    (first ?? dialog.querySelector("summary"))?.focus();
  };

  const send = async (form, putBack) => {
    const { ok, page } = await ask(form.action, form);
    if (!ok) putBack?.();
    if (ok) {
      if (dialog.open) dialog.close();
      hands.done(page);
    } else if (page.querySelector("#moving")) {
      if (!dialog.open) {
        hands.hold();
        dialog.showModal();
      }
      fill(page);
    } else {
      const problem = page.querySelector(".problem");
      if (problem) say(problem);
    }
  };

  document.addEventListener("submit", (event) => {
    if (!event.target.closest("dialog.moving, #notices")) return;
    event.preventDefault();
    for (const button of event.target.querySelectorAll("button")) button.disabled = true;
    send(event.target);
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.move");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(link.href);
  });

  /** The page on which a customer is moved. */
  const ways = (address) => ask(address).then(({ page }) => page);

  async function open(address) {
    hands.hold();
    dialog.showModal();
    fill(await ways(address));
  }

  return {
    open,
    ways,
    /** Moves at once where the move asks for nothing, and else asks. The card goes ahead of the answer, and comes back if it is no. */
    async to(page, stage, card) {
      const way = page.querySelector(`.way[data-to="${CSS.escape(stage)}"]`);
      const form = way.querySelector("form");
      if (!form.querySelector("[required], [data-asks]")) {
        hands.hold();
        try {
          return await send(form, hands.place(card, stage));
        } finally {
          hands.release();
        }
      }
      hands.hold();
      dialog.showModal();
      way.open = true;
      fill(page);
    },
  };
}
