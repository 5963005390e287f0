// The overview: what is stored, which models are live and how good they are,
// and what is going on this minute.

import { get, post } from "./api.js";
import { ago, announce, bytes, count, day, fill, h, millis, rate, said, skeleton, state } from "./dom.js";
import { chart } from "./chart.js";

const every = 1000; // ms between two looks

/** overview fills the element and returns what stops it. */
export function overview(main, report) {
  const tiles = h("section", { class: "tiles", "aria-label": "Figures" }, skeleton(6, "tile"));
  const live = h("div", { class: "models" }, skeleton(1, "block"));
  const recent = h("ol", { class: "recent" });
  const versions = h("div", { class: "scroll" }, skeleton(1, "block"));
  const rollback = h("button", { class: "quiet", disabled: true, onclick: () => confirm("Roll back?",
    "The personal model that was live before becomes live again. Requests go on being answered.", "Roll back", () => post("/v1/models/rollback")) }, "Roll back");
  const dialog = h("dialog", { "aria-labelledby": "ask" });
  const traffic = h("div", { class: "chart" });
  const latency = h("div", { class: "chart" });
  fill(main, h("h1", { class: "hidden-text" }, "Overview"), tiles,
    h("div", { class: "pair" },
      h("section", { class: "panel" }, h("h2", null, "Traffic", h("span", { class: "legend a" }, "recommendations/s"), h("span", { class: "legend b" }, "events/s")), traffic),
      h("section", { class: "panel" }, h("h2", null, "Latency", h("span", { class: "legend c" }, "slowest 1 % of answers, ms")), latency)),
    h("div", { class: "pair uneven" },
      h("section", { class: "panel" }, h("h2", null, "Live models"), live),
      h("section", { class: "panel" }, h("h2", null, "Recent events"), recent)),
    h("section", { class: "panel" }, h("h2", null, "Versions", rollback), versions), dialog);
  const charts = [
    chart(traffic, [["recommendations/s", "--a"], ["events/s", "--b"]]),
    chart(latency, [["p99 ms", "--c"]]),
  ];

  function confirm(title, text, verb, act) {
    const note = h("p", { class: "fault", role: "alert" });
    const yes = h("button", { class: "primary", onclick: async () => {
      yes.disabled = true;
      try {
        await act();
        dialog.close();
        announce(`${verb}: done`);
        await Promise.all([look(), lookAtVersions()]);
      } catch (err) {
        note.textContent = err.message;
        yes.disabled = false;
      }
    } }, verb);
    fill(dialog, h("h2", { id: "ask" }, title), h("p", null, text), note,
      h("div", { class: "row end" }, h("button", { class: "quiet", onclick: () => dialog.close() }, "Cancel"), yes));
    dialog.showModal();
  }

  async function look() {
    const o = await get("/v1/overview");
    showTiles(tiles, o);
    showLive(live, o.live ?? {});
    showRecent(recent, o.recent ?? []);
    const s = o.series;
    if (s?.seconds?.length) {
      charts[0].set([s.seconds, s.recommendations, s.events]);
      charts[1].set([s.seconds, s.p99_ms]);
    }
  }

  async function lookAtVersions() {
    const answer = await get("/v1/models");
    const models = answer.models ?? [];
    rollback.disabled = !models.some((m) => m.stage === "retired");
    showVersions(versions, models, Object.values(answer.live ?? {}), (m) => confirm("Promote this version?",
      `${m.kind} ${m.version} answers from the next request on. The present version can be brought back.`, "Promote",
      () => post(`/v1/models/${encodeURIComponent(m.version)}/promote`)));
  }

  let timer, turn = 0, stopped = false;
  async function tick() {
    if (!document.hidden) {
      try {
        await Promise.all([look(), turn++ % 5 === 0 && lookAtVersions()]);
        if (!stopped) report(null);
      } catch (err) {
        turn = 0;
        if (!stopped) report(err);
      }
    }
    if (!stopped) timer = setTimeout(tick, every);
  }
  tick();
  return () => {
    stopped = true;
    clearTimeout(timer);
    charts.forEach((c) => c.stop());
  };
}

function tile(name, value, note) {
  return h("div", { class: "panel tile" }, h("h2", null, name), h("strong", null, value), h("span", { class: "muted" }, note));
}

