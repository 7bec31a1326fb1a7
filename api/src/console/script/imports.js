// Importing: the first line of a file names its columns, and what it holds is looked at without sending it away.

const form = document.querySelector("#importing");
const file = form.querySelector("input[type=file]");
const columns = document.querySelector("#columns");
/** What columns are called by those who export them. */
const NAMES = {
  case: /^(case|deal|id|customer.?id|external.?id|编号|客户编号)$/i,
  status: /^(status|stage|state|状态|阶段)$/i,
  time: /^(time|at|date|changed.?at|timestamp|时间|日期)$/i,
  name: /^(name|customer|company|客户|名称|客户名称|公司)$/i,
  owner: /^(owner|rep|sales|负责人|销售)$/i,
  phone: /^(phone|tel|telephone|mobile|电话|手机)$/i,
  email: /^(e-?mail|mail|邮箱)$/i,
  amount: /^(amount|value|金额)$/i,
  source: /^(source|from|来源)$/i,
};

file.addEventListener("change", async () => {
  if (!file.files.length) return;
  const bytes = await file.files[0].slice(0, 65536).arrayBuffer();
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    text = new TextDecoder("gb18030").decode(bytes);
  }
  const line = text.split(/\r?\n/)[0];
  const separator = [",", ";", "\t"].sort((a, b) => line.split(b).length - line.split(a).length)[0];
  const names = line.split(separator).map((name) => name.trim().replace(/^"|"$/g, ""));
  columns.replaceChildren(...names.map((name) => new Option(name, name)));
  for (const [field, pattern] of Object.entries(NAMES)) {
    const input = form.elements[field];
    const found = names.find((name) => pattern.test(name));
    if (!input.value && found) input.value = found;
  }
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = new FormData(form, event.submitter);
  const buttons = form.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  const answer = await fetch(form.action, { method: "POST", body });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const outcome = page.querySelector("#outcome");
  if (outcome) document.querySelector("#outcome").replaceChildren(...outcome.childNodes);
  else location.reload();
  for (const button of buttons) button.disabled = false;
});
document.documentElement.dataset.ready = "imports";
