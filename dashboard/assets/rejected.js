// Rows that never became events, items or users: by reason, with examples, and
// what would become of them by the rules there are now.

import { get, post, query } from "./api.js";
import { announce, count, fill, h, said, state } from "./dom.js";

const examples = 8;

/** rejected returns the panel and what brings it up to date. act wraps what buttons do. */
export function rejected(act) {
  const note = h("span", { class: "muted" });
  const replay = h("button", { class: "quiet", onclick: act(replayAll) }, "Replay");
  const reasons = h("div", { class: "scroll" });
  const list = h("div", { class: "scroll" });
  const panel = h("section", { class: "panel" }, h("h2", null, "Rejected rows", note, replay), reasons, list);
  let chosen;

  async function replayAll() {
    const sum = { rows: 0, stored: 0, duplicates: 0, rejected: 0, not_replayable: 0 };
    for (let after = 0; after !== undefined;) {
      const done = await post("/v1/quarantine/replay", { after });
      for (const name of Object.keys(sum)) sum[name] += done[name];
      after = done.next;
    }
    note.textContent = `${count(sum.stored)} of ${count(sum.rows)} stored, ${count(sum.duplicates)} were here already, ${count(sum.rejected)} still rejected, ${count(sum.not_replayable)} cannot be replayed`;
    announce(note.textContent);
  }

  async function look() {
    let page = await get(query("/v1/quarantine/rejected", { reason: chosen, limit: examples }));
    const rows = Object.entries(page.counts).sort((a, b) => b[1] - a[1]);
    replay.disabled = !rows.length;
    if (!rows.length) {
      fill(reasons, state("No rows were rejected", page.dropped ? `${count(page.dropped)} older ones had to make way.` : "All that came became events, items or users."));
      fill(list);
      return;
    }
    if (!page.counts[chosen]) {
      chosen = rows[0][0];
      page = await get(query("/v1/quarantine/rejected", { reason: chosen, limit: examples }));
    }
    fill(reasons, h("div", { class: "row" }, rows.map(([reason, n]) =>
      h("button", { class: "quiet", "aria-pressed": String(reason === chosen), onclick: act(async () => { chosen = reason; }, `Rejected rows: ${said(reason)}`) },
        said(reason), " ", h("strong", null, count(n)))),
    page.dropped > 0 && h("span", { class: "muted" }, `${count(page.dropped)} older rows had to make way`)));
    fill(list, h("table", null, h("thead", null, h("tr", null, ["Time", "Source", "Why", "Row", ""].map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", null, page.rows.map((r) => h("tr", null, h("td", { class: "muted" }, r.time.slice(0, 19).replace("T", " ")), h("td", null, r.source),
        h("td", { class: "wrap" }, r.detail), h("td", { class: "wrap" }, h("code", null, r.raw.slice(0, 200) + (r.raw.length > 200 || r.cut ? " …" : ""))),
        h("td", { class: "muted" }, r.replayable ? "replayable" : ""))))));
  }
  return { panel, look };
}
