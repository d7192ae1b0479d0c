// What a trained model computes on one input: a section for each value.
document.getElementById("title").textContent = data.title;
document.getElementById("about").textContent = data.about;
document.getElementById("main").append(...data.values.map(value => make("section", {}, make("h2", {}, name_code(value.name)), ...value_content(value, data.words))));
document.querySelector("header").append(theme_button());
mark_scrollers();
