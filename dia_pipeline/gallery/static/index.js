// The first page: cards are filtered and sorted in place.
"use strict";

const form = document.getElementById("filter");
const list = document.getElementById("cards");
const cards = [...list.children];

function words(text) {
  return text.normalize("NFKC").toLowerCase().split(/\s+/).filter(Boolean);
}

function applyFilter() {
  const { search, status, kind, variant } = Object.fromEntries(new FormData(form));
  const wanted = words(search);
  let count = 0;
  for (const card of cards) {
    const { name, ...of } = card.dataset;
    const known = name.normalize("NFKC").toLowerCase();
    const fits =
      wanted.every((word) => known.includes(word)) &&
      (!status || status === of.status || status === of.verdict) &&
      (!kind || kind === of.kind) &&
      (!variant || variant === of.variant);
    card.hidden = !fits;
    count += fits;
  }
  document.getElementById("count").textContent =
    count === cards.length ? `${count} results` : `${count} of ${cards.length} results`;
  document.getElementById("none").hidden = count > 0;
}

const byName = new Intl.Collator("en", { numeric: true });
const confidence = (card) =>
  card.dataset.confidence === "" ? Infinity : Number(card.dataset.confidence);
const ORDERS = {
  name: (a, b) => byName.compare(a.dataset.name, b.dataset.name),
  confidence: (a, b) => (confidence(a) < confidence(b) ? -1 : confidence(a) > confidence(b) ? 1 : 0),
};

function applyOrder() {
  const order = ORDERS[form.elements.sort.value];
  list.append(...(order ? [...cards].sort(order) : cards));
}

form.addEventListener("input", applyFilter);
form.elements.sort.addEventListener("change", applyOrder);
form.addEventListener("submit", (event) => event.preventDefault());
// Browsers fill in again what was chosen before, when they come back to the page.
addEventListener("pageshow", () => {
  applyFilter();
  applyOrder();
});
