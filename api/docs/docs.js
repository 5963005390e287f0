// Draws /openapi.json. All text is set as text, never as HTML.
const el = (tag, attributes, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) node.setAttribute(name, value);
  node.append(...children.filter((c) => c !== null && c !== undefined));
  return node;
};

// rich turns `code` and *emphasis* into elements.
const rich = (text) => text.split(/(`[^`]+`|\*[^*]+\*)/).map((part) => {
  if (part.startsWith("`")) return el("code", null, part.slice(1, -1));
  if (part.startsWith("*") && part.length > 2) return el("em", null, part.slice(1, -1));
  return part;
});

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curl(method, path, op) {
  const query = (op.parameters ?? []).filter((p) => p.in === "query" && p.example !== undefined).slice(0, 1)
    .map((p) => `${p.name}=${encodeURIComponent(p.example)}`).join("&");
  const address = location.origin + path.replace("{id}", "ID") + (query ? `?${query}` : "");
  const lines = [`curl ${method === "get" ? "" : `-X ${method.toUpperCase()} `}${quoted(address)}`];
  if (op.security?.length) lines.push(`-H "Authorization: Bearer $KEY"`);
  const body = op.requestBody?.content["application/json"]?.example;
  if (body) lines.push(`-d ${quoted(JSON.stringify(body))}`);
  return lines.join(" \\\n  ");
}

function fields(doc, schema) {
  if (schema?.$ref) schema = doc.components.schemas[schema.$ref.split("/").pop()];
  const required = new Set(schema?.required ?? []);
  const rows = Object.entries(schema?.properties ?? {}).filter(([name]) => name !== "$schema").map(([name, s]) =>
    el("tr", null, el("td", null, name), el("td", null, [s.type].flat().filter(Boolean).join(", ") || s.$ref?.split("/").pop() || s.oneOf?.map((one) => one.type).join(" or ") || "any", required.has(name) ? ", needed" : ""),
      el("td", null, ...rich(s.description ?? ""))));
  return rows.length ? el("table", null, ...rows) : null;
}

function content(doc, title, media) {
  const [type, body] = Object.entries(media ?? {})[0] ?? [];
  if (!type) return [el("h4", null, title)];
  const example = typeof body.example === "string" ? body.example : JSON.stringify(body.example, null, 2);
  return [el("h4", null, `${title} · ${type}`), fields(doc, body.schema), example ? el("pre", null, example) : null];
}

function operation(doc, method, path, op) {
  const parameters = (op.parameters ?? []).map((p) => el("tr", null, el("td", null, p.name),
    el("td", null, `${p.in}, ${p.schema?.type ?? ""}`), el("td", null, ...rich(p.description ?? ""))));
  return el("article", { id: op.operationId },
    el("h3", null, el("span", { class: "method" }, method.toUpperCase()), path),
    el("p", null, `${op.summary}. `, ...rich(op.description ?? "")),
    el("pre", null, curl(method, path, op)),
    ...(parameters.length ? [el("h4", null, "Parameters"), el("table", null, ...parameters)] : []),
    ...(op.requestBody ? content(doc, "Body", op.requestBody.content) : []),
    ...Object.entries(op.responses).filter(([status]) => status !== "default")
      .flatMap(([status, response]) => content(doc, `${status} ${response.description}`, response.content)));
}

async function draw() {
  const doc = await (await fetch("/openapi.json")).json();
  document.getElementById("guide").append(...doc.info.description.split("\n\n").map((p) => el("p", null, ...rich(p))));
  const operations = Object.entries(doc.paths).flatMap(([path, item]) => Object.entries(item).map(([method, op]) => ({ path, method, op })));
  const place = document.getElementById("operations");
  place.replaceChildren();
  for (const { name } of doc.tags) {
    const mine = operations.filter(({ op }) => op.tags.includes(name));
    document.getElementById("contents").append(el("h2", null, name),
      ...mine.map(({ path, method, op }) => el("a", { href: `#${op.operationId}` }, `${method.toUpperCase()} ${path}`)));
    place.append(el("h2", null, name), ...mine.map(({ path, method, op }) => operation(doc, method, path, op)));
  }
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

draw().catch((error) => document.getElementById("operations").replaceChildren(el("p", null, `/openapi.json could not be read: ${error.message}`)));
