// A customer's page: the digest of a document is computed from the file, which stays where it is.

const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

for (const field of document.querySelectorAll("input[data-digest]")) {
  const file = document.createElement("input");
  file.type = "file";
  file.setAttribute("aria-label", field.dataset.digest);
  file.title = field.dataset.digest;
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    if (!chosen) return;
    field.value = hex(await crypto.subtle.digest("SHA-256", await chosen.arrayBuffer()));
    const name = field.form.elements[field.name.replace(/sha256$/, "name")];
    if (name && !name.value) name.value = chosen.name;
  });
  field.after(file);
}
document.documentElement.dataset.ready = "customer";
