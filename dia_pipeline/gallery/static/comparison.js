// The page of a comparison: each slider moves the border between its two images.
"use strict";

for (const view of document.querySelectorAll(".view")) {
  const range = view.querySelector("input");
  const cut = () => view.querySelector(".sheet").style.setProperty("--cut", `${range.value}%`);
  range.addEventListener("input", cut);
  addEventListener("pageshow", cut); // browsers fill in again what was chosen before
}
