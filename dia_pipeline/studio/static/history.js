// What can be undone and done again: steps that have `undo()` and `redo()`.

export class History {
  constructor(changed) {
    this.changed = changed;
    [this.done, this.undone] = [[], []];
  }

  clear() {
    [this.done, this.undone] = [[], []];
    this.changed();
  }

  // Takes a step that is done already.
  add(step) {
    this.done.push(step);
    this.undone = [];
    this.changed();
  }

  undo() {
    this.go(this.done, this.undone, "undo");
  }

  redo() {
    this.go(this.undone, this.done, "redo");
  }

  go(from, to, way) {
    const step = from.pop();
    if (!step) return;
    step[way]();
    to.push(step);
    this.changed();
  }
}
