// Speaking to the HTTP API: the key, the errors, one cache of items.

const keyName = "kindred-key";

/** takeKey moves a key from the address (#key=… or #key=…&page=try) to this tab's memory. */
export function takeKey() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (!given.get("key")) return;
  sessionStorage.setItem(keyName, given.get("key"));
  history.replaceState(null, "", `${location.pathname}${location.search}#/${given.get("page") ?? "overview"}`);
}

export const hasKey = () => sessionStorage.getItem(keyName) !== null;
export const setKey = (key) => sessionStorage.setItem(keyName, key);
export const forgetKey = () => sessionStorage.removeItem(keyName);

/** ApiError is an answer that is an error; status 0 is no answer at all. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** call returns the answer's JSON, or throws an ApiError. */
export async function call(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: {
        Authorization: `Bearer ${sessionStorage.getItem(keyName) ?? ""}`,
        ...(body && { "Content-Type": "application/json" }),
      },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    });
  } catch {
    throw new ApiError(0, "The server does not answer. Is kindred serve still running?");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const faults = (answer.errors ?? []).map((e) => `${e.location}: ${e.message}`);
  throw new ApiError(response.status, faults.join("; ") || answer.detail || answer.title || `The server answered ${response.status}.`);
}

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body);

/** query writes a path's parameters, leaving out those that are empty. */
export function query(path, params) {
  const given = Object.entries(params).filter(([, v]) => v !== "" && v !== undefined);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** curl is the same call as a line for the shell; the key stays a variable. */
export function curl(method, path, body) {
  const quote = (s) => `'${s.replaceAll("'", "'\\''")}'`;
  const parts = ["curl", '-H "Authorization: Bearer $KINDRED_KEY"', quote(location.origin + path)];
  if (body) parts.push("-H 'Content-Type: application/json'", "-d", quote(JSON.stringify(body)));
  else if (method !== "GET") parts.splice(1, 0, "-X", method);
  return parts.join(" ");
}

const known = new Map();

/** remember keeps an item that came along with an answer. */
export function remember(item) {
  if (item?.id) known.set(item.id, Promise.resolve(item));
}

/** itemOf returns an item, or its bare ID where the catalogue has none. */
export function itemOf(id) {
  if (!known.has(id)) {
    if (known.size > 5000) known.clear();
    known.set(id, get(`/v1/items/${encodeURIComponent(id)}`).catch((err) => {
      if (err.status !== 404) known.delete(id);
      return { id };
    }));
  }
  return known.get(id);
}
