/* Formulas, the sortable and filterable tables, and the accessible names that the theme leaves out. */
(function () {
  "use strict";

  function formulas() {
    document.querySelectorAll(".arithmatex:not([data-done])").forEach(function (el) {
      var source = el.textContent.trim();
      window.katex.render(source.replace(/^\\[([]/, "").replace(/\\[)\]]$/, ""), el, {
        displayMode: source.startsWith("\\["), throwOnError: false
      });
      el.dataset.done = "";
    });
  }

  var number = /^[-+−]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
  function value(text) { return parseFloat(text.trim().replace("−", "-")); }
  window.Tablesort.extend("number",
    function (text) { return number.test(text.trim()); },
    function (a, b) { return (isNaN(value(b)) ? -Infinity : value(b)) - (isNaN(value(a)) ? -Infinity : value(a)); });

  /* What a row says of itself without showing it: {"Unit": ["m"], "System": [...]}; each name becomes a choice. */
  function facetsOf(row) {
    var said = row.querySelector("[data-facets]");
    return said ? JSON.parse(said.dataset.facets) : {};
  }

  function choice(name, rows) {
    var pair = document.createElement("span"), label = document.createElement("label"), select = document.createElement("select");
    var values = new Set();
    pair.className = "choice";
    select.id = "choice-" + document.querySelectorAll(".data-table table[data-done]").length + "-" + name.toLowerCase();
    label.htmlFor = select.id;
    label.textContent = name;
    rows.forEach(function (row) { (row.facets[name] || []).forEach(function (value) { values.add(value); }); });
    select.add(new Option("any", ""));
    values.forEach(function (value) { select.add(new Option(value, value)); });
    pair.append(label, select);
    return { name: name, pair: pair, select: select };
  }

  function tables() {
    document.querySelectorAll(".data-table table:not([data-done])").forEach(function (table) {
      table.dataset.done = "";
      new window.Tablesort(table);
      var rows = Array.from(table.tBodies[0].rows, function (row) {
        var facets = facetsOf(row);
        return { row: row, facets: facets, text: (row.textContent + " " + Object.values(facets).flat().join(" ")).toLowerCase() };
      });
      var tools = document.createElement("div"), box = document.createElement("input"), count = document.createElement("span");
      tools.className = "table-tools";
      box.type = "search";
      box.placeholder = "Filter by any words";
      box.setAttribute("aria-label", "Filter the table");
      count.setAttribute("role", "status");
      var choices = Object.keys(rows.length ? rows[0].facets : {}).map(function (name) { return choice(name, rows); });
      function apply() {
        var words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
        var shown = rows.filter(function (item) {
          item.row.hidden = !words.every(function (word) { return item.text.includes(word); }) ||
            !choices.every(function (c) { return !c.select.value || (item.facets[c.name] || []).includes(c.select.value); });
          return !item.row.hidden;
        }).length;
        count.textContent = shown + " of " + rows.length;
      }
      box.addEventListener("input", apply);
      choices.forEach(function (c) { c.select.addEventListener("change", apply); });
      tools.append(box);
      choices.forEach(function (c) { tools.append(c.pair); });
      tools.append(count);
      (table.closest(".md-typeset__scrollwrap") || table).before(tools);
      apply();
    });
  }

  function names() {
    var search = document.querySelector("[data-md-component=search]");
    if (search) search.setAttribute("aria-label", "Search");
    document.querySelectorAll("input.md-toggle").forEach(function (box) { box.setAttribute("aria-label", box.dataset.mdToggle); });
    document.querySelectorAll(".md-code__nav").forEach(function (nav, i) { nav.setAttribute("aria-label", "Code block " + (i + 1)); });
    document.querySelectorAll(".md-typeset__scrollwrap").forEach(function (wrap) {
      wrap.tabIndex = 0;                                  /* reached by the keyboard, since it scrolls */
      wrap.setAttribute("role", "region");
      wrap.setAttribute("aria-label", "Table");
    });
  }

  function all() { formulas(); tables(); names(); }
  names();
  if (window.document$) window.document$.subscribe(all); else document.addEventListener("DOMContentLoaded", all);
})();
