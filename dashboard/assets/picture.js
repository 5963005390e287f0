// Pictures of items: their own, or one drawn from their name.

import { h } from "./dom.js";

const safe = /^(data:image\/|https:\/\/|\/(?!\/))/;

/** picture shows an item's attribute image, or its initials on a colour that is always the same. */
export function picture(item) {
  const image = item.attributes?.image;
  const box = h("span", { class: "picture", "aria-hidden": "true" });
  const name = item.title || item.id;
  const drawn = () => {
    const letters = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean).slice(0, 2).map((w) => w[0].toUpperCase()).join("");
    box.classList.add("drawn");
    box.style.setProperty("--hue", [...name].reduce((sum, c) => (sum * 31 + c.codePointAt(0)) % 360, 7));
    box.replaceChildren(letters || "·");
  };
  if (typeof image === "string" && safe.test(image)) box.append(h("img", { class: image.startsWith("data:image/svg") && "vector", src: image, alt: "", loading: "lazy", onerror: drawn }));
  else drawn();
  return box;
}
