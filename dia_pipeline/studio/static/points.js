// The pen of points: a place in A and one in B' that belong together, and how far that reaches in A.

const IMAGES = ["a", "b_prime"];
const LABEL = { a: "A", b_prime: "B'" };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const round = (place) => place.map((value) => Math.round(10 * value) / 10);

export class Points {
  // `boards` by image; `reach` that of a point without a radius; `done(step)` is told of each step.
  constructor(boards, reach, done, changed) {
    Object.assign(this, { boards, reach, done, changed });
    this.list = []; // { a, b_prime, radius }, of which a new one has a single place
    this.selected = null;
    this.dragged = null;
  }

  load(rows) {
    this.list = rows.map(([ax, ay, bx, by, radius]) => ({ a: [ax, ay], b_prime: [bx, by], radius }));
    this.select(null);
  }

  get rows() {
    return this.whole.map(({ a, b_prime, radius }) => [...a, ...b_prime, radius]);
  }

  get whole() {
    return this.list.filter((point) => point.a && point.b_prime);
  }

  get half() {
    return this.list.find((point) => !point.a || !point.b_prime);
  }

  hint() {
    const { half } = this;
    if (half) return `Now the same place in ${LABEL[half.a ? "b_prime" : "a"]}. Esc takes it back.`;
    if (this.selected) return "Drag either end, or press arrow keys. Del removes the point.";
    return this.list.length
      ? "Click in A, then in B', to add a point; click a point to change it."
      : "Click a place in A, then the place in B' that belongs to it.";
  }

  draw(image, phase, place, event) {
    if (phase === "down") return this.press(image, round(place), event);
    if (!this.dragged) return;
    const { point, before } = this.dragged;
    if (phase === "move") point[this.dragged.image] = round(place);
    if (phase !== "move") this.dragged = null;
    if (phase === "cancel") point[image] = before[image];
    if (phase === "up" && String(point[image]) !== String(before[image])) this.finish(point, before);
    this.show();
  }

  press(image, place, event) {
    const pin = event.target.closest(".pin");
    if (pin) {
      const point = this.list[pin.dataset.at];
      this.dragged = { image, point, before: { ...point } };
      return this.select(point);
    }
    const point = this.half ?? { radius: null };
    const isNew = !this.list.includes(point);
    point[image] = place;
    if (isNew) this.list.push(point);
    this.select(point);
    if (point.a && point.b_prime) this.finish(point, null);
  }

  // A point is as it is to be; before it was as given, or not there.
  finish(point, before) {
    const after = { ...point };
    const put = (state) => {
      if (!state) this.list = this.list.filter((each) => each !== point);
      else if (!this.list.includes(point)) this.list.push(point);
      if (state) Object.assign(point, state);
      this.select(state ? point : null);
    };
    this.done({ undo: () => put(before), redo: () => put(after) });
    this.show();
  }

  remove() {
    const point = this.half ?? this.selected;
    if (!point) return;
    const [at, was] = [this.list.indexOf(point), !this.half];
    const take = () => {
      this.list = this.list.filter((each) => each !== point);
      this.select(null);
    };
    const put = () => {
      this.list.splice(at, 0, point);
      this.select(point);
    };
    take();
    if (was) this.done({ undo: put, redo: take });
  }

  setRadius(radius, isLast) {
    const point = this.selected;
    if (!point) return;
    this.before ??= { ...point };
    point.radius = radius;
    if (isLast && point.b_prime && point.a) this.finish(point, this.before);
    if (isLast) this.before = null;
    this.show();
  }

  followKey(event) {
    const pin = event.target.closest?.(".pin");
    const direction = ARROWS[event.key];
    if (!pin || !direction) return;
    event.preventDefault();
    const [point, image] = [this.list[pin.dataset.at], pin.dataset.image];
    const before = { ...point };
    const [step, size] = [event.shiftKey ? 10 : 1, this.boards[image].size];
    const moved = (value, axis) => Math.min(Math.max(value + step * direction[axis], 0), size[axis]);
    point[image] = point[image].map(moved);
    if (point.a && point.b_prime) this.finish(point, before);
    this.show();
    this.boards[image].sheet.querySelector(`[data-at="${this.list.indexOf(point)}"]`).focus();
  }

  select(point) {
    this.selected = point;
    this.show();
  }

  show() {
    for (const image of IMAGES) {
      const { sheet, size } = this.boards[image];
      sheet.querySelectorAll(".pin, .reach").forEach((mark) => mark.remove());
      this.list.forEach((point, at) => {
        if (!point[image]) return;
        if (image === "a") sheet.append(this.markOf("reach", "div", point, image, size));
        const pin = this.markOf("pin", "button", point, image, size);
        Object.assign(pin.dataset, { at, image });
        pin.textContent = at + 1;
        pin.ariaLabel = `Point ${at + 1} in ${LABEL[image]}`;
        sheet.append(pin);
      });
    }
    this.changed();
  }

  markOf(kind, element, point, image, [width, height]) {
    const mark = document.createElement(element);
    mark.className = kind;
    mark.classList.toggle("selected", point === this.selected);
    mark.style.left = `${(100 * point[image][0]) / width}%`;
    mark.style.top = `${(100 * point[image][1]) / height}%`;
    if (kind === "reach") mark.style.width = `${(200 * (point.radius ?? this.reach)) / width}%`;
    return mark;
  }
}
