// The data page: what cleaning found, which rows were rejected and what items
// have, with examples, and what may be done about it.

import { get, post, query } from "./api.js";
import { ago, announce, count, fill, h, said, skeleton, state } from "./dom.js";
import { rejected } from "./rejected.js";
import { schema } from "./schema.js";

const every = 3000; // ms between two looks
const examples = 12;

/** what each reason means, for people. */
const meaning = {
  near_duplicate: "the same user did the same again within seconds; the later one counts",
  bot: "the user is a program",
  accidental_view: "left at once",
  abandoned_session: "the session led to nothing",
  placeholder: "no real user or item: null, undefined, 0 …",
  misdated: "the time cannot be right",
  unknown_item: "the item is not in the catalogue",
  outside_validity: "the item was not available then",
  unjoined: "names a list nobody was shown",
  released: "overruled by someone",
};

/** data fills the element and returns what stops it. */
export function data(main, report) {
  const tiles = h("section", { class: "tiles", "aria-label": "Figures" }, skeleton(5, "tile"));
  const reasons = h("div", { class: "scroll" }, skeleton(1, "block"));
  const list = h("div", { class: "scroll" });
  const heading = h("h2", null, "Examples");
  const checked = h("p", { class: "checked" });
  const run = h("button", { class: "quiet", onclick: act(() => post("/v1/cleaning/run"), "Judging all events anew") }, "Judge all anew");
  let chosen, timer, stopped = false;
  const rows = rejected(act), catalogue = schema(act);
  fill(main, h("h1", { class: "hidden-text" }, "Data"), tiles,
    h("section", { class: "panel" }, h("h2", null, "What the checks say", h("a", { href: "#/checks" }, "All checks")), checked),
    h("section", { class: "panel" }, h("h2", null, "What cleaning found", run), reasons),
    h("section", { class: "panel" }, heading, list), rows.panel, catalogue.panel);

  function act(fn, text) {
    return async () => {
      try {
        await fn();
        if (text) announce(text);
        await look();
        report(null);
      } catch (err) {
        report(err);
      }
    };
  }

  async function look() {
    await Promise.all([lookAtCleaning(), rows.look()]);
  }

  async function lookAtCleaning() {
    const [c, o] = await Promise.all([get("/v1/cleaning"), get("/v1/overview")]);
    const left = c.events - c.accepted;
    fill(tiles, tile("Events", count(c.events), `${count(c.judged)} of ${count(c.end)} places judged`),
      tile("Count", count(c.accepted), "for training, metrics and histories"),
      tile("Left out", count(left), c.events ? `${(100 * left / c.events).toFixed(1)} %` : ""),
      tile("Generation", String(c.generation || "–"), c.next ? `${c.next.generation} in the making: ${Math.floor(100 * c.next.judged / Math.max(c.end, 1))} %` : `rules ${c.rules}`),
      tile("Merged IDs", count(o.data.aliases), `of ${count(o.data.users)} users`));
    fill(checked, ...summary((await get("/v1/check")).report));
    const found = Object.entries(c.reasons).sort((a, b) => b[1] - a[1]);
    if (!found.length) {
      fill(reasons, state("Nothing was found", c.events ? "All events count." : "There are no events yet."));
      fill(list);
      return;
    }
    chosen = c.reasons[chosen] ? chosen : found[0][0];
    fill(reasons, h("table", null, h("thead", null, h("tr", null, ["Reason", "Events", "", "Meaning", ""].map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", null, found.map(([reason, n]) => h("tr", null,
        h("td", null, said(reason)), h("td", null, count(n)), h("td", { class: "muted" }, c.refused.includes(reason) ? "left out" : "counts"),
        h("td", { class: "muted" }, meaning[reason] ?? ""),
        h("td", null, h("button", { class: "quiet", "aria-label": `Examples of ${said(reason)}`, onclick: act(async () => { chosen = reason; }, `Examples of ${said(reason)}`) }, "Examples")))))));
    await lookAtExamples();
  }

  async function lookAtExamples() {
    const reason = chosen;
    const page = await get(query("/v1/quarantine", { reason, limit: examples }));
    if (reason !== chosen) return;
    fill(heading, `Examples: ${said(reason)}`);
    fill(list, h("table", null, h("thead", null, h("tr", null, ["User", "Item", "Kind", "Time", "Verdict", "Why"].map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", null, page.events.map((e) => h("tr", null, h("td", null, e.user), h("td", null, e.item ?? ""), h("td", null, said(e.kind)),
        h("td", { class: "muted" }, e.time.slice(0, 19).replace("T", " ")), h("td", null, e.verdict.map(said).join(", ")), h("td", { class: "muted" }, e.why ?? ""))))));
  }

  async function tick() {
    if (!document.hidden) {
      try {
        await look();
        if (!stopped) report(null);
      } catch (err) {
        if (!stopped) report(err);
      }
    }
    if (!stopped) timer = setTimeout(tick, every);
  }
  tick();
  catalogue.look().catch((err) => !stopped && report(err));
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/** summary says how the checks came out, and which came out badly. */
function summary(r) {
  if (!r) return ["The data have not been checked yet."];
  const bad = ["error", "warning"].flatMap((status) => [...(r.expectations ?? []), ...(r.results ?? [])].filter((x) => x.status === status));
  if (!bad.length) return [`Nothing is wrong, as of ${ago(r.at)}.`];
  return [`errors: ${count(r.summary?.error ?? 0)}, warnings: ${count(r.summary?.warning ?? 0)}, as of ${ago(r.at)}: `,
    ...bad.flatMap((x, n) => [n ? ", " : "", h("span", { class: `badge check-${x.status}` }, said(x.name))])];
}

function tile(name, value, note) {
  return h("div", { class: "panel tile" }, h("h2", null, name), h("strong", null, value), h("span", { class: "muted" }, note));
}
