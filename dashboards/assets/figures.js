// What the live dashboard and the report share: the theme, and figures as files.
(function () {
  "use strict";

  const root = document.documentElement;

  function setTheme(name) {
    root.dataset.theme = name;
    try { localStorage.setItem("w2s-theme", name); } catch (error) { /* a page from disk */ }
  }

  function firstTheme() {
    let kept = null;
    try { kept = localStorage.getItem("w2s-theme"); } catch (error) { /* a page from disk */ }
    if (kept === "light" || kept === "dark") return kept;
    return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }

  root.dataset.theme = firstTheme();

  function save(url, name) {
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    document.body.appendChild(link);
    link.click();
    link.remove();
  }

  // Exactly what is on screen, zoom included, on white, with where it comes from below it.
  async function exportFigure(plot, format, name, stamp) {
    const size = plot.getBoundingClientRect();
    const layout = JSON.parse(JSON.stringify(plot.layout));
    const height = Math.round(size.height) + 28;
    layout.paper_bgcolor = layout.plot_bgcolor = "#ffffff";
    layout.margin = Object.assign({}, layout.margin, { b: ((layout.margin || {}).b || 8) + 28 });
    layout.annotations = (layout.annotations || []).concat([{
      text: stamp, xref: "paper", yref: "paper", x: 0, y: 0, xanchor: "left", yanchor: "bottom",
      yshift: -(plot._fullLayout._size.b + 22), showarrow: false, font: { size: 10, color: "#5b6473" },
    }]);
    const url = await window.Plotly.toImage(
      { data: plot.data, layout: layout },
      { format: format, width: Math.round(size.width), height: height, scale: format === "png" ? 2 : 1 });
    save(url, `${name}.${format}`);
  }

  // The block's figure; one that nobody has seen yet may still be waiting for its turn.
  async function drawn(block) {
    for (let tries = 0; tries < 100; tries += 1) {
      const plot = block.querySelector(".js-plotly-plot");
      if (plot && plot._fullLayout) return plot;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return null;
  }

  document.addEventListener("click", async function (event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.classList.contains("theme")) {
      setTheme(root.dataset.theme === "dark" ? "light" : "dark");
      return;
    }
    const format = button.dataset.figure;
    if (!format) return;
    const block = button.closest(".block");
    const plot = block && await drawn(block);
    if (!plot) return;
    // The stamp goes into a figure, where plotly would read tags.
    const stamp = (button.dataset.stamp || "").replace(/&/g, "&amp;").replace(/</g, "&lt;");
    exportFigure(plot, format, button.dataset.file || "figure", stamp);
  });

  window.w2sSave = save;
})();
