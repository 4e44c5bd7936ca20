// In a popup, at its end: tells the page that opened it how it ended. docs/embedding.md says more.
"use strict";

(() => {
  const { reference, outcome, origin } = document.currentScript.dataset;
  const way = document.querySelector("[data-continue]");
  const close = document.querySelector("[data-close]");
  if (window.opener && !window.opener.closed) {
    // To one origin, which the profile registers; whoever else has opened this hears nothing.
    window.opener.postMessage({ source: "oauth_helper", reference, outcome }, origin);
    if (outcome === "connected") window.close();
    if (close) {
      way.hidden = true;
      close.hidden = false;
      close.addEventListener("click", () => window.close());
    }
  } else if (outcome === "connected") {
    // A page on the way has cut the tie to the opener: a page of its own origin tells it.
    location.replace(way.href);
  }
})();
