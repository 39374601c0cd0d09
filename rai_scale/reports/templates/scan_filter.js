// Filters and sorts the evidence of a scan. It loads nothing and stores nothing.
"use strict";
const bar = document.getElementById("filter");
const sections = [...document.querySelectorAll("section[data-table]")];
const place = sections.map((section) => section.nextSibling);
const value = (name) => bar.elements[name].value;
const words = (element, name) => (element.dataset[name] || "").split(" ");
const number = (element, name) => Number(element.dataset[name] || 0);

function shown(section, column) {
  const text = value("text").trim().toLowerCase();
  const hay = `${section.dataset.table} ${column.dataset.text}`.toLowerCase();
  return (!text || hay.includes(text)) &&
    (!value("class") || words(column, "classes").includes(value("class"))) &&
    (!value("verdict") || words(column, "verdicts").includes(value("verdict"))) &&
    (!value("review") || words(column, "review").includes(value("review")));
}

function filter() {
  let columns = 0, all = 0, tables = 0;
  for (const section of sections) {
    let some = false;
    for (const column of section.querySelectorAll("tbody[data-text]")) {
      column.hidden = !shown(section, column);
      all += 1;
      if (!column.hidden) { columns += 1; some = true; }
    }
    section.hidden = !some && active();
    tables += some ? 1 : 0;
  }
  document.getElementById("filter-count").textContent =
    `${columns} of ${all} columns with findings, in ${tables} of ${sections.length} tables`;
}

function active() {
  return ["text", "class", "verdict", "review"].some((name) => value(name));
}

function sort() {
  const by = value("sort");
  const order = [...sections].sort((a, b) =>
    by === "table" ? a.dataset.table.localeCompare(b.dataset.table)
      : by === "given" ? sections.indexOf(a) - sections.indexOf(b)
        : number(b, by) - number(a, by) || sections.indexOf(a) - sections.indexOf(b));
  order.forEach((section) => place.parent.insertBefore(section, place.end));
}

if (sections.length) {
  place.parent = sections[0].parentNode;
  place.end = place[place.length - 1];
  bar.hidden = false;
  bar.addEventListener("submit", (event) => event.preventDefault());
  bar.addEventListener("input", () => { sort(); filter(); });
  bar.addEventListener("reset", () => setTimeout(() => { sort(); filter(); }));
  filter();
}
