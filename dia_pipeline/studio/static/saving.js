// What is drawn or set goes to the project at once; later states wait for earlier ones.

const WINDOW = crypto.randomUUID();

export class Saving {
  // `address(column)` is where a guide or setting is sent. `told(text, column, isSaved)` is told what
  // became of it, `changed(column)` that somebody else has changed it.
  constructor(name, versions, address, told, changed) {
    Object.assign(this, { name, versions, address, told, changed });
    this.waiting = new Map(); // column -> what gives its content
    this.refused = new Set();
    this.working = null;
    addEventListener("beforeunload", (event) => this.working && event.preventDefault());
  }

  // `content()` gives a body, empty to remove what is there. The answer: whether it is saved.
  async save(column, content) {
    this.waiting.set(column, content);
    this.working ??= this.work();
    await this.working;
    return !this.refused.has(column);
  }

  async work() {
    document.body.classList.add("saving");
    try {
      while (this.waiting.size) {
        const [column, content] = this.waiting.entries().next().value;
        this.waiting.delete(column);
        await this.send(column, await content());
      }
    } finally {
      document.body.classList.remove("saving");
      this.working = null;
    }
  }

  async send(column, body) {
    const headers = { "If-Match": this.versions[column], "X-Window": WINDOW };
    const answer = await fetch(this.address(column), { method: "PUT", headers, body }).catch(() => null);
    this.refused[answer?.ok ? "delete" : "add"](column);
    if (answer?.ok) {
      this.versions[column] = (await answer.json()).version;
      return this.told("Saved.", column, true);
    }
    const ended = "the server has ended. Start it again, and open its address";
    this.told(`Not saved: ${answer ? (await answer.json()).error : ended}.`, column, false);
    if (answer?.status === 409) this.changed(column);
  }

  // Another window has changed something.
  hear({ name, column, version, by }) {
    if (name !== this.name || by === WINDOW || version === this.versions[column]) return;
    this.changed(column);
  }
}
