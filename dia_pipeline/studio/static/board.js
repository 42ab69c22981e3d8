// An image that is drawn on: zoomed by wheel or two fingers, moved by space and drag.

const MAX_ZOOM = 16;

let spaceIsDown = false;
const isTyping = (event) => event.target.closest?.("input, select, button, summary");
addEventListener("keydown", (event) => {
  if (event.key !== " " || isTyping(event)) return;
  spaceIsDown = true;
  event.preventDefault(); // the page would scroll
});
addEventListener("keyup", (event) => {
  if (event.key === " ") spaceIsDown = false;
});

export class Board {
  // `draw(phase, [x, y], event)` is told of `down`, `move`, `up` and `cancel`, in pixels of the image.
  constructor(figure, draw) {
    this.image = figure.dataset.image;
    this.frame = figure.querySelector(".frame");
    this.sheet = figure.querySelector(".sheet");
    this.canvas = figure.querySelector("canvas");
    this.draw = draw;
    this.zoom = 1;
    this.offset = [0, 0]; // of the image in its frame, in pixels of the window
    this.pointers = new Map();
    this.drawing = null; // the pointer that draws
    this.frame.addEventListener("wheel", (event) => this.followWheel(event), { passive: false });
    this.frame.addEventListener("pointerdown", (event) => this.press(event));
    this.frame.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      this.frame.addEventListener(name, (event) => this.release(event));
    }
    this.frame.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  show(address, size) {
    this.size = size;
    this.frame.style.setProperty("--aspect", size[0] / size[1]);
    this.sheet.querySelector("img").src = address;
  }

  at(event) {
    const box = this.sheet.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * this.size[0];
    const y = ((event.clientY - box.top) / box.height) * this.size[1];
    return [Math.min(Math.max(x, 0), this.size[0]), Math.min(Math.max(y, 0), this.size[1])];
  }

  press(event) {
    this.pointers.set(event.pointerId, event);
    this.frame.setPointerCapture(event.pointerId);
    if (this.pointers.size === 2 || event.button === 1 || spaceIsDown) {
      if (this.drawing !== null) this.draw("cancel", this.at(event), event);
      this.drawing = null;
      event.preventDefault();
    } else if (event.button === 0 && this.pointers.size === 1) {
      this.drawing = event.pointerId;
      this.draw("down", this.at(event), event);
    }
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    if (this.drawing === event.pointerId) {
      const parts = event.getCoalescedEvents?.() ?? [];
      for (const each of parts.length ? parts : [event]) this.draw("move", this.at(each), event);
    } else if (this.pointers.size === 2) {
      const [other] = [...this.pointers.values()].filter((each) => each !== before);
      const away = (each) => Math.hypot(each.clientX - other.clientX, each.clientY - other.clientY);
      this.pan((event.clientX - before.clientX) / 2, (event.clientY - before.clientY) / 2);
      const x = (event.clientX + other.clientX) / 2;
      this.setZoom((this.zoom * away(event)) / Math.max(1, away(before)), x, (event.clientY + other.clientY) / 2);
    } else if (this.drawing === null) {
      this.pan(event.clientX - before.clientX, event.clientY - before.clientY);
    }
    this.pointers.set(event.pointerId, event);
  }

  release(event) {
    this.pointers.delete(event.pointerId);
    if (this.drawing !== event.pointerId) return;
    this.drawing = null;
    this.draw(event.type === "pointerup" ? "up" : "cancel", this.at(event), event);
  }

  followWheel(event) {
    event.preventDefault();
    this.setZoom(this.zoom * Math.exp(-event.deltaY / 400), event.clientX, event.clientY);
  }

  // What lies under a place of the window stays there.
  setZoom(zoom, x, y) {
    const before = this.zoom;
    this.zoom = Math.min(MAX_ZOOM, Math.max(1, zoom));
    const box = this.frame.getBoundingClientRect();
    const [fromLeft, fromTop] = [x - box.left - this.offset[0], y - box.top - this.offset[1]];
    const more = this.zoom / before - 1;
    this.pan(-more * fromLeft, -more * fromTop);
  }

  // Moves the image, but not away from the edges of its frame.
  pan(dx, dy) {
    const { width, height } = this.frame.getBoundingClientRect();
    const within = (value, length) => Math.min(0, Math.max(length * (1 - this.zoom), value));
    this.offset = [within(this.offset[0] + dx, width), within(this.offset[1] + dy, height)];
    this.sheet.style.setProperty("--zoom", this.zoom);
    this.sheet.style.transform = `translate(${this.offset[0]}px, ${this.offset[1]}px)`;
  }
}
