// Try it: be a user, or a stranger, and see the list follow what one does.

import { curl, get, itemOf, post, query, remember, call } from "./api.js";
import { ago, announce, fill, h, millis, money, said, skeleton, state } from "./dom.js";
import { meter } from "./overview.js";
import { picture } from "./picture.js";

const listLength = 12;

// Who one is outlives a look at the other page.
let who = null; // {id} of a user, or {session: [{item, kind, time}]}

/** tryIt fills the element and returns what stops it. */
export function tryIt(main, report) {
  let last = { items: [], requestID: "" };
  let ticket = 0; // of the newest request: an older answer is not shown
  let stopped = false;
  let pool = []; // IDs seen, to start a random draw from

  const options = h("datalist", { id: "users" });
  const search = h("input", { id: "who", list: "users", placeholder: "User ID, known or new", autocomplete: "off", spellcheck: "false", maxlength: "256" });
  const name = h("strong", { id: "name" });
  const about = h("span", { class: "muted" });
  const history = h("ol", { class: "history", tabindex: "0", "aria-label": "History, newest first" });
  const title = h("h2", null, "Recommendations");
  const meta = h("p", { class: "muted meta" });
  const fault = h("p", { class: "fault", role: "alert" });
  const category = h("input", { id: "category", list: "categories", placeholder: "All", autocomplete: "off" });
  const categories = h("datalist", { id: "categories" });
  const filter = h("input", { id: "filter", placeholder: "price<=20 and brand=\"Acme\"", autocomplete: "off", spellcheck: "false" });
  const list = h("div", { class: "cards", id: "list", "aria-label": "Recommended items" });
  const similar = h("div", null, state("Nothing chosen", "Open an item to see what is like it."));
  const line = h("code", { id: "curl", tabindex: "0" });
  const copy = h("button", { class: "quiet", onclick: copyLine }, "Copy");

  fill(main, h("h1", { class: "hidden-text" }, "Try it"),
    h("section", { class: "panel", "aria-label": "Who" },
      h("form", { class: "row", onsubmit: (e) => { e.preventDefault(); if (search.value.trim()) be({ id: search.value.trim() }); } },
        h("label", { for: "who" }, "Be"), search, options, h("button", { class: "primary" }, "Go"),
        h("button", { type: "button", class: "quiet", id: "random", onclick: random }, "Random user"),
        h("button", { type: "button", class: "quiet", id: "visitor", onclick: () => be({ session: [] }) }, "New visitor")),
      h("div", { class: "row who" }, name, about), history),
    h("div", { class: "pair try" },
      h("section", { class: "panel" },
        h("div", { class: "row head" }, title, meta),
        h("form", { class: "row", onsubmit: (e) => { e.preventDefault(); refresh(); } },
          h("label", { for: "category" }, "Category"), category, categories,
          h("label", { for: "filter" }, "Filter"), filter, h("button", { class: "quiet" }, "Apply")),
        fault, list),
      h("aside", null,
        h("section", { class: "panel" }, h("h2", null, "Similar items"), similar),
        h("section", { class: "panel" }, h("h2", null, "This call", copy), line))));

  async function copyLine() {
    await navigator.clipboard.writeText(line.textContent).then(() => { copy.textContent = "Copied"; }, () => { copy.textContent = "Select and copy"; });
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  }

  /** attempt runs something and tells the frame how it went. */
  async function attempt(what) {
    try {
      await what();
      if (!stopped) report(null);
    } catch (err) {
      if (!stopped) report(err);
    }
  }

  async function be(next) {
    who = next;
    last = { items: [], requestID: "" };
    search.value = "";
    name.textContent = who.id ?? "A new visitor";
    about.textContent = who.id ? "" : "Nobody knows you: what you open stays in this page and goes along with each request.";
    fill(history, skeleton(4, "past"));
    fill(list, skeleton(listLength, "tall"));
    fill(similar, state("Nothing chosen", "Open an item to see what is like it."));
    await Promise.all([attempt(showHistory), refresh(), who.id && describe(who.id)]);
  }

  async function describe(id) {
    const user = await get(`/v1/users/${encodeURIComponent(id)}`).catch(() => null);
    if (who?.id !== id) return;
    about.textContent = Object.entries(user?.attributes ?? {}).filter(([, v]) => typeof v !== "object")
      .map(([k, v]) => `${said(k)} ${v}`).join(" · ");
  }

  function random() {
    return attempt(async () => {
      const users = await usersAfter(pool[Math.floor(Math.random() * pool.length)] ?? "");
      if (users.length) await be({ id: users[Math.floor(Math.random() * users.length)] });
      else await be({ session: [] });
    });
  }

  async function usersAfter(after) {
    let { users } = await get(query("/v1/users", { limit: 100, after }));
    if (!users?.length && after) ({ users } = await get("/v1/users?limit=100"));
    const ids = (users ?? []).map((u) => u.id);
    pool = [...new Set([...pool, ...ids])].slice(-2000);
    return ids;
  }

  let typing;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(async () => {
      const { users } = await get(query("/v1/users", { limit: 12, q: search.value.trim() })).catch(() => ({}));
      fill(options, (users ?? []).map((u) => h("option", { value: u.id })));
    }, 150);
  });

  async function showHistory() {
    const me = who;
    let events = me.session?.toReversed();
    if (me.id) ({ events } = await get(`/v1/users/${encodeURIComponent(me.id)}/events?limit=30`).catch(missingIsEmpty));
    events = (events ?? []).filter((e) => e.item && e.kind !== "impression");
    const items = await Promise.all(events.map((e) => itemOf(e.item)));
    if (me !== who || stopped) return;
    if (!events.length) fill(history, h("li", { class: "none muted" }, "No history yet. Open an item below to begin one."));
    else fill(history, events.map((e, k) => h("li", null, picture(items[k]),
      h("div", null, h("span", { class: "clip" }, items[k].title || e.item),
        h("span", { class: "muted" }, h("span", { class: `badge kind-${e.kind}` }, said(e.kind)), ` ${ago(e.time)}`)))));
  }

  /** request is the call for the present list: method, path, body. */
  function request() {
    const rules = { n: listLength, category: category.value.trim(), filter: filter.value.trim() };
    if (who.id) return ["GET", query(`/v1/users/${encodeURIComponent(who.id)}/recommendations`, { ...rules, include: "item" })];
    const given = Object.fromEntries(Object.entries(rules).filter(([, v]) => v !== ""));
    return ["POST", "/v1/recommendations?include=item", { session: who.session, ...given }];
  }

  async function refresh() {
    const mine = ++ticket;
    const wanted = request();
    line.textContent = curl(...wanted);
    fault.textContent = "";
    list.setAttribute("aria-busy", "true");
    const began = performance.now();
    try {
      const answer = await call(...wanted);
      const took = performance.now() - began;
      const recs = answer.items ?? [];
      const items = await Promise.all(recs.map(itemOfRecommendation));
      if (mine !== ticket || stopped) return;
      title.textContent = who.id ? `For ${who.id}` : "For this visitor";
      meta.textContent = `${millis(took)} here and back · ${answer.model ? `${answer.model.kind} ${answer.model.version}` : "no model yet"}`;
      show(recs, items, answer.request_id);
      report(null);
    } catch (err) {
      if (mine !== ticket || stopped) return;
      if (err.status === 422 || err.status === 400) fault.textContent = err.message;
      else report(err);
      if (!last.items.length) fill(list, state("No list", "The server gave no recommendations."));
    } finally {
      if (mine === ticket) list.removeAttribute("aria-busy");
    }
  }

  function show(recs, items, requestID) {
    // Places are counted among the items of both lists: one that left does
    // not count as a move of all that stood below it.
    const stayed = new Set(recs.map((r) => r.id).filter((id) => last.items.includes(id)));
    const was = new Map(last.items.filter((id) => stayed.has(id)).map((id, at) => [id, at]));
    const is = new Map([...stayed].map((id, at) => [id, at]));
    const first = !last.items.length;
    const before = new Map([...list.children].map((c) => [c.dataset.id, c.getBoundingClientRect()]));
    const focused = [...list.children].findIndex((c) => c.contains(document.activeElement));
    const top = {}; // by source: scores of two sources do not compare
    for (const r of recs) top[r.source] = Math.max(top[r.source] ?? 1e-12, r.score);
    let fresh = 0;
    fill(list, recs.length ? recs.map((rec, at) => {
      const climb = was.get(rec.id) - is.get(rec.id); // NaN if it was not there
      const change = first ? "" : Number.isNaN(climb) ? "new" : climb > 0 ? "up" : climb < 0 ? "down" : "";
      if (change === "new") fresh++;
      return card(rec, items[at], at + 1, rec.score / top[rec.source], change, Math.abs(climb));
    }) : state("Nothing to recommend", "No item passes these rules. Try a wider category or filter."));
    for (const c of list.children) slide(c, before.get(c.dataset.id), first);
    if (focused >= 0) list.children[Math.min(focused, list.children.length - 1)]?.querySelector("button")?.focus({ preventScroll: true });
    last = { items: recs.map((r) => r.id), requestID };
    fill(categories, [...new Set(items.flatMap((i) => i.categories ?? []))].sort().map((c) => h("option", { value: c })));
    if (!first) announce(`List updated: ${fresh} new of ${recs.length}`);
  }

  function card(rec, item, position, share, change, places) {
    const act = (kind) => () => did(item, kind, position);
    const label = { new: "new", up: `▲ ${places}`, down: `▼ ${places}` }[change];
    return h("article", { class: `card ${change}`, "data-id": rec.id, "aria-label": item.title || rec.id },
      h("button", { class: "open", onclick: act("view"), "aria-label": `Open ${item.title || rec.id}` },
        picture(item), label && h("span", { class: `change ${change}` }, label)),
      h("div", { class: "text" },
        h("h3", null, item.title || rec.id),
        h("p", { class: "muted line" }, h("span", { class: "clip" }, (item.categories ?? []).join(" › ")), item.price ? h("b", null, money(item.price)) : null),
        h("p", { class: "reason" }, rec.reason?.text || said(rec.reason?.code ?? "")),
        h("p", { class: "line" }, h("span", { class: `badge source-${rec.source}` }, said(rec.source)), meter(share, "score"))),
      h("div", { class: "acts" },
        h("button", { onclick: act("like"), "aria-label": `Like ${item.title || rec.id}` }, "♥ Like"),
        h("button", { onclick: act("add_to_cart"), "aria-label": `Add ${item.title || rec.id} to the cart` }, "Cart"),
        h("button", { onclick: act("purchase"), "aria-label": `Buy ${item.title || rec.id}` }, "Buy")));
  }

  /** did reports an event, then asks for everything that follows from it. */
  function did(item, kind, position) {
    return attempt(async () => {
      const me = who;
      if (me.id) {
        const shown = position ? { request_id: last.requestID, position } : {};
        await post("/v1/events", { user: me.id, item: item.id, kind, ...shown });
      } else {
        me.session = [...me.session, { item: item.id, kind, time: new Date().toISOString() }].slice(-500);
      }
      if (me === who) await Promise.all([refresh(), showHistory(), showSimilar(item)]);
    });
  }

  async function showSimilar(item) {
    const answer = await get(query(`/v1/items/${encodeURIComponent(item.id)}/similar`, { n: 6, include: "item" })).catch(missingIsEmpty);
    const items = await Promise.all((answer.items ?? []).map(itemOfRecommendation));
    fill(similar, h("div", { class: "chosen" }, picture(item), h("div", null, h("strong", null, item.title || item.id),
      h("p", { class: "muted small" }, item.attributes?.description?.text ?? ""))),
    items.length ? h("ul", { class: "similar" }, items.map((i) => h("li", null,
      h("button", { class: "quiet", onclick: () => did(i, "view", 0) }, picture(i), h("span", { class: "clip" }, i.title || i.id), i.price ? h("b", null, money(i.price)) : null))))
      : state("Nothing similar", "Too few people have met this item."));
  }

  if (who) be(who);
  else random();
  return () => {
    stopped = true;
    clearTimeout(typing);
  };
}

/** itemOfRecommendation takes the item that came along, or looks it up. */
function itemOfRecommendation(rec) {
  if (rec.item) remember({ ...rec.item, id: rec.id });
  return itemOf(rec.id);
}

function missingIsEmpty(err) {
  if (err.status === 404) return {};
  throw err;
}

/** slide moves a card from where it was, or lets it appear. */
function slide(element, from, first) {
  if (!element.animate || first || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const to = element.getBoundingClientRect();
  const frames = from ? [{ transform: `translate(${from.x - to.x}px, ${from.y - to.y}px)` }, { transform: "none" }]
    : [{ opacity: 0, transform: "scale(.96)" }, { opacity: 1, transform: "none" }];
  element.animate(frames, { duration: 260, easing: "ease-out" });
}
