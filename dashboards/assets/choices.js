// Dash makes figures anew when a page is refreshed. A reader's zoom outlives that, as long as the
// figure says (by its uirevision) that it shows the same.
const zooms = new Map();

function keepZoom(plot) {
  const name = plot.parentElement && plot.parentElement.id;
  if (!name || plot.dataset.keepsZoom || !plot.on || !plot.layout) return;
  plot.dataset.keepsZoom = "yes";
  const revision = plot.layout.uirevision;
  const kept = zooms.get(name);
  const ranges = kept && kept.revision === revision ? kept.ranges : {};
  zooms.set(name, { revision: revision, ranges: ranges });
  plot.on("plotly_relayout", function (changed) {
    for (const [key, value] of Object.entries(changed)) {
      const axis = key.split(".")[0];
      if (key.endsWith(".autorange")) {
        for (const old of Object.keys(ranges)) if (old.startsWith(`${axis}.`)) delete ranges[old];
      } else if (key.includes(".range")) {
        ranges[key] = value;
      }
    }
  });
  if (Object.keys(ranges).length) window.Plotly.relayout(plot, Object.assign({}, ranges));
}

// So does what a reader has unfolded.
const unfolded = new Map();

document.addEventListener("toggle", function (event) {
  const block = event.target.closest(".block");
  if (block) unfolded.set(block.id, event.target.open);
}, true);

function keepUnfolded(details) {
  const block = details.closest(".block");
  details.dataset.seen = "yes";
  if (unfolded.has(block.id)) details.open = unfolded.get(block.id);
}

new MutationObserver(function () {
  document.querySelectorAll(".dash-graph .js-plotly-plot").forEach(keepZoom);
  document.querySelectorAll(".block details:not([data-seen])").forEach(keepUnfolded);
}).observe(document, { childList: true, subtree: true });

// Dash names its dropdowns by their values only: a screen reader should hear what they choose.
new MutationObserver(function () {
  for (const label of document.querySelectorAll(".controls label[id]")) {
    const button = label.parentElement.querySelector("button.dash-dropdown");
    const names = button ? (button.getAttribute("aria-labelledby") || "").split(" ") : [label.id];
    if (!names.includes(label.id)) {
      button.setAttribute("aria-labelledby", [label.id, ...names].join(" ").trim());
    }
  }
}).observe(document, { childList: true, subtree: true });

// The choices of a page and the address: every state of the page is a link.
window.dash_clientside = Object.assign({}, window.dash_clientside, {
  w2s: {
    address: function (values, ids, search) {
      const before = new URLSearchParams(search || "");
      const names = ids.map((id) => id.control);
      const after = new URLSearchParams();
      for (const [key, value] of before) if (!names.includes(key)) after.append(key, value);
      const first = before.getAll("sweep").join("\n");
      names.forEach(function (name, index) {
        const value = values[index];
        for (const one of Array.isArray(value) ? value : value == null ? [] : [value]) {
          after.append(name, one);
        }
      });
      if (first && after.getAll("sweep").join("\n") !== first) after.delete("cell");
      const sorted = (params) => [...params].map((pair) => pair.join("=")).sort().join("&");
      if (sorted(before) === sorted(after)) return window.dash_clientside.no_update;
      return `?${after.toString()}`;
    },
    paused: function (value) {
      return !(value || []).includes("live");
    },
  },
});
