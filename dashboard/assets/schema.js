// The schema: what the items have, and where types are in conflict.

import { get } from "./api.js";
import { count, fill, h, state } from "./dom.js";

/** schema returns the panel and what reads it: the whole catalogue, so not often. */
export function schema(act) {
  const note = h("span", { class: "muted" });
  const list = h("div", { class: "scroll" });
  const again = h("button", { class: "quiet", onclick: act(look, "The catalogue was read") }, "Read again");
  const panel = h("section", { class: "panel" }, h("h2", null, "What items have", note, again), list);

  async function look() {
    const r = await get("/v1/schema");
    const conflicts = r.attributes.filter((a) => a.conflict).length;
    note.textContent = `${count(r.items)} items, ${count(r.attributes.length)} attributes, ${count(conflicts)} in conflict`;
    if (!r.attributes.length) {
      fill(list, state("Nothing is said of items", "Import a catalogue: kindred import csv items.csv"));
      return;
    }
    fill(list, h("table", null, h("thead", null, h("tr", null, ["Attribute", "Types", "Items", "Different", "Examples", "Declared"].map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", null, r.attributes.map((a) => h("tr", null, h("td", null, a.name),
        h("td", { class: a.conflict && "check-warning" }, Object.entries(a.types).map(([type, n]) => (a.conflict ? `${type} ${count(n)}` : type)).join(", ")),
        h("td", null, `${count(a.filled)}, ${(100 * a.share).toFixed(1)} %`), h("td", null, a.distinct >= 1000 ? "1,000 or more" : count(a.distinct ?? 0)),
        h("td", { class: "wrap muted" }, (a.examples ?? []).join(" · ")),
        h("td", { class: a.faulty && "check-warning" }, a.declared ? `${a.declared.type}${a.declared.required ? ", required" : ""}${a.faulty ? `; ${count(a.faulty)} items break it` : ""}` : ""))))));
  }
  return { panel, look };
}
