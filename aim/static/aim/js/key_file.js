// A key file goes into the text area beside it, as if it had been pasted: nothing is uploaded before the form is.

class AimKeyFile extends HTMLElement {
  connectedCallback() {
    this.addEventListener("change", async (event) => {
      if (!event.target.matches("[data-key-file]") || !event.target.files.length) return;
      const area = this.querySelector("textarea");
      area.value = (await event.target.files[0].text()).slice(0, 20_000);
      event.target.value = "";
      area.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }
}

customElements.define("aim-key-file", AimKeyFile);
