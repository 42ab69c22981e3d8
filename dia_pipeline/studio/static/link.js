// On the pages of the gallery: links to where a pair is mended.
"use strict";

function linkTo(name, variant) {
  const link = document.createElement("a");
  link.className = "mend";
  link.textContent = "Mend";
  const address = () => `/mend/${encodeURIComponent(name)}#${variant()}`;
  link.href = address();
  link.addEventListener("click", () => (link.href = address()));
  return link;
}

async function addLinks() {
  const names = new Set(await (await fetch("/pairs")).json());
  for (const card of document.querySelectorAll("li.card")) {
    const { name, variant } = card.dataset;
    if (names.has(name)) {
      card.querySelector(".meta").append(linkTo(name, () => encodeURIComponent(variant)));
    }
  }
  const heading = document.querySelector("h1[data-name]");
  if (heading && names.has(heading.dataset.name)) {
    heading.after(linkTo(heading.dataset.name, () => location.hash.slice(1)));
  }
}

addLinks();
