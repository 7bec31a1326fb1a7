// Pages as data: each part of the console is an ordinary page, and a script takes what it needs out of it.

/** A page of this console, as the server makes it; `form` is sent along where it is given. */
export async function ask(address, form) {
  const request = form ? { method: "POST", body: new URLSearchParams(new FormData(form)) } : {};
  const answer = await fetch(address, request);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (page.querySelector("form[action='/console/sign-in']")) location.reload();
  return { ok: answer.ok, page };
}

/** Says something for a moment; to everybody, and to screen readers. */
export function say(content) {
  const place = document.querySelector("#notices");
  place.replaceChildren(content);
  const lasting = Number(content.dataset?.seconds ?? 12);
  setTimeout(() => content.remove(), lasting * 1000);
}

/** A short text to say. */
export function words(text) {
  const notice = document.createElement("p");
  notice.className = "notice";
  notice.textContent = text;
  return notice;
}
