// Counts what was checked in a journey, and says what does not hold.

export class Checks {
  done = 0;
  failed = 0;
  #journey;
  #started = Date.now();

  constructor(journey) {
    this.#journey = journey;
  }

  /** `holds` is said of something in a sentence; `found` is shown when it does not hold. */
  that(sentence, holds, found = "") {
    this.done += 1;
    if (!holds) this.#report(`${sentence} ${found && `(found: ${text(found)})`}`);
  }

  equal(sentence, found, wanted) {
    this.that(sentence, text(found) === text(wanted), `${text(found)}, wanted: ${text(wanted)}`);
  }

  /** Something that nobody asked about went wrong. */
  fail(sentence) {
    this.done += 1;
    this.#report(sentence);
  }

  /** What there is to say at the end. */
  summary() {
    const seconds = ((Date.now() - this.#started) / 1000).toFixed(1);
    return `  ${this.#journey}: ${this.done} checks, ${seconds} s`;
  }

  #report(sentence) {
    this.failed += 1;
    console.error(`FAILED in "${this.#journey}": ${sentence}`);
  }
}

const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));
