// The usual settings of the pair, as they are declared: what holds, and what its row of the table says.

export class Fields {
  // `set(name, text)` saves a value, empty for the default; `tried(name, values)` makes a draft of each.
  constructor(root, declared, set, tried) {
    Object.assign(this, { root, set, tried });
    this.typed = new Set(); // the fields whose text is not saved
    this.list = new Map(declared.map((each) => [each.name, this.build(each)]));
    root.append(...[...this.list.values()].map(({ element }) => element));
  }

  has(name) {
    return this.list.has(name);
  }

  build({ name, brief, more, choices, free }) {
    const element = document.getElementById("field").content.cloneNode(true).firstElementChild;
    const find = (selector) => element.querySelector(selector);
    const [input, button] = [find(free ? "input" : "select"), find(".try")];
    find(free ? "select" : "input").remove();
    find("label").textContent = name;
    find("label").htmlFor = input.id = `setting-${name}`;
    find("summary").textContent = brief[0].toUpperCase() + brief.slice(1);
    find(".more").textContent = more;
    button.setAttribute("aria-label", `Try values of ${name}`);
    const options = choices.map((choice) => new Option(choice, choice));
    if (!free) input.append(...options);
    else if (options.length) {
      input.setAttribute("list", (find("datalist").id = `choices-${name}`));
      find("datalist").append(...options);
    } else input.inputMode = "decimal";
    const field = { element, input, button, said: find(".said"), note: find(".note") };
    input.addEventListener("input", () => free && this.typed.add(name));
    input.addEventListener("change", () => this.change(name));
    button.addEventListener("click", () => this.try(name));
    return field;
  }

  // What the project says now; what is being typed stays.
  show(declared, variant) {
    this.shown = new Map(declared.map((each) => [each.name, { ...each, ...each.variants[variant] }]));
    for (const [name, each] of this.shown) {
      const { element, input, button, note } = this.list.get(name);
      if (!this.typed.has(name)) input.value = each.own;
      element.classList.toggle("own", each.own !== "");
      button.hidden = !each.tried.length;
      button.title = `A draft with each: ${each.tried.join(", ")}`;
      if (each.free && each.tried.length) button.title += ". Others, with commas, in the field.";
      note.textContent = noteOf(each);
      if (each.free) input.placeholder = each.default;
      else showChoices(input, each);
    }
  }

  // In a few words, what is not as for all pairs.
  get summary() {
    const own = [...this.shown.values()].filter((each) => each.own);
    return own.map(({ name, own }) => `${name} ${own}`).join(", ");
  }

  isTyping(element) {
    return [...this.typed].some((name) => this.list.get(name).input === element);
  }

  change(name) {
    const text = this.list.get(name).input.value.trim();
    if (this.isList(name)) return this.say(name, "Try values makes a draft with each.");
    this.set(name, text === this.shown.get(name).default ? "" : text);
  }

  // Several values with commas between are not set, but tried.
  isList(name) {
    const { input } = this.list.get(name);
    return this.shown.get(name).tried.length > 0 && input.matches("input") && input.value.includes(",");
  }

  try(name) {
    const { input } = this.list.get(name);
    const { own, tried } = this.shown.get(name);
    const values = this.isList(name) ? input.value : tried.join(",");
    if (this.isList(name)) input.value = own;
    this.settle(name);
    this.tried(name, values);
  }

  // The text of a field is that of the project from now on.
  settle(name) {
    this.typed.delete(name);
    this.say(name, "");
  }

  // Beside the field.
  say(name, text, isFault = false) {
    const { said, input } = this.list.get(name);
    said.textContent = text;
    said.hidden = !text;
    said.classList.toggle("fault", isFault);
    input.setAttribute("aria-invalid", isFault);
  }

  setBusy(isKeeping, isWorking) {
    this.root.disabled = isKeeping;
    for (const { button } of this.list.values()) button.disabled = isWorking;
  }
}

function noteOf({ choices, tried, drafted }) {
  if (choices.length && !tried.length) return "has no effect here";
  return drafted ? "" : "drafts have their own";
}

// Which of the choices is the default is said beside it; if none is, one more stands for it.
function showChoices(select, { own, choices, default: byDefault }) {
  const marked = [...select.options].filter(({ value }) => choices.includes(value));
  for (const option of marked) option.text = option.value + (option.value === byDefault ? " (default)" : "");
  const other = [...select.options].find(({ value }) => value === "");
  if (byDefault) other?.remove();
  else if (!other) select.prepend(new Option("as configured", ""));
  select.value = own || byDefault;
}
