// What a reader sees is drawn first. Figures further up or down follow one by one, so that a choice
// shows its effect without waiting for what nobody looks at.
(function () {
  "use strict";

  function isSeen(plot) {
    const place = plot.getBoundingClientRect();
    return place.bottom > 0 && place.top < window.innerHeight;
  }

  // After the next picture is on the screen; a page in the background shows none.
  function painted() {
    return new Promise(function (resolve) {
      if (document.hidden) setTimeout(resolve);
      else requestAnimationFrame(() => setTimeout(resolve));
    });
  }

  let last = Promise.resolve();
  const newest = new WeakMap(); // plot -> what it was last asked to show

  function seenFirst(Plotly) {
    const react = Plotly.react;
    Plotly.react = function (plot, ...figure) {
      if (!(plot instanceof Element)) return react.call(Plotly, plot, ...figure);
      newest.set(plot, figure);
      if (isSeen(plot)) return react.call(Plotly, plot, ...figure);
      const turn = last.then(painted);
      last = turn;
      return turn.then(function () {
        const wanted = plot.isConnected && newest.get(plot) === figure;
        return wanted ? react.call(Plotly, plot, ...figure) : plot;
      });
    };
  }

  document.addEventListener("load", function (event) {
    const path = (event.target.src || "").split("?")[0];
    if (path.endsWith("/plotly.min.js") && window.Plotly) seenFirst(window.Plotly);
  }, true);
})();
