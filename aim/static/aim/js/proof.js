// The proof of a record, recomputed here: from the sealed bytes to the leaf, by the audit path to the root, and the
// signature of the checkpoint that names the root. Nothing but WebCrypto; the server is not believed.

const encoder = new TextEncoder();

async function sha256(...parts) {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

const decode64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const same = (one, other) => hex(one) === hex(other);

// RFC 9162, 2.1.3.2. Numbers are BigInt: places grow beyond 32 bits.
async function rootOf(leaf, place, size, path) {
  let fn = place;
  let sn = size - 1n;
  let root = leaf;
  for (const step of path) {
    if (sn === 0n) return null;
    if (fn & 1n || fn === sn) {
      root = await sha256(Uint8Array.of(1), step, root);
      while (!(fn & 1n) && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      root = await sha256(Uint8Array.of(1), root, step);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n ? root : null;
}

// C2SP signed notes: the text up to the empty line, then lines "— name base64(id ‖ signature)".
async function signedBy(note, keys) {
  const split = note.indexOf("\n\n");
  const text = encoder.encode(note.slice(0, split + 1));
  for (const line of note.slice(split + 2).split("\n")) {
    const match = /^— (\S+) (\S+)$/.exec(line);
    if (!match) continue;
    const signed = decode64(match[2]);
    for (const key of keys) {
      const [name, id, ...rest] = key.split("+");
      if (name !== match[1] || id !== hex(signed.slice(0, 4))) continue;
      const raw = decode64(rest.join("+")).slice(1);
      const imported = await crypto.subtle.importKey("raw", raw, { name: "Ed25519" }, false, ["verify"]);
      if (await crypto.subtle.verify({ name: "Ed25519" }, imported, signed.slice(4), text)) return true;
    }
  }
  return false;
}

export async function verifyProof(proof) {
  const leaf = await sha256(Uint8Array.of(0), encoder.encode(proof.entry));
  if (hex(leaf) !== proof.leaf) return false;
  const [, size, root] = proof.checkpoint.split("\n");
  const found = await rootOf(leaf, BigInt(proof.seq), BigInt(size), proof.path.map(decode64));
  if (!found || !same(found, decode64(root))) return false;
  return signedBy(proof.checkpoint, proof.keys);
}

class AimProof extends HTMLElement {
  connectedCallback() {
    this.querySelector("[data-verify]")?.addEventListener("click", () => this.verify());
  }

  async verify() {
    const place = this.querySelector("[data-result]");
    place.className = "";
    let words = place.dataset.wordsError;
    try {
      const answer = await fetch(this.dataset.proof, { headers: { Accept: "application/json" } });
      if (answer.ok) {
        const good = await verifyProof(await answer.json());
        place.className = good ? "good" : "bad";
        words = good ? place.dataset.wordsGood : place.dataset.wordsBad;
      }
    } catch {
      // What could not be computed here proves nothing, and says so.
      place.className = "bad";
    }
    place.textContent = words;
  }
}

customElements.define("aim-proof", AimProof);
