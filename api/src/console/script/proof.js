// Whether an entry is in the log that a signed checkpoint stands for: RFC 6962, section 2.1, and a C2SP signed note.

const bytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
const utf8 = (text) => new TextEncoder().encode(text);
const same = (a, b) => a.length === b.length && a.every((byte, place) => byte === b[place]);

export const hex = (hash) => [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");

async function hash(prefix, ...parts) {
  const whole = [prefix, ...parts.flatMap((part) => [...part])];
  return new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.from(whole)));
}

/** The steps from a leaf to the root: whose hash comes from which side, and what comes of it; none where it is too short. */
async function climb(leaf, index, size, hashes) {
  let [place, last, result] = [index, size - 1, leaf];
  const steps = [];
  for (const sibling of hashes) {
    if (last === 0) return null;
    if (place % 2 === 1 || place === last) {
      result = await hash(1, sibling, result);
      steps.push({ side: "left", sibling, result });
      while (place !== 0 && place % 2 === 0) [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
    } else {
      result = await hash(1, result, sibling);
      steps.push({ side: "right", sibling, result });
    }
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  return last === 0 ? { steps, root: result } : null;
}

/** Whether one of the keys signed the note. */
async function signed(note, keys) {
  const end = note.indexOf("\n\n");
  const text = utf8(note.slice(0, end + 1));
  for (const line of note.slice(end + 2).split("\n")) {
    const [dash, name, signature] = line.split(" ");
    if (dash !== "\u2014" || !signature) continue;
    const raw = bytes(signature);
    for (const { vkey } of keys) {
      // The name may have no plus sign, and base64 may.
      const [known, id, ...rest] = vkey.split("+");
      const key = bytes(rest.join("+"));
      if (known !== name || id !== hex(raw.slice(0, 4)) || key[0] !== 1) continue;
      const opened = await crypto.subtle.importKey("raw", key.slice(1), "Ed25519", false, ["verify"]);
      if (await crypto.subtle.verify("Ed25519", opened, raw.slice(4), text)) return vkey;
    }
  }
  return null;
}

/** Checks what the service says of an entry. `fault` names the first thing that is wrong; none where all is right. */
export async function check({ proof, entry, keys }) {
  const leaf = await hash(0, utf8(entry));
  const found = { leaf, steps: [], fault: null, key: null };
  const tampered = (fault) => ({ ...found, fault });
  if (!same(leaf, bytes(proof.leaf_hash))) return tampered("entry");
  if (JSON.parse(entry).id !== proof.event_id) return tampered("entry");
  const way = await climb(leaf, proof.index, proof.size, proof.hashes.map(bytes));
  if (!way) return tampered("path");
  found.steps = way.steps;
  const [, size, root] = proof.checkpoint.split("\n");
  if (Number(size) !== proof.size) return tampered("checkpoint");
  if (!same(way.root, bytes(root))) return tampered("path");
  found.key = await signed(proof.checkpoint, keys);
  return found.key ? found : tampered("signature");
}
