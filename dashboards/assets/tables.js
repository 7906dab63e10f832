// A table comes as one text: as components, each of its cells would cost the browser as much as a
// figure's axis. What it holds becomes text nodes, never HTML.
(function () {
  "use strict";

  function cellOf(kind, value) {
    const cell = document.createElement(kind.tag);
    if (kind.name) cell.className = kind.name;
    if (value !== null && typeof value === "object") {
      const link = document.createElement("a");
      link.href = value.to;
      link.textContent = value.text;
      cell.append(link);
    } else {
      cell.textContent = value;
    }
    return cell;
  }

  function rowOf(values, kinds, tag) {
    const row = document.createElement("tr");
    row.append(...values.map((value, place) => cellOf({ tag: tag, name: kinds[place] }, value)));
    return row;
  }

  function fill(place) {
    const told = JSON.parse(place.dataset.table);
    const table = document.createElement("table");
    const head = rowOf(told.columns, told.kinds, "th");
    for (const cell of head.children) cell.scope = "col";
    table.createTHead().append(head);
    table.createTBody().append(...told.rows.map((values) => rowOf(values, told.kinds, "td")));
    place.replaceChildren(table);
  }

  new MutationObserver(function (changes) {
    const places = new Set();
    for (const change of changes) {
      if (change.type === "attributes") places.add(change.target);
      for (const added of change.addedNodes) {
        if (!(added instanceof Element)) continue;
        if (added.matches("[data-table]")) places.add(added);
        for (const place of added.querySelectorAll("[data-table]")) places.add(place);
      }
    }
    for (const place of places) {
      if (place.closest("details:not([open])")) place.replaceChildren();
      else fill(place);
    }
  }).observe(document, { childList: true, subtree: true, attributeFilter: ["data-table"] });

  // What is folded away is filled when somebody unfolds it: most tables nobody looks at.
  function unfold(details) {
    for (const place of details.querySelectorAll("[data-table]:empty")) fill(place);
  }

  document.addEventListener("click", function (event) {
    const summary = event.target.closest("summary");
    if (summary) unfold(summary.parentElement);
  }, true);
  document.addEventListener("toggle", function (event) {
    if (event.target.open) unfold(event.target);
  }, true);

  // A link to another state of the page is followed without loading the page anew.
  document.addEventListener("click", function (event) {
    const link = event.target.closest("[data-table] a");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.pushState({}, "", link.href);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    window.scrollTo(0, 0);
  });
})();
