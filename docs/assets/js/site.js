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

  function tables() {
    document.querySelectorAll(".data-table table:not([data-done])").forEach(function (table) {
      table.dataset.done = "";
      new window.Tablesort(table);
      var rows = Array.from(table.tBodies[0].rows);
      var tools = document.createElement("div"), box = document.createElement("input"), count = document.createElement("span");
      tools.className = "table-tools";
      box.type = "search";
      box.placeholder = "Filter by any words";
      box.setAttribute("aria-label", "Filter the table");
      count.setAttribute("role", "status");
      function apply() {
        var words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
        var shown = rows.filter(function (row) {
          var text = row.textContent.toLowerCase();
          row.hidden = !words.every(function (word) { return text.includes(word); });
          return !row.hidden;
        }).length;
        count.textContent = shown + " of " + rows.length;
      }
      box.addEventListener("input", apply);
      tools.append(box, count);
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
