// At the end of a popup, send the outcome to the page that opened it. See docs/embedding.md.
"use strict";

(() => {
  const { reference, outcome, origin } = document.currentScript.dataset;
  const link = document.querySelector("[data-continue]");
  const close = document.querySelector("[data-close]");
  if (window.opener && !window.opener.closed) {
    // Only to the origin that the profile registers; an opener of another origin receives nothing.
    window.opener.postMessage({ source: "oauth_helper", reference, outcome }, origin);
    if (outcome === "connected") window.close();
    if (close) {
      link.hidden = true;
      close.hidden = false;
      close.addEventListener("click", () => window.close());
    }
  } else if (outcome === "connected") {
    // A page in between has severed the link to the opener; the return address passes it on.
    location.replace(link.href);
  }
})();
