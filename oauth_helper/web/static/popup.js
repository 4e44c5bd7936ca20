// In a popup, tell the page that opened it which attempt begins and how it ends. See
// docs/embedding.md.
"use strict";

(() => {
  const { reference, outcome, origin, ask, tell } = document.currentScript.dataset;
  const opener = window.opener && !window.opener.closed ? window.opener : null;
  // Only to the origin that the profile registers; an opener of another origin receives nothing.
  const send = (message) => opener?.postMessage({ source: "oauth_helper", ...message }, origin);
  // This script loads before any button of its page, so that no click comes too early.
  document.addEventListener("submit", async (event) => {
    const start = event.target;
    if (!opener || !start.matches("[data-start]")) return;
    event.preventDefault();
    const address = `${start.action}?${new URLSearchParams(new FormData(start))}`;
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      const { reference, url } = await answer.json();
      send({ reference, outcome: "started", ask, tell });
      location.assign(url);
    } catch {
      start.submit();
    }
  });
  if (!outcome) return;
  send({ reference, outcome });
  if (opener && outcome === "connected") window.close();
  addEventListener("DOMContentLoaded", () => {
    const link = document.querySelector("[data-continue]");
    const close = document.querySelector("[data-close]");
    if (opener && close) {
      link.hidden = true;
      close.hidden = false;
      close.addEventListener("click", () => window.close());
    } else if (!opener && outcome === "connected") {
      // A page in between has severed the link to the opener; the return address passes it on.
      location.replace(link.href);
    }
  });
})();
