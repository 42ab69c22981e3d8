// The job that is at work: how far it is, and what came of it.

const $ = (id) => document.getElementById(id);

export class JobDisplay {
  // `ended(job)` is told once when a job ends that was seen at work.
  constructor(ended) {
    this.ended = ended;
    this.seen = null; // the number of the job that was seen at work
  }

  show(job) {
    const runs = job?.state === "running";
    $("job").hidden = !job;
    this.isKeeping = runs && job.kind === "keep"; // what Snakemake has read must not change
    document.body.classList.toggle("keeping", this.isKeeping);
    $("draft").disabled = $("keep").disabled = runs;
    $("cancel").hidden = $("share").hidden = !runs;
    if (!job) return;
    $("share").value = job.share;
    $("step").textContent = runs ? inWords(job) : outcome(job);
    $("output").hidden = !job.lines.length || job.state === "done";
    $("output").open ||= job.state === "failed";
    $("output").querySelector("pre").textContent = job.lines.join("\n");
    if (runs) this.seen = job.number;
    else if (this.seen === job.number) {
      this.seen = null;
      this.ended(job);
    }
  }
}

function inWords({ kind, step, left }) {
  const what = kind === "draft" ? "Draft" : "Keeping";
  return `${what}: ${step}${left === null ? "" : `, ${Math.ceil(left)} s left`}`;
}

function outcome({ kind, state, lines }) {
  if (state === "done") return kind === "draft" ? "The draft is there." : "It is kept.";
  return state === "failed" ? `Failed: ${lines.at(-1) ?? "see below"}` : "Cancelled.";
}
