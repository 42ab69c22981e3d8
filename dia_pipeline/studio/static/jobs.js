// The job that is at work: how far it is, and what came of it.

const $ = (id) => document.getElementById(id);

export class JobDisplay {
  // `ended(job)` is told once when a job ends that was seen at work; then it is said what came of it.
  constructor(ended) {
    this.ended = ended;
    this.seen = null; // the number of the job that was seen at work
    this.current = null; // the job that is at work
  }

  async show(job) {
    const runs = job?.state === "running";
    this.current = runs ? job : null;
    $("job").hidden = !job;
    this.isKeeping = runs && job.kind === "keep"; // what Snakemake has read must not change
    document.body.classList.toggle("keeping", this.isKeeping);
    $("draft").disabled = $("keep").disabled = runs;
    $("cancel").hidden = $("share").hidden = !runs;
    if (!job) return;
    $("share").value = job.share;
    $("output").hidden = !job.lines.length || job.state === "done";
    $("output").open ||= job.state === "failed";
    $("output").querySelector("pre").textContent = job.lines.join("\n");
    if (runs) {
      this.seen = job.number;
      $("step").textContent = inWords(job);
      return;
    }
    const wasSeen = this.seen === job.number;
    this.seen = null;
    if (wasSeen) await this.ended(job);
    if (!this.current) $("step").textContent = outcome(job);
  }
}

const DOING = { draft: "Draft", try: "Trying", keep: "Keeping" };
const DONE = { draft: "The draft is there.", try: "The drafts are there.", keep: "It is kept." };

function inWords({ kind, step, left }) {
  const what = DOING[kind];
  return `${what}: ${step}${left === null ? "" : `, ${Math.ceil(left)} s left`}`;
}

function outcome({ kind, state, lines }) {
  if (state === "done") return DONE[kind];
  return state === "failed" ? `Failed: ${lines.at(-1) ?? "see below"}` : "Cancelled.";
}
