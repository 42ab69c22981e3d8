// The matches of a pair, from scripts that are loaded when they are first needed.
"use strict";

const UNKNOWN = -(2 ** 15);
const FLOW = { a: "flow_ab", b: "flow_ba" };

const loading = new Map();
const receivers = new Map();

// What a script of matches calls.
function receiveMatches(name, content) {
  receivers.get(name)(content);
}

// The fields by name, and the radius that is shown in full colour.
function loadMatches(address) {
  if (!loading.has(address)) loading.set(address, load(address));
  return loading.get(address);
}

async function load(address) {
  const name = address.slice(address.lastIndexOf("/") + 1, -".js".length);
  const content = await new Promise((resolve, reject) => {
    receivers.set(name, resolve);
    const script = document.createElement("script");
    script.src = address;
    script.onerror = () => reject(new Error(`${address} cannot be loaded`));
    document.head.append(script);
  });
  const fields = { radius: content.radius };
  for (const flow of Object.values(FLOW)) {
    if (content[flow]) fields[flow] = { ...content[flow], values: await inflate(content[flow]) };
  }
  return fields;
}

async function inflate({ deflated }) {
  const bytes = Uint8Array.from(atob(deflated), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Int16Array(await new Response(stream).arrayBuffer());
}

// The displacement [dx, dy] of a pixel; null where it is unknown.
function displacement(field, x, y) {
  const [columns, rows] = field.grid;
  const column = Math.min(Math.max(Math.floor(x / field.step), 0), columns - 1);
  const row = Math.min(Math.max(Math.floor(y / field.step), 0), rows - 1);
  const here = row * columns + column;
  const dx = field.values[here];
  return dx === UNKNOWN ? null : [dx, field.values[columns * rows + here]];
}

function match(field, [x, y]) {
  const found = field && displacement(field, x, y);
  return found && [x + found[0], y + found[1]];
}
