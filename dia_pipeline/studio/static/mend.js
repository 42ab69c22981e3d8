// The page on which a pair is mended: what is drawn, what is made of it, and what that changed.

import { Board } from "./board.js";
import { Brushes, LABELS } from "./brushes.js";
import { History } from "./history.js";
import { JobDisplay } from "./jobs.js";
import { Points } from "./points.js";
import { Saving } from "./saving.js";

const $ = (id) => document.getElementById(id);
const NAME = decodeURIComponent(location.pathname.split("/").at(-1));
const encoded = encodeURIComponent(NAME);
const chosen = (name) => document.querySelector(`input[name=${name}]:checked`).value;

const asked = await fetch(`/state/${encoded}`);
if (!asked.ok) {
  $("hint").textContent = (await asked.json()).error;
  throw new Error("the pair cannot be shown");
}
let state = await asked.json();

// The boards and the pens.

const boards = {};
for (const figure of document.querySelectorAll(".board[data-image]")) {
  const { image } = figure.dataset;
  boards[image] = new Board(figure, (phase, place, event) => {
    if (!jobs.isKeeping) pen().draw(image, phase, place, event);
  });
  boards[image].show(state.images[image].address, state.images[image].size);
}
const history = new History(() => {
  $("undo").disabled = !history.done.length;
  $("redo").disabled = !history.undone.length;
});
const saving = new Saving(NAME, state.versions, tell, reload);
const points = new Points(boards, state.reach, (step) => record("points", step), showPens);
const brushes = new Brushes(boards, settings, record);

function pen() {
  return chosen("pen") === "points" ? points : brushes;
}

function settings() {
  const [way, name] = [chosen("way"), chosen("pen")];
  const amount = Math.round(2.55 * $("amount").value);
  const colours = { labels: LABELS[chosen("colour")], keep: [255, 255, 255] };
  const colour = colours[name] ?? [amount, amount, amount];
  const scale = Math.max(...state.images.a.size) / 700; // the size of a brush is seen, not counted
  return { pen: name, way, colour, size: $("size").value * scale, opacity: $("opacity").value / 100 };
}

// A step was done; what is drawn is saved, and again when the step is undone.
function record(guide, step) {
  const save = () => saving.save(guide, () => contentOf(guide));
  const and = (go) => () => {
    go();
    brushes.show();
    save();
  };
  history.add({ undo: and(step.undo), redo: and(step.redo) });
  save();
  showPens();
}

function contentOf(guide) {
  if (guide !== "points") return brushes.content(guide);
  return points.rows.length ? JSON.stringify(points.rows) : "";
}

// What is there now is shown: at first, and when another window has drawn.
async function reload(guide) {
  state = await (await fetch(`/state/${encoded}`)).json();
  saving.versions[guide] = state.versions[guide];
  history.clear();
  if (guide === "points") return points.load(state.points);
  const there = state.versions[guide] !== "none";
  await brushes.load(guide, there ? await (await fetch(`/guides/${encoded}/${guide}`)).blob() : null);
  showPens();
}

function tell(text) {
  $("hint").textContent = [text, hint()].filter(Boolean).join(" ");
}

function hint() {
  if (jobs.isKeeping) return "You can draw on when this is kept.";
  if (pen() === points) return points.hint();
  if (chosen("way") === "polygon") return "Click the corners; the first one again, or Enter, closes it.";
  if (chosen("pen") === "keep") return "Paint over A what stays as it is.";
  if (chosen("pen") === "strength") return "Paint over A where it is restyled less.";
  const one = ["a", "b_prime"].filter((image) => !brushes.paintings[brushes.guideOf(image)].isEmpty);
  if (one.length === 1) return "Labels hold once there are some over A and over B'.";
  return "Paint parts over A, and in the same colours what matches them over B'.";
}

function showPens() {
  const name = chosen("pen");
  document.body.dataset.pen = name;
  for (const part of document.querySelectorAll("[data-pens]")) {
    part.hidden = !part.dataset.pens.split(" ").includes(name);
  }
  for (const input of document.querySelectorAll("input[name=pen]")) {
    const used = input.value === "points" ? points.list.length : brushes.isUsed(input.value);
    input.parentElement.classList.toggle("used", Boolean(used));
    input.disabled = state.several && ["points", "labels"].includes(input.value);
  }
  const { selected } = points;
  $("remove").disabled = $("radius").disabled = !selected;
  if (selected) $("radius").value = selected.radius ?? state.reach;
  tell("");
}

