// The pens that paint: labels over A and over B', and over A what is kept and how strong A' is.

import { Painting, pixelsOf, pngOf } from "./painting.js";

const MAX_SIDE = 1024; // of what is painted, in pixels

export const LABELS = {
  red: [230, 60, 60],
  blue: [60, 60, 230],
  green: [50, 170, 70],
  yellow: [240, 205, 50],
  violet: [150, 60, 200],
  cyan: [60, 200, 215],
};
const GUIDES = {
  labels_a: { pen: "labels", image: "a", grey: 0 },
  labels_b_prime: { pen: "labels", image: "b_prime", grey: 0 },
  keep: { pen: "keep", image: "a", grey: 0, shown: [40, 190, 90] },
  strength: { pen: "strength", image: "a", grey: 255, shown: [190, 60, 200] },
};

export class Brushes {
  // `chosen()` gives `{ pen, way, colour, size, opacity }`; `done(guide, step)` is told of each step.
  constructor(boards, chosen, done) {
    Object.assign(this, { boards, chosen, done });
    this.paintings = {};
    this.corners = null; // of a polygon that is not closed yet
    for (const [guide, { image }] of Object.entries(GUIDES)) {
      const scale = Math.min(1, MAX_SIDE / Math.max(...boards[image].size));
      const [width, height] = boards[image].size.map((side) => Math.max(1, Math.round(scale * side)));
      this.paintings[guide] = Object.assign(new Painting(width, height), { scale });
    }
  }

  // The guide that a pen paints over an image; undefined if it paints nothing there.
  guideOf(image, pen = this.chosen().pen) {
    return Object.keys(GUIDES).find((each) => GUIDES[each].pen === pen && GUIDES[each].image === image);
  }

  isUsed(pen) {
    return Object.keys(GUIDES).some((each) => GUIDES[each].pen === pen && !this.paintings[each].isEmpty);
  }

  async load(guide, png) {
    const painting = this.paintings[guide];
    const { width, height } = painting;
    const data = png ? await pixelsOf(png, width, height) : new Uint8ClampedArray(4 * width * height);
    painting.load(png ? Painting.without(data, GUIDES[guide].grey) : data);
    this.show();
  }

  // What is to be saved: a PNG, or nothing where nothing is painted.
  content(guide) {
    const painting = this.paintings[guide];
    if (painting.isEmpty) return "";
    return pngOf(painting.over(GUIDES[guide].grey), painting.width, painting.height);
  }

  draw(image, phase, place) {
    const guide = this.guideOf(image);
    if (!guide) return;
    const painting = this.paintings[guide];
    const { way, colour, size } = this.chosen();
    const at = place.map((value) => value * painting.scale);
    if (way === "polygon") return phase === "down" && this.addCorner(guide, at, colour);
    if (phase === "down") {
      const radius = Math.max(0.5, (size * painting.scale) / 2);
      painting.add({ points: [at], radius, colour: way === "eraser" ? null : colour });
      this.painted = guide;
    } else if (this.painted === guide) {
      if (phase === "move") painting.extend(at);
      if (phase === "cancel") painting.removeLast();
      if (phase === "up") this.finish(guide);
      if (phase !== "move") this.painted = null;
    }
    this.show();
  }

  addCorner(guide, at, colour) {
    if (this.corners?.guide !== guide) this.corners = { guide, colour, points: [] };
    const [first] = this.corners.points;
    const near = 12 / (this.boards[GUIDES[guide].image].sheet.clientWidth / this.paintings[guide].width);
    const closes = first && Math.hypot(at[0] - first[0], at[1] - first[1]) < near;
    if (closes && this.corners.points.length > 2) return this.close();
    this.corners.points.push(at);
    this.show();
  }

  // Fills the polygon.
  close() {
    const corners = this.corners;
    this.corners = null;
    if (corners?.points.length > 2) {
      this.paintings[corners.guide].add({ points: corners.points, colour: corners.colour });
      this.finish(corners.guide);
    }
    this.show();
  }

  leave() {
    this.corners = null;
    this.show();
  }

  finish(guide) {
    const painting = this.paintings[guide];
    const stroke = painting.strokes.at(-1);
    const undo = () => painting.removeLast();
    this.done(guide, { undo, redo: () => painting.add(stroke) });
  }

  show() {
    for (const [image, { canvas }] of Object.entries(this.boards)) {
      const guide = this.guideOf(image);
      canvas.hidden = !guide;
      if (!guide) continue;
      const painting = this.paintings[guide];
      const { width, height } = painting;
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      const context = canvas.getContext("2d");
      context.putImageData(new ImageData(shownAs(painting, GUIDES[guide]), width, height), 0, 0);
      canvas.style.opacity = this.chosen().opacity;
      if (this.corners?.guide === guide) outline(context, this.corners.points);
    }
  }
}

// Labels in their own colours; masks in one colour, the fuller the more they say.
function shownAs(painting, { shown, grey }) {
  if (!shown) return painting.data;
  const seen = painting.data.slice();
  for (let at = 0; at < seen.length; at += 4) {
    if (!seen[at + 3]) continue;
    const level = seen[at];
    [seen[at], seen[at + 1], seen[at + 2]] = shown;
    seen[at + 3] = Math.abs(level - grey);
  }
  return seen;
}

function outline(context, points) {
  for (const [colour, width] of [["#000", 4], ["#fff", 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    points.forEach((point) => context.lineTo(...point));
    context.stroke();
    context.strokeRect(points[0][0] - 3, points[0][1] - 3, 6, 6);
  }
}
