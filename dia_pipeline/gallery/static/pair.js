// The page of a pair: images compared in place, and the probe, which shows where a pixel is matched.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const RED = [220, 30, 30];
const OTHER = { a: "b", b: "a" };
const LABEL = { a: "A", b: "B'" };
const RESULT = { a: "A'", b: "B" };

const stage = document.getElementById("stage");
const views = {};
let current = null; // the variant that is shown
let layer = "images";
let probe = null; // side, x and y in pixels

function matches() {
  return current?.matches ? loadMatches(current.matches) : Promise.resolve(null);
}

// The probe.

async function moveProbe(side, x, y) {
  const [width, height] = current[side].size;
  const clamp = (value, length) => Math.min(Math.max(Math.floor(value), 0), length - 1);
  probe = { side, x: clamp(x, width), y: clamp(y, height) };
  const asked = probe;
  const fields = await matches();
  if (fields && asked === probe) showProbe(fields);
}

function showProbe(fields) {
  const { side, x, y } = probe;
  const there = match(fields[FLOW[side]], [x, y]);
  const back = there && match(fields[FLOW[OTHER[side]]], there);
  place(side, "own", [x, y]);
  place(side, "back", back);
  place(side, "match", null);
  place(OTHER[side], "own", null);
  place(OTHER[side], "back", null);
  place(OTHER[side], "match", there);
  reveal(side, [x, y]);
  if (there) reveal(OTHER[side], there);
  document.getElementById("said").textContent = inWords(side, [x, y], there, back, fields);
}

function inWords(side, own, there, back, fields) {
  const at = (label, [x, y]) => `${label} (${x}, ${y})`;
  const start = at(LABEL[side], own);
  if (!there) return `${start}: no match is known.`;
  const to = `${start} is matched with ${at(LABEL[OTHER[side]], there)}`;
  const { step, grid } = fields[FLOW[side]];
  const thin = step > 1 ? ` The field is known here at ${grid[0]} × ${grid[1]}.` : "";
  if (!back) return `${to}.${thin}`;
  const away = Math.hypot(back[0] - own[0], back[1] - own[1]).toFixed(1);
  return `${to}; that leads back to ${at(LABEL[side], back)}, ${away} px away.${thin}`;
}

function place(side, mark, point) {
  const view = views[side];
  if (!view) return;
  const element = view.querySelector(`.mark.${mark}`);
  element.hidden = !point;
  if (!point) return;
  const [width, height] = current[side].size;
  element.style.left = `${(100 * (point[0] + 0.5)) / width}%`;
  element.style.top = `${(100 * (point[1] + 0.5)) / height}%`;
}

// Scrolls the frame of a view so far that a point is seen.
function reveal(side, [x, y]) {
  if (!views[side] || zoom.value === "1") return;
  const frame = views[side].querySelector(".frame");
  const sheet = frame.querySelector(".sheet");
  const [width, height] = current[side].size;
  const left = sheet.offsetLeft + ((x + 0.5) / width) * sheet.offsetWidth;
  const top = sheet.offsetTop + ((y + 0.5) / height) * sheet.offsetHeight;
  const hidden =
    left < frame.scrollLeft ||
    left > frame.scrollLeft + frame.clientWidth ||
    top < frame.scrollTop ||
    top > frame.scrollTop + frame.clientHeight;
  if (hidden) centre(frame, left, top);
}

function centre(frame, left, top) {
  frame.scrollTo(left - frame.clientWidth / 2, top - frame.clientHeight / 2);
}

