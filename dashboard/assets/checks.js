// The data: what the checks found wrong with them, what to do about it, and
// what the data are enough for.

import { get, post } from "./api.js";
import { ago, announce, count, fill, h, said, skeleton, state } from "./dom.js";
import { meter } from "./overview.js";

const every = 2000; // ms between two looks while a report is on its way
const order = ["error", "warning", "info", "ok", "skipped"];

/** checks fills the element and returns what stops it. */
export function checks(main, report) {
  const tiles = h("section", { class: "tiles", "aria-label": "Checks by status" }, skeleton(5, "tile"));
  const found = h("div", { class: "findings" }, skeleton(2, "block"));
  const steps = h("div", { class: "steps" }, skeleton(1, "block"));
  const rest = h("div", { class: "scroll" });
  const note = h("span", { class: "muted" });
  const again = h("button", { class: "quiet", onclick: async () => {
    again.disabled = true;
    try {
      await post("/v1/check");
      announce("The data are being checked");
      await look();
    } catch (err) {
      report(err);
    }
  } }, "Check again");
  fill(main, h("h1", { class: "hidden-text" }, "Checks"), tiles,
    h("div", { class: "pair uneven" },
      h("section", { class: "panel" }, h("h2", null, "What is wrong", note, again), found),
      h("section", { class: "panel" }, h("h2", null, "What the data are enough for"), steps)),
    h("section", { class: "panel" }, h("h2", null, "All checks"), rest));

  let timer, stopped = false, shown = "";
  async function look() {
    clearTimeout(timer);
    try {
      const answer = await get("/v1/check");
      if (stopped) return;
      report(null);
      again.disabled = answer.pending;
      note.textContent = answer.pending ? "checking …" : answer.report ? `checked ${ago(answer.report.at)}` : "";
      if (answer.report && answer.report.at !== shown) {
        shown = answer.report.at;
        show(answer.report);
      }
      timer = setTimeout(look, answer.pending ? every : 10 * every);
    } catch (err) {
      if (stopped) return;
      report(err);
      timer = setTimeout(look, every);
    }
  }

  function show(r) {
    const results = [...(r.expectations ?? []), ...(r.results ?? [])];
    fill(tiles, order.map((status) => h("div", { class: "panel tile" }, h("h2", null, said(status)),
      h("strong", { class: `check-${status}` }, count(r.summary?.[status] ?? 0)), h("span", { class: "muted" }, meaning[status]))));
    const bad = results.filter((x) => ["error", "warning", "info"].includes(x.status))
      .sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status));
    fill(found, bad.length ? bad.map(finding) : state("Nothing is wrong", `${count(r.rows?.events)} events were looked at.`));
    fill(steps, (r.readiness ?? []).map(step));
    fill(rest, table(results));
  }

  look();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

const meaning = {
  error: "stop a training", warning: "make models worse", info: "worth knowing", ok: "as they should be", skipped: "nothing to judge by",
};

/** measure writes a figure with its unit. */
function measure(x, figure) {
  if (x.unit === "share") return `${(100 * figure).toFixed(figure < 0.001 && figure > 0 ? 3 : 1)} %`;
  return `${Number(figure.toFixed(2))} ${x.unit}`;
}

function finding(x) {
  return h("details", { class: "finding", open: x.status !== "info" },
    h("summary", null, h("span", { class: `badge check-${x.status}` }, x.status), h("strong", null, said(x.name)),
      h("span", { class: "muted" }, x.unit === "share" ? `${count(x.count)} of ${count(x.of)}, ${measure(x, x.figure)}` : measure(x, x.figure))),
    h("p", null, x.meaning, x.detail ? h("span", { class: "muted" }, ` · ${x.detail}`) : null),
    x.examples?.length && h("ul", { class: "examples" }, x.examples.map((e) => h("li", null, h("code", null, e)))),
    x.advice && h("p", null, `→ ${x.advice}`),
    x.owner && h("p", { class: "muted" }, `owner: ${x.owner}`));
}

function step(s) {
  return h("article", { class: "step" },
    h("header", null, h("span", { class: `badge ${s.ready ? "check-ok" : "check-skipped"}` }, s.ready ? "ready" : "not yet"), h("h3", null, said(s.name)), h("span", { class: "muted" }, s.models)),
    s.needs.map((n) => h("div", { class: "need" }, meter(Math.min(n.have / n.want, 1), n.have >= n.want ? "ours" : "theirs"),
      h("span", { class: "muted" }, `${count(n.have)} of ${count(n.want)} ${n.what}`))));
}

function table(results) {
  return h("table", null,
    h("thead", null, h("tr", null, ["Check", "Status", "Figure", "Limit", "Rows"].map((t) => h("th", { scope: "col" }, t)))),
    h("tbody", null, results.map((x) => h("tr", null, h("td", null, said(x.name), h("div", { class: "muted" }, x.status === "skipped" ? x.detail : x.meaning)),
      h("td", null, h("span", { class: `badge check-${x.status}` }, x.status)),
      h("td", null, x.status === "skipped" ? "–" : measure(x, x.figure)), h("td", null, measure(x, x.limit)),
      h("td", null, x.of ? `${count(x.count)} of ${count(x.of)}` : "–")))));
}
