// The feature store: what is defined, what was served and how far that is from
// training, how fresh it is, and what the features of someone are now.

import { get, post, query } from "./api.js";
import { ago, announce, count, fill, h, said, skeleton, state } from "./dom.js";

const every = 3000; // ms between two looks at the state
const described = 10; // looks between two descriptions of what was served
const suspect = 0.1, change = 0.25; // PSI from which on a feature is worth a look, has changed

/** features fills the element and returns what stops it. */
export function features(main, report) {
  const tiles = h("section", { class: "tiles", "aria-label": "Figures" }, skeleton(6, "tile"));
  const served = h("div", { class: "scroll" }, skeleton(1, "block"));
  const about = h("p", { class: "muted" });
  const sets = h("select", { id: "set", "aria-label": "Set of features", onchange: () => choose(sets.value) });
  const values = h("div", { class: "scroll" });
  const list = h("div", { class: "scroll" }, skeleton(1, "block"));
  const note = h("span", { class: "muted" });
  const fault = h("p", { class: "fault", role: "alert" });
  const user = field("user", "User"), item = field("item", "Item"), session = field("session", "Session");
  const form = h("form", { class: "row", onsubmit: (event) => { event.preventDefault(); lookUp(); } },
    user, item, session, h("button", { class: "primary" }, "Look up"));
  fill(main, h("h1", { class: "hidden-text" }, "Features"), tiles,
    h("section", { class: "panel" }, h("h2", null, "What was served", sets), about, served),
    h("section", { class: "panel", id: "lookup" }, h("h2", null, "What they are now", note), form, fault, values),
    h("section", { class: "panel" }, h("h2", null, "All features"), list));

  let all, description, shown = "", looks = 0, lookups = 0, timer, stopped = false;

  async function refresh() {
    all = await get("/v1/features");
    const names = all.sets.map((s) => s.name);
    const text = JSON.stringify([all.features, names]);
    if (text !== shown) {
      shown = text;
      fill(sets, names.map((name) => h("option", { value: name }, name)));
      sets.hidden = !names.length;
      fill(list, all.features.length ? table(all) : nothing());
    }
    if (looks++ % described === 0) await describe();
    showTiles();
  }

  async function choose(set) {
    try {
      await describe();
      showTiles();
      announce(`What was served of ${set}`);
      report(null);
    } catch (err) {
      report(err);
    }
  }

  async function describe() {
    const set = sets.value;
    note.textContent = set ? `of the set ${set}` : "";
    if (!set) {
      description = null;
      fill(served, all.features.length ? state("There are no sets", "Name some features as a set in kindred.yaml, and log it.") : nothing());
      return;
    }
    const answer = await get(query("/v1/features/statistics", { set }));
    if (stopped || set !== sets.value) return;
    description = answer;
    fill(about, summary(answer));
    fill(served, answer.lists ? statistics(answer) : state(`Nothing was kept of ${set}`, `Name it in features.log of kindred.yaml, and its values are kept with every list that is shown.`));
  }

  function showTiles() {
    const s = all.state;
    const drifted = (description?.features ?? []).filter((f) => f.psi > change).length;
    const skew = description?.skew;
    fill(tiles,
      tile("Features", count(all.features.length), `in ${all.sets.length} ${all.sets.length === 1 ? "set" : "sets"}`),
      tile("Users", s ? count(s.users) : "–", s ? `and ${count(s.sessions)} sessions` : "being computed from the log"),
      tile("Items", s ? count(s.items) : "–", s ? "that anything is known of" : "being computed from the log"),
      tile("Fresh", s ? ago(s.followed_at) : "–", s ? `up to place ${count(s.position)} of the log` : "", s && Date.now() - new Date(s.followed_at) > 60_000 && "check-warning"),
      tile("Drifted", description?.trained ? count(drifted) : "–", description?.trained ? "features with PSI above .25" : "no training set to compare with", drifted > 0 && "check-warning"),
      tile("Skew", skew ? count(skew.different) : "–", skew ? `of ${count(skew.values)} values differ, ${ago(skew.time)}` : "not computed again (features.skew_every)", skew && (skew.different ? "check-error" : "check-ok")));
  }

  async function lookUp() {
    const mine = ++lookups; // an answer that another request has overtaken is dropped
    const entities = {};
    for (const input of [user, item, session]) {
      const ids = input.value.split(",").map((id) => id.trim()).filter(Boolean);
      if (ids.length) entities[input.name] = ids;
    }
    const rows = Math.max(0, ...Object.values(entities).map((ids) => ids.length));
    for (const key of Object.keys(entities)) { // one user goes with every item
      if (entities[key].length === 1) entities[key] = Array(rows).fill(entities[key][0]);
    }
    try {
      const asked = askable(Object.keys(entities));
      if (!asked.length) {
        fault.textContent = "No feature of this set can be read of these alone: give a user, an item or a session.";
        fill(values);
        return;
      }
      const answer = await post("/get-online-features", { features: asked, entities, full_feature_names: true });
      if (mine !== lookups) return;
      fault.textContent = "";
      fill(values, lookedUp(answer, Object.keys(entities).length, rows));
      announce("The values are there");
    } catch (err) {
      if (mine !== lookups) return;
      fault.textContent = err.message;
      fill(values);
      if (err.status === 401 || err.status === 0) report(err);
    }
  }

  /** askable returns the features of the set that describe what is given. */
  function askable(keys) {
    const chosen = all.sets.find((s) => s.name === sets.value)?.features ?? all.features.map((f) => f.ref);
    const has = [...keys, "context", keys.includes("user") && keys.includes("item") && "user_item"];
    return keys.length ? chosen.filter((ref) => has.includes(ref.split(":")[0])) : [];
  }

  async function tick() {
    if (!document.hidden) {
      try {
        await refresh();
        if (!stopped) report(null);
      } catch (err) {
        if (!stopped) report(err);
      }
    }
    if (!stopped) timer = setTimeout(tick, every);
  }
  tick();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

const field = (name, label) => h("input", { name, placeholder: `${label} ID`, "aria-label": `${label} ID`, autocomplete: "off", spellcheck: "false" });

const nothing = () => state("No features are defined", "Write \"features: {preset: basic}\" into kindred.yaml to begin with.");

function tile(name, value, note, mark) {
  return h("div", { class: "panel tile" }, h("h2", null, name), h("strong", { class: mark }, value), h("span", { class: "muted" }, note));
}

function summary(d) {
  if (!d.lists) return [];
  const trained = d.trained
    ? `PSI compares them with the training set of ${new Date(d.trained.time).toISOString().slice(0, 16).replace("T", " ")}${d.trained.version === d.version ? "" : ", of another version of the set"}.`
    : "No training set was made of the set yet, so there is no PSI.";
  const skew = d.skew?.different ? ` Computed again, these differ: ${d.skew.features.join(", ")}.` : "";
  return [`The last ${count(d.lists)} lists, since ${ago(d.from)}; version ${d.version}. ${trained}${skew}`];
}

/** figure writes a number of any size shortly. */
function figure(x) {
  if (!Number.isFinite(x)) return "–";
  return Math.abs(x) >= 1e6 || (x !== 0 && Math.abs(x) < 1e-3) ? x.toExponential(2) : String(Number(x.toFixed(Math.abs(x) < 10 ? 3 : 1)));
}

function statistics(d) {
  return h("table", null, head(["Feature", "Rows", "Missing", "Mean", "5 % · half · 95 %", "Most frequent", "PSI"]),
    h("tbody", null, d.features.map((f) => h("tr", null,
      h("td", null, h("code", null, f.feature)), h("td", null, count(f.rows)),
      h("td", null, f.rows ? `${(100 * f.missing / f.rows).toFixed(1)} %` : "–"),
      h("td", null, f.type === "string" ? "–" : figure(f.mean)),
      h("td", null, f.quantiles ? [f.quantiles[0], f.quantiles[2], f.quantiles[4]].map(figure).join(" · ") : "–"),
      h("td", { class: "muted top-values" }, (f.top ?? []).slice(0, 3).map((t) => `${t.value} (${count(t.rows)})`).join(", ")),
      h("td", null, psi(f.psi))))));
}

function psi(x) {
  if (x === null || x === undefined) return "–";
  const status = x > change ? "check-error" : x > suspect ? "check-warning" : "check-ok";
  return h("span", { class: `badge ${status}`, title: x > change ? "a change" : x > suspect ? "worth a look" : "as in training" }, x.toFixed(3));
}

function lookedUp(answer, keys, rows) {
  const names = answer.metadata.feature_names;
  const entity = (row) => names.slice(0, keys).map((_, k) => answer.results[k].values[row]).join(" × ");
  return h("table", null, head(["Feature", ...Array.from({ length: rows }, (_, row) => entity(row))]),
    h("tbody", null, names.slice(keys).map((name, k) => h("tr", null, h("td", null, h("code", null, name.replace("__", ":"))),
      answer.results[k + keys].values.map((value, row) => cell(value, answer.results[k + keys], row))))));
}

function cell(value, column, row) {
  const status = column.statuses[row], time = column.event_timestamps[row];
  return h("td", null, h("span", { class: "value" }, written(value)), status === "PRESENT" ? null : h("span", { class: `badge ${status === "OUTSIDE_MAX_AGE" ? "check-warning" : "check-skipped"}` }, said(status).toLowerCase()),
    time.startsWith("1970") ? null : h("span", { class: "muted small" }, ago(time)));
}

function written(value) {
  if (value === null) return "–";
  if (Array.isArray(value)) return value.slice(0, 8).map((x) => (typeof x === "number" ? figure(x) : x)).join(", ") + (value.length > 8 ? ", …" : "");
  return typeof value === "number" ? figure(value) : String(value);
}

const head = (names) => h("thead", null, h("tr", null, names.map((t) => h("th", { scope: "col" }, t))));

function table(all) {
  const member = (ref) => all.sets.filter((s) => s.features.includes(ref)).map((s) => s.name);
  return h("table", null, head(["Feature", "Kind", "Values", "Of", "TTL", "Sets", "Owner"]),
    h("tbody", null, all.features.map((f) => h("tr", null,
      h("td", null, h("code", null, f.ref), f.description && h("div", { class: "muted" }, f.description)),
      h("td", null, said(f.kind)), h("td", null, f.value_type), h("td", { class: "muted" }, made(f)),
      h("td", null, f.ttl ? span(f.ttl) : "–"), h("td", { class: "muted" }, member(f.ref).join(", ")), h("td", null, f.owner ?? "–")))));
}

/** span writes a duration without its zeros: 1h0m0s, 1h. */
const span = (text) => text.replaceAll(/(?<=[hm])0[ms]/g, "");

/** made tells in short what a feature is made of. */
function made(f) {
  const kinds = (w) => (w?.kinds ?? []).map(said).join(", ");
  const parts = [f.expression, f.inputs?.join(" × "), f.attribute && `attribute ${f.attribute}`, kinds(f.where) + (f.over ? ` ÷ ${kinds(f.over)}` : ""),
    f.window && `last ${span(f.window)}`, f.half_life && `half-life ${span(f.half_life)}`, f.n && `at most ${f.n}`];
  return parts.filter(Boolean).join(" · ");
}