function followPointer(side, event) {
  const { left, top, width, height } = views[side].querySelector(".sheet").getBoundingClientRect();
  const x = (event.clientX - left) / width;
  const y = (event.clientY - top) / height;
  if (x < 0 || y < 0 || x >= 1 || y >= 1) return;
  const [columns, rows] = current[side].size;
  moveProbe(side, x * columns, y * rows);
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function followKeys(side, event) {
  const direction = ARROWS[event.key];
  if (!direction || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  const step = event.shiftKey ? 10 : 1;
  const [width, height] = current[side].size;
  const from = probe?.side === side ? probe : { x: width >> 1, y: height >> 1 };
  moveProbe(side, from.x + step * direction[0], from.y + step * direction[1]);
}

// The layers: images, colours of the matches, where these do not lead back, and what is alone.

async function showLayer() {
  stage.dataset.layer = layer;
  setBeside();
  for (const name of ["matches", "trust", "alone"]) {
    document.getElementById(`legend-${name}`).hidden = layer !== name;
  }
  for (const view of Object.values(views)) {
    view.querySelector("canvas").hidden = true;
    view.querySelector("input").disabled = layer !== "images";
  }
  if (layer === "images") return;
  if (layer === "alone") return showAlone();
  const [shown, asked] = [current, layer];
  const fields = await matches();
  if (!fields || shown !== current || asked !== layer) return;
  document.getElementById("radius").textContent = Math.round(fields.radius);
  drawWheel(document.querySelector("#legend-matches canvas"));
  for (const side of Object.keys(views)) {
    const field = fields[FLOW[side]];
    const canvas = views[side].querySelector("canvas");
    const colour = layer === "matches" ? byDirection(field, fields.radius) : byTrust(side, fields);
    canvas.hidden = !colour;
    if (colour) draw(canvas, field, colour);
  }
}

// A canvas of a pixel a position, which the browser smooths as it enlarges it.
function showAlone() {
  for (const [side, view] of Object.entries(views)) {
    const alone = current[side]?.alone;
    if (!alone) continue;
    const canvas = view.querySelector("canvas");
    canvas.hidden = false;
    const grid = [alone[0].length, alone.length];
    draw(canvas, { grid, step: 1 }, (x, y) => [...RED, alone[y][x]]);
  }
}

function draw(canvas, field, colour) {
  const [columns, rows] = field.grid;
  [canvas.width, canvas.height] = field.grid;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at += 4) {
      image.data.set(colour(column * field.step, row * field.step), at);
    }
  }
  context.putImageData(image, 0, 0);
}

function byDirection(field, radius) {
  if (!field) return null;
  return (x, y) => {
    const found = displacement(field, x, y);
    return found ? flowColour(found[0] / radius, found[1] / radius) : [0, 0, 0, 255];
  };
}

// The usual colours of flow: hue is its direction, saturation its length, up to 1.
function flowColour(u, v) {
  const count = DATA.hues.length;
  const position = ((Math.atan2(-v, -u) / Math.PI + 1) / 2) * (count - 1);
  const lower = Math.floor(position);
  const share = position - lower;
  const length = Math.min(Math.hypot(u, v), 1);
  const mixed = [0, 1, 2].map((channel) => {
    const hue =
      DATA.hues[lower][channel] * (1 - share) + DATA.hues[(lower + 1) % count][channel] * share;
    return Math.floor(255 - length * (255 - hue));
  });
  return [...mixed, 255];
}

function byTrust(side, fields) {
  const [there, back] = [fields[FLOW[side]], fields[FLOW[OTHER[side]]]];
  if (!there || !back) return null;
  const limit = DATA.doubt * Math.max(...there.size);
  return (x, y) => {
    const found = match(there, [x, y]);
    const returned = found && match(back, found);
    const doubt = returned ? Math.hypot(returned[0] - x, returned[1] - y) / limit : 1;
    return [...RED, Math.round(255 * Math.min(doubt, 1))];
  };
}

function drawWheel(canvas) {
  const side = canvas.width;
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++, at += 4) {
      const [u, v] = [x, y].map((value) => (2 * (value + 0.5)) / side - 1);
      if (Math.hypot(u, v) <= 1) image.data.set(flowColour(u, v), at);
    }
  }
  context.putImageData(image, 0, 0);
}

// Variants, what lies beside them, and zoom.

