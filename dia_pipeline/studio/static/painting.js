// What is painted over an image: pixels that are set or not, of strokes that can be taken back.

export class Painting {
  constructor(width, height) {
    [this.width, this.height] = [width, height];
    this.data = new Uint8ClampedArray(4 * width * height);
    this.base = this.data.slice();
    this.strokes = [];
  }

  // Begins with these pixels, (width * height * 4) RGBA.
  load(data) {
    this.base = data.slice();
    this.strokes = [];
    this.redraw();
  }

  add(stroke) {
    this.strokes.push(stroke);
    this.draw(stroke);
  }

  removeLast() {
    this.strokes.pop();
    this.redraw();
  }

  redraw() {
    this.data.set(this.base);
    for (const stroke of this.strokes) this.draw(stroke);
  }

  // A stroke has points, a colour [r, g, b] or null to erase, and a radius unless it is an area.
  draw({ points, radius, colour }) {
    if (radius === undefined) return this.fillArea(points, colour);
    points.forEach((point, at) => this.drawSegment(points[Math.max(0, at - 1)], point, radius, colour));
  }

  // Goes on with the last stroke.
  extend(point) {
    const { points, radius, colour } = this.strokes.at(-1);
    points.push(point);
    this.drawSegment(points.at(-2), point, radius, colour);
  }

  // All pixels whose centre is within the radius of a segment; edges are hard: labels do not mix.
  drawSegment([x0, y0], [x1, y1], radius, colour) {
    const [dx, dy] = [x1 - x0, y1 - y0];
    const length = dx * dx + dy * dy;
    const top = Math.max(0, Math.floor(Math.min(y0, y1) - radius));
    const bottom = Math.min(this.height - 1, Math.ceil(Math.max(y0, y1) + radius));
    const left = Math.max(0, Math.floor(Math.min(x0, x1) - radius));
    const right = Math.min(this.width - 1, Math.ceil(Math.max(x0, x1) + radius));
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const [px, py] = [x + 0.5 - x0, y + 0.5 - y0];
        const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
        const [ex, ey] = [px - along * dx, py - along * dy];
        if (ex * ex + ey * ey <= radius * radius) this.set(x, y, colour);
      }
    }
  }

  // All pixels whose centre is inside a polygon.
  fillArea(points, colour) {
    for (let y = 0; y < this.height; y++) {
      const crossed = [];
      points.forEach(([x0, y0], at) => {
        const [x1, y1] = points[(at + 1) % points.length];
        const middle = y + 0.5;
        if (y0 <= middle !== y1 <= middle) crossed.push(x0 + ((middle - y0) / (y1 - y0)) * (x1 - x0));
      });
      crossed.sort((one, other) => one - other);
      for (let at = 0; at + 1 < crossed.length; at += 2) {
        const end = Math.min(this.width, Math.ceil(crossed[at + 1] - 0.5));
        for (let x = Math.max(0, Math.ceil(crossed[at] - 0.5)); x < end; x++) this.set(x, y, colour);
      }
    }
  }

  set(x, y, colour) {
    const at = 4 * (y * this.width + x);
    if (!colour) return this.data.fill(0, at, at + 4);
    [this.data[at], this.data[at + 1], this.data[at + 2]] = colour;
    this.data[at + 3] = 255;
  }

  get isEmpty() {
    for (let at = 3; at < this.data.length; at += 4) if (this.data[at]) return false;
    return true;
  }

  // The pixels with a grey level where none is set.
  over(grey) {
    const whole = this.data.slice();
    for (let at = 0; at < whole.length; at += 4) {
      if (!whole[at + 3]) whole.fill(grey, at, at + 3);
      whole[at + 3] = 255;
    }
    return whole;
  }

  // Takes pixels of this grey level for not set.
  static without(data, grey) {
    const set = data.slice();
    for (let at = 0; at < set.length; at += 4) {
      if ([0, 1, 2].every((channel) => set[at + channel] === grey)) set.fill(0, at, at + 4);
    }
    return set;
  }
}

// PNG files to pixels and back.

export async function pngOf(data, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

export async function pixelsOf(png, width, height) {
  const bitmap = await createImageBitmap(png, { colorSpaceConversion: "none" });
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(bitmap, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}
