// A' by the values of a setting that are tried, in a strip: a click takes one.

export class Trials {
  // `take(number, value)` is told which was clicked.
  constructor(root, take) {
    Object.assign(this, { root, take });
    this.strip = root.querySelector(".strip");
  }

  // `now` is the value that holds, `job` the one that is at work on these drafts, or null.
  show(tried, now, job) {
    this.root.hidden = !tried;
    if (!tried) return;
    this.root.querySelector("b").textContent = tried.setting;
    const known = [...this.strip.children];
    tried.drafts.forEach((draft, number) => {
      const tile = known[number] ?? this.add(number);
      this.fill(tile, draft, { isNow: draft.value === now, job, number });
    });
    known.slice(tried.drafts.length).forEach((tile) => tile.remove());
  }

  add(number) {
    const tile = document.createElement("button");
    tile.className = "tile";
    tile.append(document.createElement("span"), new Image(), document.createElement("span"));
    tile.addEventListener("click", () => this.take(number, tile.dataset.value));
    this.strip.append(tile);
    return tile;
  }

  fill(tile, { value, address, fault }, { isNow, job, number }) {
    const [state, image, label] = tile.children;
    tile.dataset.value = label.textContent = value;
    tile.disabled = !address;
    tile.setAttribute("aria-pressed", isNow);
    tile.title = fault || "";
    image.alt = `A' with ${value}`;
    image.hidden = !address;
    if (address && image.getAttribute("src") !== address) image.src = address;
    state.hidden = Boolean(address);
    const lacks = fault || (!job ? "not made" : job.at === number ? "being made" : "waits");
    state.textContent = address ? "" : lacks;
  }
}
