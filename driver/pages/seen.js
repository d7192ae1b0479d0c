// What a model computes on an input, as pictures: maps side by side, states over time, attention by heads. The pictures are
// a pixel per number; the page makes them larger.
function pixel_picture(uri, alt, width, height) {
  return make("img", { src: uri, alt, class: "pixels", loading: "lazy",
                       style: width ? `width: ${width}px; height: ${height}px` : undefined });
}
function words_line(words, cell, down) {
  return make("div", { class: down ? "words down" : "words", "aria-hidden": "true",
      style: `${down ? "grid-auto-rows" : "grid-auto-columns"}: ${cell}px; font-size: ${Math.min(12, cell)}px` },
    ...words.map(word => make("span", {}, word)));
}
function value_pictures(value, words) {
  const { form, width, height, pictures } = value, many = pictures.length > 1;
  const alt = i => `${value.name}${many ? `, ${form === "attention" ? "head" : "map"} ${i}` : ""}: ${value.says}`;
  if (form === "maps" || form === "picture")
    return make("div", { class: many ? "maps" : "maps few" }, ...pictures.map((uri, i) => make("figure", {},
      pixel_picture(uri, alt(i)), many ? make("figcaption", {}, String(i)) : null)));
  if (form === "strip") return make("div", { class: "strip" }, ...pictures.map((uri, i) => pixel_picture(uri, alt(i))));
  const shown = value.words ? words.slice(0, width) : [];
  const cell = shown.length ? (width <= 24 ? 18 : 12) : Math.max(1, Math.min(12, Math.floor(640 / width)));
  if (form === "sequence") {
    const tall = Math.max(1, Math.min(12, Math.floor(200 / height)));
    return make("div", { class: "scroll" }, pixel_picture(pictures[0], alt(0), width * cell, height * tall),
      shown.length ? words_line(shown, cell, false) : null);
  }
  return make("div", { class: "heads" }, ...pictures.map((uri, i) => make("figure", {},
    make("div", { class: "scroll" }, make("div", { class: shown.length ? "pairs" : undefined },
      ...shown.length ? [make("span", {}), words_line(shown, cell, false), words_line(words.slice(0, height), cell, true)] : [],
      pixel_picture(uri, alt(i), width * cell, height * cell))),
    many ? make("figcaption", {}, `head ${i}`) : null)));
}
function value_content(value, words) {
  const zeros = value.zeros > 0 ? `, ${(100 * value.zeros).toFixed(1)} % zeros` : "";
  const note = value.note ? `; ${value.note}` : "";
  return [make("p", { class: "small faint" }, `${value.shape}, ${value.low === null ? "none of it finite" : `${number(value.low, 4)} to ${number(value.high, 4)}`}${zeros}: ${value.says}${note}.`),
          value.pictures.length ? value_pictures(value, words) : null].filter(Boolean);
}
