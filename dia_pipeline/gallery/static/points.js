// Points that belong together, collected by the probe: a place in A and one in B'.
"use strict";

const collect = document.getElementById("collect");
const COLUMNS = "a_x,a_y,b_prime_x,b_prime_y";
let collected = []; // of { a: [x, y], b: [x, y] }, the middles of pixels
let half = {}; // a point of which one place is missing

// The place of the probe is taken for the point that is being collected.
function takePlace() {
  if (!collect.checked || !probe) return;
  half[probe.side] = [probe.x + 0.5, probe.y + 0.5];
  if (half.a && half.b) {
    collected.push(half);
    half = {};
  }
  showCollected();
}

function showCollected() {
  document.getElementById("collected").hidden = !collect.checked;
  const missing = half.a ? "b" : half.b ? "a" : null;
  document.getElementById("next").textContent = missing
    ? `Now the same place in ${LABEL[missing]}.`
    : "Click, or press Enter, at a place in A, then at the place in B' that belongs to it.";
  const list = document.querySelector("#collected ol");
  list.replaceChildren(...collected.map(itemOf));
  document.getElementById("take").hidden = !collected.length;
  const lines = [COLUMNS, ...collected.map(({ a, b }) => [...a, ...b].join(","))];
  const table = `${lines.join("\n")}\n`;
  document.getElementById("table").href = `data:text/csv,${encodeURIComponent(table)}`;
  showDots();
}

function itemOf(point) {
  const item = document.createElement("li");
  const remove = document.createElement("button");
  const at = ([x, y]) => `(${Math.floor(x)}, ${Math.floor(y)})`;
  item.textContent = `A ${at(point.a)} and B' ${at(point.b)} `;
  remove.textContent = "Remove";
  remove.addEventListener("click", () => {
    collected = collected.filter((each) => each !== point);
    showCollected();
  });
  item.append(remove);
  return item;
}

function showDots() {
  for (const [side, view] of Object.entries(views)) {
    const sheet = view.querySelector(".sheet");
    sheet.querySelectorAll(".dot").forEach((dot) => dot.remove());
    if (!collect.checked) continue;
    [...collected, half].forEach((point, number) => {
      if (!point[side]) return;
      const dot = document.createElement("span");
      dot.className = "dot";
      dot.textContent = number + 1;
      dot.style.left = `${(100 * point[side][0]) / current[side].size[0]}%`;
      dot.style.top = `${(100 * point[side][1]) / current[side].size[1]}%`;
      sheet.append(dot);
    });
  }
}

async function copyCommand() {
  const command = document.getElementById("command");
  getSelection().selectAllChildren(command);
  await navigator.clipboard?.writeText(command.textContent);
}

if (collect) {
  for (const view of Object.values(views)) {
    const frame = view.querySelector(".frame");
    frame.addEventListener("click", takePlace);
    frame.addEventListener("keydown", (event) => event.key === "Enter" && takePlace());
  }
  collect.addEventListener("change", showCollected);
  addEventListener("pageshow", showCollected); // browsers fill in again what was chosen before
  document.getElementById("copy").addEventListener("click", copyCommand);
}
