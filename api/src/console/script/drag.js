// Cards are taken up and put down: columns show where a customer may go, and why not.
import { say, words } from "./page.js";

export function dragging(hands, moves) {
  let taken = null;

  const columns = () => document.querySelectorAll(".column");
  const clear = () => {
    for (const column of columns()) {
      delete column.dataset.way;
      column.classList.remove("over");
      column.querySelector(".why")?.remove();
    }
  };

  /** Marks each column by what the API says of the way there. */
  const mark = (page, from) => {
    for (const column of columns()) {
      if (column.dataset.stage === from) continue;
      const way = page.querySelector(`.way[data-to="${CSS.escape(column.dataset.stage)}"]`);
      column.dataset.way = way?.dataset.allowed === "true" ? "open" : "closed";
      if (column.dataset.way === "closed") {
        const why = document.createElement("p");
        why.className = "why";
        why.textContent = way?.querySelector(".reason")?.textContent ?? "";
        column.querySelector("summary").append(why);
      }
    }
  };

  document.addEventListener("dragstart", (event) => {
    const card = event.target.closest?.("li[data-customer]");
    if (!card) return;
    hands.hold();
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", card.dataset.customer);
    const from = card.closest(".column").dataset.stage;
    card.classList.add("taken");
    const page = moves.ways(card.querySelector("a.move").href);
    taken = { card, from, page };
    page.then((page) => taken?.card === card && mark(page, from));
  });

  document.addEventListener("dragover", (event) => {
    const column = event.target.closest?.(".column");
    for (const other of columns()) other.classList.toggle("over", other === column);
    // Only where something can be dropped is the drop announced.
    if (taken && column && column.dataset.stage !== taken.from) event.preventDefault();
  });

  document.addEventListener("drop", async (event) => {
    const column = event.target.closest?.(".column");
    if (!taken || !column) return;
    event.preventDefault();
    const { card, page } = taken;
    const ways = await page;
    const stage = column.dataset.stage;
    const way = ways.querySelector(`.way[data-to="${CSS.escape(stage)}"]`);
    if (way?.dataset.allowed === "true") await moves.to(ways, stage, card);
    else if (way) say(words(`${column.dataset.name}: ${way.querySelector(".reason").textContent}`));
  });

  document.addEventListener("dragend", () => {
    if (!taken) return;
    taken.card.classList.remove("taken");
    taken = null;
    clear();
    hands.release();
  });
}
