// Elements, numbers and times as text. Everything from the API becomes a text
// node or an attribute here, never markup.

/** h makes an element: h("a", {class: "x", onclick: f, "aria-label": "…"}, child, …). */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

/** fill replaces what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
}

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const count = (n) => (!Number.isFinite(n) ? "–" : n >= 1e7 ? short.format(n) : whole.format(n));
export const rate = (n) => (!Number.isFinite(n) ? "–" : n >= 100 ? whole.format(Math.round(n)) : n.toFixed(1));
export const money = (n) => n.toFixed(2);

export function millis(ms) {
  if (!Number.isFinite(ms)) return "–";
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 1 ? `${Math.round(ms * 1000)} µs` : ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

export function bytes(n) {
  if (!n) return "–";
  return n < 1e6 ? `${Math.ceil(n / 1e3)} kB` : `${(n / 1e6).toFixed(1)} MB`;
}

export function ago(time) {
  const s = (Date.now() - new Date(time)) / 1000;
  if (!Number.isFinite(s)) return "";
  if (s < 2) return "now";
  if (s < 60) return `${Math.floor(s)} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86400)} d ago`;
}

export const day = (time) => (time && !time.startsWith("0001") ? new Date(time).toISOString().slice(0, 10) : "–");

/** said is a kind or code in words: add_to_cart, "add to cart". */
export const said = (name) => String(name).replaceAll("_", " ");

/** announce tells those who listen to the page what changed. */
export function announce(text) {
  document.getElementById("announce").textContent = text;
}

/** state is what stands where there is nothing to show. */
export function state(title, text) {
  return h("div", { class: "empty" }, h("strong", null, title), text && h("p", null, text));
}

export function skeleton(n, kind) {
  return Array.from({ length: n }, () => h("div", { class: `skeleton ${kind}`, "aria-hidden": "true" }));
}
