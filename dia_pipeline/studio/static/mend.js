// The page on which a pair is mended: what is drawn and set, what is made of it, and what that changed.

import { Board } from "./board.js";
import { Brushes, LABELS } from "./brushes.js";
import { History } from "./history.js";
import { JobDisplay } from "./jobs.js";
import { Points } from "./points.js";
import { Saving } from "./saving.js";
import { Fields } from "./settings.js";
import { Trials } from "./trials.js";

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
const saving = new Saving(NAME, state.versions, addressOf, (text, column, isSaved) => {
  if (fields.has(column)) isSaved ? fields.settle(column) : fields.say(column, text, true);
  if (isSaved || !fields.has(column)) tell(text);
}, reload);
const points = new Points(boards, state.reach, (step) => record("points", step), showPens);
const brushes = new Brushes(boards, brush, record);
const fields = new Fields($("fields"), state.settings, set, tryValues);
const trials = new Trials($("tried"), take);

function pen() {
  return chosen("pen") === "points" ? points : brushes;
}

function addressOf(column) {
  return `/${fields.has(column) ? "settings" : "guides"}/${encoded}/${column}`;
}

function brush() {
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

// A setting was changed; what holds by default may have changed with it.
async function set(name, text) {
  const before = state.settings.find((each) => each.name === name).own;
  const put = async (value) => {
    const isSaved = await saving.save(name, () => value);
    if (isSaved) await refresh();
    return isSaved;
  };
  if (text === before) {
    fields.settle(name);
    return refresh();
  }
  if (await put(text)) history.add({ undo: () => put(before), redo: () => put(text) });
}

// What is there now is asked, once at a time: no answer overtakes a later one.
let refreshed = Promise.resolve();
function refresh() {
  refreshed = refreshed.catch(() => {}).then(async () => {
    state = await (await fetch(`/state/${encoded}`)).json();
    showSettings();
    showResult();
  });
  return refreshed;
}

// Another window has changed something: it is shown.
async function reload(column) {
  fields.typed.delete(column);
  await refresh();
  saving.versions[column] = state.versions[column];
  history.clear();
  await load(column);
}

async function load(column) {
  if (fields.has(column)) return;
  if (column === "points") return points.load(state.points);
  const there = state.versions[column] !== "none";
  await brushes.load(column, there ? await (await fetch(`/guides/${encoded}/${column}`)).blob() : null);
  showPens();
}

function showSettings() {
  fields.show(state.settings, variant());
  $("own").textContent = fields.summary;
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
  showTried();
}

function showTried() {
  const tried = state.tried[variant()];
  const job = jobs.current;
  const isTheirs = job?.kind === "try" && job.name === NAME && job.variant === variant();
  trials.show(tried, tried && fields.shown.get(tried.setting).now, isTheirs ? job : null);
}

function setImage(kind, address) {
  const image = $("compared").querySelector(`.${kind}`);
  image.hidden = !address;
  if (address) image.src = address;
}

const jobs = new JobDisplay((job) => job.name === NAME && refresh());

// Has the server do something for the variant; it says whether it does.
async function ask(what, more = "", body = "") {
  const address = `/${what}/${encoded}/${encodeURIComponent(variant())}${more}`;
  const answer = await fetch(address, { method: "POST", body });
  if (!answer.ok) tell(`${(await answer.json()).error}.`);
  return answer.ok;
}

async function start(kind, more, body) {
  $("step").textContent = "";
  await saving.working;
  return ask(kind, more, body);
}

async function tryValues(name, values) {
  if (!(await start("try", `/${name}`, values))) return;
  await refresh();
  $("tried").scrollIntoView({ block: "nearest" });
}

// What was made with a value is the draft, and the value that of the pair.
async function take(number, value) {
  const { setting } = state.tried[variant()];
  const { default: byDefault } = fields.shown.get(setting);
  if (!(await ask("take", `/${number}`))) return;
  await set(setting, value === byDefault ? "" : value);
  $("compared").scrollIntoView({ block: "nearest" });
}

const events = new EventSource("/events");
events.addEventListener("message", ({ data }) => {
  const event = JSON.parse(data);
  if ("job" in event) {
    const before = jobs.current;
    jobs.show(event.job);
    showPens();
    fields.setBusy(jobs.isKeeping, Boolean(jobs.current));
    if (before && jobs.current && before.at !== jobs.current.at) refresh();
    else showTried();
  }
  if (event.saved) saving.hear(event.saved);
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
$("variant").addEventListener("change", () => {
  showSettings();
  showResult();
});

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
  if (fields.isTyping(event.target)) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
    event.preventDefault();
    return jobs.isKeeping || (event.shiftKey ? history.redo() : history.undo());
  }
  if (event.ctrlKey || event.metaKey || event.altKey || jobs.isKeeping || event.target.matches("select, .field input")) return;
  points.followKey(event);
  KEYS[event.key]?.();
});

// The beginning.

document.title = $("name").textContent = NAME;
for (const each of [$("compared").querySelector(".frame"), $("tried")]) {
  each.style.setProperty("--aspect", state.images.a.size[0] / state.images.a.size[1]);
}
$("radius").max = Math.round(Math.max(...state.images.a.size) / 2);
for (const name of Object.keys(state.results)) $("variant").append(new Option(name, name));
const named = decodeURIComponent(location.hash.slice(1));
if (named in state.results) $("variant").value = named;
$("variants").hidden = Object.keys(state.results).length < 2;
$("back").href = `${state.gallery}#${encodeURIComponent(variant())}`;
if (state.several) document.querySelector("input[name=pen][value=keep]").checked = true;
$("settings").open = !matchMedia("(max-width: 520px)").matches;
showSettings();
await Promise.all(["points", ...Object.keys(brushes.paintings)].map(load));
showPens();
showResult();
document.body.dataset.ready = "yes";
