// The board by keyboard: arrows go from card to card, m moves the one in focus, u undoes the move that was just made.

const NEAR = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

export function keyboard(moves) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, select, textarea")) return;
    const card = event.target.closest("li[data-customer]");
    if (event.key === "m" && card) {
      event.preventDefault();
      moves.open(card.querySelector("a.move").href);
    } else if (event.key === "u" && document.querySelector("#notices form")) {
      event.preventDefault();
      document.querySelector("#notices form").requestSubmit();
    } else if (NEAR[event.key]) {
      const next = card ? neighbour(card, ...NEAR[event.key]) : document.querySelector(".column[open] li[data-customer]");
      if (!next) return;
      event.preventDefault();
      next.querySelector("a").focus();
    }
  });
}

function neighbour(card, sideways, down) {
  if (down !== 0) return down > 0 ? card.nextElementSibling : card.previousElementSibling;
  const place = [...card.parentElement.children].indexOf(card);
  const columns = [...document.querySelectorAll(".column[open]")].filter((column) => column.querySelector("li[data-customer]"));
  const column = columns[columns.indexOf(card.closest(".column")) + sideways];
  const cards = column?.querySelectorAll("li[data-customer]");
  return cards?.[Math.min(place, cards.length - 1)];
}