// What is made of it.

const variant = () => $("variant").value;

function showResult() {
  const draft = state.drafts[variant()];
  const result = state.results[variant()];
  const now = draft.a_prime ?? result;
  const before = draft.before ?? null;
  setImage("result", now);
  setImage("given", before);
  $("nothing").hidden = Boolean(now);
  $("cut").hidden = document.querySelector(".divider").hidden = !before;
  $("before").textContent = before ? "A' before" : "";
  $("now").textContent = draft.a_prime ? "A', draft" : before ? "A' now" : "A'";
}

function setImage(kind, address) {
  const image = $("compared").querySelector(`.${kind}`);
  image.hidden = !address;
  if (address) image.src = address;
}

const jobs = new JobDisplay(async (job) => {
  if (job.name !== NAME) return;
  state = { ...state, ...(await (await fetch(`/state/${encoded}`)).json()) };
  showResult();
});

async function start(kind) {
  $("step").textContent = "";
  await saving.working;
  const answer = await fetch(`/${kind}/${encoded}/${encodeURIComponent(variant())}`, { method: "POST" });
  if (!answer.ok) tell(`${(await answer.json()).error}.`);
}

const events = new EventSource("/events");
events.addEventListener("message", ({ data }) => {
  const event = JSON.parse(data);
  if ("job" in event) {
    jobs.show(event.job);
    showPens();
  }
  if (event.drawn) saving.hear(event.drawn);
});

// Controls.

for (const [name, colour] of Object.entries(LABELS)) {
  const label = document.createElement("label");
  label.innerHTML = `<input type="radio" name="colour" value="${name}" aria-label="${name}"><span></span>`;
  label.querySelector("span").style.background = `rgb(${colour})`;
  label.title = name;
  $("colours").append(label);
}
$("colours").querySelector("input").checked = true;

for (const input of document.querySelectorAll(".pens input:not(#radius)")) {
  input.addEventListener("input", () => {
    if (["pen", "way"].includes(input.name)) brushes.leave();
    brushes.show();
    showPens();
  });
}
for (const name of ["input", "change"]) {
  $("radius").addEventListener(name, () => points.setRadius(Number($("radius").value), name === "change"));
}
const setCut = () => $("compared").style.setProperty("--cut", `${$("cut").value}%`);
const fit = () => Object.values(boards).forEach((board) => board.setZoom(1, 0, 0));
const click = (id, act) => $(id).addEventListener("click", act);
click("undo", () => history.undo());
click("redo", () => history.redo());
click("fit", fit);
click("remove", () => points.remove());
click("draft", () => start("draft"));
click("keep", () => start("keep"));
click("cancel", () => fetch("/cancel", { method: "POST" }));
$("cut").addEventListener("input", setCut);
$("variant").addEventListener("change", showResult);

const KEYS = {
  Escape: () => (points.half ? points.remove() : (brushes.leave(), points.select(null))),
  Delete: () => points.remove(),
  Backspace: () => points.remove(),
  Enter: () => brushes.close(),
  "[": () => ($("size").value = $("size").value / 1.25),
  "]": () => ($("size").value = $("size").value * 1.25),
  0: fit,
};
addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
    event.preventDefault();
    return jobs.isKeeping || (event.shiftKey ? history.redo() : history.undo());
  }
  if (event.ctrlKey || event.metaKey || event.altKey || jobs.isKeeping || event.target.matches("select")) return;
  points.followKey(event);
  KEYS[event.key]?.();
});

// The beginning.

document.title = $("name").textContent = NAME;
$("compared").querySelector(".frame").style.setProperty("--aspect", state.images.a.size[0] / state.images.a.size[1]);
$("radius").max = Math.round(Math.max(...state.images.a.size) / 2);
for (const name of Object.keys(state.results)) $("variant").append(new Option(name, name));
const named = decodeURIComponent(location.hash.slice(1));
if (named in state.results) $("variant").value = named;
$("variants").hidden = Object.keys(state.results).length < 2;
$("back").href = `${state.gallery}#${encodeURIComponent(variant())}`;
if (state.several) document.querySelector("input[name=pen][value=keep]").checked = true;
points.load(state.points);
await Promise.all(Object.keys(brushes.paintings).map(reload));
showPens();
showResult();
document.body.dataset.ready = "yes";
