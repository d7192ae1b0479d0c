// What every page needs: its data, a theme that follows the system until a key or the button says otherwise,
// numbers in few digits, and tables.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const themed = [];  // called after every change of theme

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}
function css(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
// In few digits: "0.012", "1.5e-7"; "–" for what was not measured, "NaN" for what is no number.
function number(value, digits = 5) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return { nan: "NaN", inf: "∞", "-inf": "−∞" }[value] ?? value;
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4)
    return value.toExponential(Math.min(digits - 1, 3)).replace(/\.?0*e\+?/, "e");
  return String(Number(value.toPrecision(digits)));
}
// A whole number: "2,410".
function count(n) { return n === null || n === undefined ? "–" : Number(n).toLocaleString("en"); }

// A name that may be cut at its dots, strokes and slashes, and nowhere else.
function name_parts(text) {
  return text.split(/(?<=[._/])/).flatMap((part, i) => i === 0 ? [part] : [document.createElement("wbr"), part]);
}
function name_code(text) { return make("code", { class: "name" }, ...name_parts(text)); }

// The first cell of a row is its heading; what is absent is a dash. `numeric` columns stand to the right.
function table(head, rows, numeric = []) {
  const cell = (tag, value, i, more = {}) => make(tag, { ...more, class: numeric.includes(i) ? "number" : undefined },
    value instanceof Node ? value : value === "" || value === null || value === undefined ? "–" : String(value));
  return make("div", { class: "scroll" }, make("table", {},
    make("thead", {}, make("tr", {}, ...head.map((h, i) => cell("th", h, i, { scope: "col" })))),
    make("tbody", {}, ...rows.map(row => make("tr", {}, ...row.map((value, i) =>
      i === 0 ? cell("th", value, i, { scope: "row" }) : cell("td", value, i)))))));
}
// What scrolls can be reached by the keyboard.
function mark_scrollers() {
  for (const box of document.querySelectorAll(".scroll, pre, .legend")) {
    const scrolls = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
    scrolls ? box.setAttribute("tabindex", "0") : box.removeAttribute("tabindex");
  }
}
addEventListener("resize", mark_scrollers);
addEventListener("toggle", mark_scrollers, true);

function set_theme(name) {
  document.documentElement.dataset.theme = name;
  for (const f of themed) f();
}
function theme_button() {
  return make("button", { id: "theme", type: "button", "aria-label": "light or dark", title: "light or dark (key D)",
                          onclick: flip_theme }, "◐");
}
function flip_theme() { set_theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"); }
const prefers_dark = matchMedia("(prefers-color-scheme: dark)");
document.documentElement.dataset.theme = prefers_dark.matches ? "dark" : "light";
prefers_dark.addEventListener("change", e => set_theme(e.matches ? "dark" : "light"));
document.addEventListener("keydown", e => {
  if (e.key === "d" && !e.ctrlKey && !e.metaKey && !e.altKey) flip_theme();
});