function showTiles(tiles, o) {
  const { data = {}, requests: r = {} } = o;
  const l = r.latency_ms ?? {};
  fill(tiles,
    tile("Events", count(data.events), data.first_event ? `since ${day(data.first_event)}` : "none yet"),
    tile("Users", count(data.users), "known by their events"),
    tile("Items", count(data.items), "in the catalogue"),
    tile("Recommendations", `${rate(r.recommendations_per_second)}/s`, `${count(r.recommendations_total)} since start${r.errors_total ? ` · ${count(r.errors_total)} errors` : ""}`),
    tile("New events", `${rate(r.events_per_second)}/s`, `${count(r.events_total)} since start`),
    tile("Latency, median", millis(l.p50), `p95 ${millis(l.p95)} · p99 ${millis(l.p99)}`));
}

function showLive(box, live) {
  const roles = Object.entries(live).filter(([, m]) => m);
  if (!roles.length) {
    fill(box, state("No model is live yet", "Answers are the popular items until the first training is done."));
    return;
  }
  fill(box, roles.map(([role, m]) => h("article", { class: "model" },
    h("header", null, h("h3", null, said(role)), h("span", { class: "badge" }, m.kind), h("span", { class: "muted" }, ago(m.created_at))),
    h("code", { class: "muted" }, m.version), metrics(m))));
}

/** shown are the metrics a page has room for, the most telling first. */
const shown = ["ndcg", "recall", "hit_rate", "coverage"];

/** told picks the shown ones of a model's metrics, at 20 items where there is a choice. */
function told(all) {
  return shown.map((name) => {
    const cuts = Object.keys(all ?? {}).filter((key) => key.startsWith(`${name}@`));
    return cuts.find((key) => key.endsWith("@20")) ?? cuts[0];
  }).filter(Boolean);
}

/** metrics compares a model with popularity, on the metrics both have. */
function metrics(m) {
  const both = told(m.metrics).filter((name) => Number.isFinite(m.baseline?.[name]));
  if (!both.length) return h("p", { class: "muted" }, "Not judged against a hold-out.");
  return h("dl", { class: "metrics" }, both.map((name) => {
    const [ours, theirs] = [m.metrics[name], m.baseline[name]];
    const top = Math.max(ours, theirs, 1e-9);
    return h("div", null, h("dt", null, name),
      h("dd", null, meter(ours / top, "ours"), meter(theirs / top, "theirs")),
      h("dd", { class: "figures" }, ours.toFixed(3), h("span", { class: "muted" }, ` popular ${theirs.toFixed(3)}`)),
      h("dd", { class: ours >= theirs ? "gain" : "loss" }, theirs > 0 ? `×${(ours / theirs).toFixed(1)}` : ""));
  }));
}

/** meter is a bar from 0 to 1. */
export function meter(share, kind) {
  const bar = h("span", { class: `meter ${kind}`, "aria-hidden": "true" }, h("i"));
  bar.firstChild.style.width = `${Math.round(100 * Math.max(0, Math.min(1, share)))}%`;
  return bar;
}

function showRecent(list, events) {
  if (!events.length) {
    fill(list, state("No events yet", "POST /v1/events, or pick “Try it”."));
    return;
  }
  fill(list, events.slice(0, 20).map((e) => h("li", null, h("span", { class: `badge kind-${e.kind}` }, said(e.kind)),
    h("span", { class: "clip" }, e.title || e.item || "–"), h("span", { class: "clip muted" }, e.user),
    h("time", { class: "muted", datetime: e.time }, ago(e.time)))));
}

function showVersions(box, models, live, promote) {
  if (!models.length) {
    fill(box, state("No versions yet", "kindred train learns one from the events stored."));
    return;
  }
  const metric = (m) => told(m.metrics).slice(0, 1).map((name) => [name, m.metrics[name]])[0];
  fill(box, h("table", null,
    h("thead", null, h("tr", null, ["Version", "Kind", "Stage", "Quality", "Learned from", "Took", "Size", ""].map((t) => h("th", { scope: "col" }, t)))),
    h("tbody", null, models.map((m) => {
      const isLive = m.stage === "live" || live.includes(m.version);
      const best = metric(m);
      return h("tr", null,
        h("td", null, h("code", null, m.version), h("div", { class: "muted" }, ago(m.created_at))), h("td", null, m.kind),
        h("td", null, h("span", { class: `badge stage-${isLive ? "live" : m.stage}` }, isLive ? "live" : m.stage)),
        h("td", null, best ? `${best[1].toFixed(3)} ` : "–", best && h("span", { class: "muted" }, best[0])),
        h("td", null, `${count(m.data?.events)} events`),
        h("td", null, millis((m.train_time_ns ?? NaN) / 1e6)), h("td", null, bytes(m.artefact_bytes)),
        h("td", { class: "end" }, !isLive && h("button", { class: "quiet", onclick: () => promote(m), "aria-label": `Promote ${m.version}` }, "Promote")));
    }))));
}