const beside = document.getElementById("beside"); // where there are several variants
const zoom = document.getElementById("zoom");

function setImage(image, address, standIn) {
  image.hidden = !address;
  image.onerror = () => {
    image.onerror = null;
    if (standIn) image.src = standIn;
  };
  if (address && image.getAttribute("src") !== address) image.src = address;
  else if (image.complete && !image.naturalWidth && standIn) image.src = standIn;
}

function setVariant(name) {
  const next = Object.hasOwn(DATA.variants, name) ? DATA.variants[name] : null;
  stage.hidden = !next;
  if (!next) return;
  current = next;
  for (const [side, view] of Object.entries(views)) {
    const of = current[side];
    view.hidden = !of;
    if (!of) continue;
    view.querySelector(".sheet").style.setProperty("--aspect", of.size[0] / of.size[1]);
    setImage(view.querySelector(".result"), of.result, null);
    for (const part of view.querySelectorAll("figcaption input, .after")) {
      part.hidden = !of.result;
    }
    setCut(view);
  }
  document.getElementById("said").hidden = !current.matches;
  const radios = document.querySelectorAll("#layers input");
  const known = {
    images: true,
    matches: current.matches,
    trust: current.matches && current.both_ways,
    alone: current.a.alone,
  };
  for (const radio of radios) {
    radio.disabled = !known[radio.value];
    if (radio.checked && radio.disabled) {
      radios[0].checked = true;
      layer = "images";
    }
  }
  showLayer();
  if (probe) moveProbe(probe.side, probe.x, probe.y);
}

// Under the slider lies the image that is given, or the result of another variant.
function setBeside() {
  if (beside) beside.disabled = layer !== "images";
  const other = layer === "images" && beside?.value ? DATA.variants[beside.value] : null;
  for (const [side, view] of Object.entries(views)) {
    const of = current[side];
    if (!of) continue;
    const result = of.result && other?.[side]?.result;
    setImage(view.querySelector(".given"), result || of.given, result ? null : of.small);
    const before = result ? `${RESULT[side]}, ${other.label}` : LABEL[side];
    const after = result ? `${RESULT[side]}, ${current.label}` : RESULT[side];
    view.querySelector(".before").textContent = before;
    view.querySelector(".after").textContent = after;
    view.querySelector("input").ariaLabel = `How much of ${before} is shown before ${after}`;
  }
}

function setCut(view) {
  const range = view.querySelector("input");
  const cut = range.hidden ? 100 : range.value;
  view.querySelector(".sheet").style.setProperty("--cut", `${cut}%`);
}

function setZoom() {
  for (const view of Object.values(views)) {
    const frame = view.querySelector(".frame");
    const { scrollLeft, scrollTop, scrollWidth, scrollHeight, clientWidth, clientHeight } = frame;
    const x = (scrollLeft + clientWidth / 2) / scrollWidth;
    const y = (scrollTop + clientHeight / 2) / scrollHeight;
    view.querySelector(".sheet").style.setProperty("--zoom", zoom.value);
    frame.classList.toggle("zoomed", zoom.value !== "1");
    centre(frame, x * frame.scrollWidth, y * frame.scrollHeight);
  }
}

if (stage) {
  for (const view of stage.querySelectorAll(".view")) {
    const { side } = view.dataset;
    const frame = view.querySelector(".frame");
    views[side] = view;
    frame.addEventListener("pointermove", (event) => followPointer(side, event));
    frame.addEventListener("pointerdown", (event) => followPointer(side, event));
    frame.addEventListener("keydown", (event) => followKeys(side, event));
    view.querySelector("input").addEventListener("input", () => setCut(view));
  }
  for (const radio of document.querySelectorAll("#layers input")) {
    radio.addEventListener("change", () => {
      layer = radio.value;
      showLayer();
    });
  }
  beside?.addEventListener("change", setBeside);
  zoom.addEventListener("change", setZoom);
  document.addEventListener("variant", ({ detail }) => setVariant(detail));
}
