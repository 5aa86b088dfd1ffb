// axe-core in a page. It is put there by the debugger, which no security policy
// of a page holds back.

import { readFile } from "node:fs/promises";

const source = await readFile(`${process.env.BROWSER_MODULES}/node_modules/axe-core/axe.min.js`, "utf8");

/** What breaks a rule of WCAG 2.2 A and AA or a good practice, in short. */
export async function axe(page) {
  await page.evaluate(source);
  return page.evaluate(async () => {
    // A colour on its way from one to another is neither.
    const passing = document.getAnimations().filter(({ effect }) => effect.getComputedTiming().endTime < Infinity);
    await Promise.allSettled(passing.map(({ finished }) => finished));
    const { violations } = await window.axe.run(document);
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(" | ")}`);
  });
}
