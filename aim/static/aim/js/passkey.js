// Passkeys: a form with data-passkey="get" or "create" fetches its options, asks the browser, and sends the answer.
const decode = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const encode = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

function prepared(options) {
  const key = structuredClone(options.publicKey);
  key.challenge = decode(key.challenge);
  if (key.user) key.user.id = decode(key.user.id);
  for (const list of ["allowCredentials", "excludeCredentials"]) {
    for (const known of key[list] ?? []) known.id = decode(known.id);
  }
  return key;
}

function answered(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = encode(credential.response[name]);
  }
  return {
    id: credential.id,
    rawId: encode(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  };
}

async function ask(form) {
  const token = form.elements.csrfmiddlewaretoken.value;
  const reply = await fetch(form.dataset.options, { method: "POST", headers: { "X-CSRFToken": token } });
  if (!reply.ok) throw new Error(form.dataset.failed);
  const publicKey = prepared(await reply.json());
  const method = form.dataset.passkey === "create" ? "create" : "get";
  const credential = await navigator.credentials[method]({ publicKey });
  form.elements.credential.value = JSON.stringify(answered(credential));
}

function show(form, text) {
  const place = form.querySelector("[data-passkey-problem]");
  if (!place) return;
  place.textContent = text;
  place.hidden = !text;
}

function take(form) {
  const button = form.querySelector("button[type=submit]");
  const able = window.isSecureContext && "credentials" in navigator && "PublicKeyCredential" in window;
  // A passkey belongs to a host name; a bare address has none.
  const named = !/^[\d.]+$|^\[/.test(location.hostname);
  if (!able || !named) {
    button.hidden = true;
    show(form, able ? form.dataset.unnamed : form.dataset.unable);
    return;
  }
  form.addEventListener("submit", async (event) => {
    if (form.elements.credential.value) return;
    event.preventDefault();
    show(form, "");
    button.disabled = true;
    try {
      await ask(form);
      form.submit();
    } catch (error) {
      show(form, error.name === "Error" ? error.message : form.dataset.failed);
    } finally {
      button.disabled = false;
    }
  });
}

for (const form of document.querySelectorAll("form[data-passkey]")) take(form);
