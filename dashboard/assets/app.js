// The frame around the pages: which one is open, the key, and what to say
// when the server says no.

import { ApiError, forgetKey, get, hasKey, setKey, takeKey } from "./api.js";
import { checks } from "./checks.js";
import { fill, h } from "./dom.js";
import { data } from "./data.js";
import { features } from "./features.js";
import { overview } from "./overview.js";
import { tryIt } from "./tryit.js";

const main = document.getElementById("main");
const banner = document.getElementById("banner");
const status = document.getElementById("status");
const forget = document.getElementById("forget");
const pages = { "#/overview": overview, "#/try": tryIt, "#/data": data, "#/checks": checks, "#/features": features };
const titles = { "#/overview": "Overview", "#/try": "Try it", "#/data": "Data", "#/checks": "Checks", "#/features": "Features" };
let close = () => {};

/** report shows an error, or clears it when there is none. */
function report(err) {
  const code = err instanceof ApiError ? err.status : -1;
  status.className = `status ${err ? (code === 0 ? "offline" : "warn") : "ok"}`;
  status.textContent = err ? (code === 0 ? "Offline" : "Problem") : "Live";
  banner.hidden = !err;
  if (!err) return;
  if (code === 401) {
    forgetKey();
    askKey("This key is not valid (any more). Please give another one.");
    return;
  }
  const lead = {
    0: "No connection. ", 403: "This key may not do that. ", 429: "Too many requests; slowing down. ",
    503: "Not ready yet: nothing is lost, trying again. ",
  }[code] ?? "";
  banner.textContent = lead + (code < 0 ? `The page failed: ${err.message}` : err.message);
  if (code < 0) console.error(err);
}

function askKey(problem) {
  close();
  close = () => {};
  banner.hidden = true;
  forget.hidden = true;
  status.textContent = "";
  status.className = "status";
  const input = h("input", {
    id: "key", name: "key", type: "password", autocomplete: "off", required: true, spellcheck: "false",
    "aria-describedby": "key-help", "aria-invalid": problem ? "true" : false,
  });
  const note = h("p", { class: "fault", role: "alert" }, problem ?? "");
  const button = h("button", { class: "primary" }, "Open");
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    setKey(input.value.trim());
    try {
      await get("/v1/overview");
      open();
    } catch (err) {
      forgetKey();
      note.textContent = err.status === 401 ? "This key is not valid." : err.status === 403 ? "This key has no admin scope." : err.message;
      button.disabled = false;
      input.select();
    }
  };
  fill(main, h("form", { class: "panel key-form", onsubmit: submit },
    h("h1", null, "Open the dashboard"),
    h("p", { id: "key-help", class: "muted" }, "It needs an API key with admin scope. kindred serve prints one at its first start; it stays in this tab only."),
    h("label", { for: "key" }, "API key"), input, note, button));
  input.focus();
}

function open() {
  close();
  if (!hasKey()) return askKey();
  forget.hidden = false;
  const name = location.hash in pages ? location.hash : "#/overview";
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${titles[name]} · Kindred`;
  fill(main);
  close = pages[name](main, report);
}

forget.addEventListener("click", () => {
  forgetKey();
  askKey();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener("hashchange", () => {
  takeKey();
  open();
});
takeKey();
open();
