// Draws the report's figures. The library and the data lie in this file, compressed.
(function () {
  "use strict";

  async function unpack(id) {
    const text = document.getElementById(id).textContent.trim();
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  function runLibrary(code) {
    const script = document.createElement("script");
    script.textContent = code;
    document.head.appendChild(script);
  }

  function draw(plot, figure) {
    const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["toImage", "lasso2d", "select2d"] };
    window.Plotly.newPlot(plot, figure.data, figure.layout, config);
  }

  async function start() {
    if (typeof DecompressionStream === "undefined") {
      document.body.classList.add("old");
      return;
    }
    const data = JSON.parse(await unpack("w2s-data"));
    document.addEventListener("click", function (event) {
      const button = event.target.closest("button[data-table]");
      if (!button) return;
      const block = button.closest(".block");
      const file = new Blob([data[block.id].csv], { type: "text/csv" });
      window.w2sSave(URL.createObjectURL(file), `${button.dataset.file}.csv`);
    });
    runLibrary(await unpack("w2s-plotly"));
    // A figure is drawn when it comes near the screen: a long report opens at once.
    const seen = new IntersectionObserver(function (entries) {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        seen.unobserve(entry.target);
        draw(entry.target, data[entry.target.closest(".block").id].figure);
      }
    }, { rootMargin: "600px" });
    document.querySelectorAll(".plot").forEach((plot) => seen.observe(plot));
    addEventListener("beforeprint", function () {
      document.querySelectorAll(".plot:not(.js-plotly-plot)").forEach(function (plot) {
        draw(plot, data[plot.closest(".block").id].figure);
      });
    });
  }

  start();
})();
