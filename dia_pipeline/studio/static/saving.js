// What is drawn goes to the project when each stroke ends; later states wait for earlier ones.

const WINDOW = crypto.randomUUID();

export class Saving {
  // `told(text)` is told what became of it, `changed(guide)` that somebody else has drawn.
  constructor(name, versions, told, changed) {
    Object.assign(this, { name, versions, told, changed });
    this.waiting = new Map(); // guide -> what gives its content
    this.working = null;
    addEventListener("beforeunload", (event) => this.working && event.preventDefault());
  }

  // `content()` gives a body, empty to remove the guide.
  save(guide, content) {
    this.waiting.set(guide, content);
    this.working ??= this.work();
    return this.working;
  }

  async work() {
    document.body.classList.add("saving");
    try {
      while (this.waiting.size) {
        const [guide, content] = this.waiting.entries().next().value;
        this.waiting.delete(guide);
        await this.send(guide, await content());
      }
    } finally {
      document.body.classList.remove("saving");
      this.working = null;
    }
  }

  async send(guide, body) {
    const headers = { "If-Match": this.versions[guide], "X-Window": WINDOW };
    const address = `/guides/${encodeURIComponent(this.name)}/${guide}`;
    const answer = await fetch(address, { method: "PUT", headers, body }).catch(() => null);
    if (answer?.ok) {
      this.versions[guide] = (await answer.json()).version;
      return this.told("Saved.");
    }
    if (!answer) return this.told("Not saved: the server has ended. Start it again, and open its address.");
    this.told(`Not saved: ${(await answer.json()).error}.`);
    if (answer.status === 409) this.changed(guide);
  }

  // Another window has drawn.
  hear({ name, guide, version, by }) {
    if (name !== this.name || by === WINDOW || version === this.versions[guide]) return;
    this.changed(guide);
  }
}
