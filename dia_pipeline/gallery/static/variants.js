// The choice of a variant: its part of the page is shown, and the address names it.
"use strict";

function showVariant(name) {
  for (const part of document.querySelectorAll("[data-variant]")) {
    part.hidden = part.dataset.variant !== name;
  }
  document.dispatchEvent(new CustomEvent("variant", { detail: name }));
}

function chooseVariant() {
  const radios = [...document.querySelectorAll("input[name=variant]")];
  const named = decodeURIComponent(location.hash.slice(1));
  const chosen =
    radios.find((radio) => radio.value === named) ?? radios.find((radio) => radio.checked);
  if (chosen) chosen.checked = true;
  showVariant(chosen?.value ?? document.querySelector("[data-variant]").dataset.variant);
}

for (const radio of document.querySelectorAll("input[name=variant]")) {
  radio.addEventListener("change", () => {
    location.replace("#" + encodeURIComponent(radio.value));
  });
}
addEventListener("hashchange", chooseVariant);
addEventListener("DOMContentLoaded", chooseVariant);
