// "Connect HubSpot" from a page of another origin, in a popup. docs/embedding.md explains its use.
// Without this script, or when popups are blocked, the same link works in the same tab.
"use strict";

(() => {
  if (window.oauthHelper) return; // included twice
  const HELPER = new URL(document.currentScript.src).origin;
  const EVENT = "connecthubspot";
  const NONCE = "connecthubspot"; // a parameter of the return address; its value names a channel
  const POPUP = "popup,width=520,height=720";
  const REFERENCE = /^[2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4}$/;
  const MAX_RETURN_TO = 440; // return_to may have 500 characters, including the nonce

  const isAnswer = (data) =>
    REFERENCE.test(data?.reference) && ["connected", "failed"].includes(data.outcome);

  const channelOf = (nonce) => new BroadcastChannel(`${EVENT} ${nonce}`);

  const newNonce = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
      byte.toString(16).padStart(2, "0")).join("");

  const here = () => {
    const { href, origin, pathname } = location;
    const address = href.split("#")[0];
    return address.length > MAX_RETURN_TO ? origin + pathname : address;
  };

  // HubSpot shows errors on its own page and tells nobody; only the customer can. The page may offer
  // this in its own way: after preventDefault() on the event nothing is shown.
  const offerReport = (url, { ask, tell }) => {
    const box = document.createElement("div");
    const link = document.createElement("a");
    const close = document.createElement("button");
    box.setAttribute("role", "status");
    Object.assign(box.style, {
      position: "fixed", right: "16px", bottom: "16px", zIndex: 2147483647, maxWidth: "300px",
      padding: "14px 16px", border: "1px solid #878e9c", borderRadius: "10px", color: "#1b1f27",
      background: "#fff", font: "15px/1.5 system-ui, sans-serif",
    });
    Object.assign(link, { href: url, target: "_blank", textContent: tell });
    Object.assign(link.style, { color: "#3451d1", fontWeight: 600 });
    Object.assign(close, { type: "button", textContent: "×", ariaLabel: "×" });
    Object.assign(close.style, {
      float: "right", border: 0, background: "none", color: "inherit", font: "20px/1 sans-serif",
      padding: "0 0 0 12px", cursor: "pointer",
    });
    close.addEventListener("click", () => box.remove());
    link.addEventListener("click", () => box.remove());
    box.append(close, ask, document.createElement("br"), link);
    document.body.append(box);
  };

  // Follow one popup to its end: dispatch events at `element`, and return the first as a promise.
  const follow = (popup, nonce, element) => new Promise((resolve) => {
    const channel = channelOf(nonce);
    const over = new AbortController();
    let dispatched = "";
    let seenClosed = 0;
    let started = null; // the attempt that HubSpot was asked for, and the words to ask about it
    const dispatch = (outcome, reference = null) => {
      if (dispatched === `${outcome} ${reference}`) return; // the popup was reloaded
      dispatched = `${outcome} ${reference}`;
      const detail = { reference, outcome };
      if (outcome === "closed" && started) {
        detail.reference = started.reference;
        detail.report_url = `${HELPER}/attempts/${started.reference}#report`;
      }
      const place = element.isConnected ? element : document;
      const event = new CustomEvent(EVENT, { bubbles: true, cancelable: true, detail });
      if (place.dispatchEvent(event) && detail.report_url) offerReport(detail.report_url, started);
      resolve(detail);
      if (outcome !== "connected") return; // the customer may start again in the popup
      over.abort();
      channel.close();
    };
    const receive = ({ origin, source, data }) => {
      const isOurs = origin === HELPER && source === popup && data?.source === "oauth_helper";
      if (isOurs && data.outcome === "started" && REFERENCE.test(data.reference)) started = data;
      if (isOurs && isAnswer(data)) dispatch(data.outcome, data.reference);
    };
    window.addEventListener("message", receive, { signal: over.signal });
    channel.addEventListener("message", ({ data }) => {
      if (!isAnswer(data)) return;
      channel.postMessage("heard");
      dispatch(data.outcome, data.reference);
    });
    // `popup.closed` is also true when a page in the popup has severed the link to this page
    // (Cross-Origin-Opener-Policy). Then the customer is still in the popup; only after closing it
    // does this page have the focus. The listeners stay, so a later answer still arrives.
    const watch = setInterval(() => {
      seenClosed = popup.closed && document.hasFocus() ? seenClosed + 1 : 0;
      if (!dispatched && seenClosed === 2) dispatch("closed");
      if (dispatched) clearInterval(watch);
    }, 500);
  });

  // Call it in a click handler, otherwise browsers block the popup. Resolves to the popup's first
  // { reference, outcome }; each one is also an event at `element`.
  const connect = async (address, element = document) => {
    const url = new URL(address, document.baseURI);
    if (url.origin !== HELPER) throw new TypeError(`${url.origin} is not ${HELPER}`);
    if (!url.searchParams.get("return_to")) url.searchParams.set("return_to", here());
    const inPopup = new URL(url);
    const nonce = newNonce();
    let popup = null;
    try {
      const back = new URL(url.searchParams.get("return_to"));
      back.searchParams.set(NONCE, nonce);
      inPopup.searchParams.set("return_to", back.href);
      inPopup.searchParams.set("display", "popup");
      // At another origin no page would receive the answer.
      if (back.origin === location.origin) popup = window.open(inPopup, "_blank", POPUP);
    } catch {
      // The return address is invalid; the page behind the link explains it.
    }
    if (popup) return follow(popup, nonce, element);
    location.assign(url);
    return new Promise(() => {}); // this page is left
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-connect-hubspot]");
    const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || !isPlain || event.button || event.defaultPrevented) return;
    if (new URL(link.href).origin !== HELPER) return;
    event.preventDefault();
    if (event.detail < 2) connect(link.href, link); // the second half of a double click
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-connect-hubspot]") || event.defaultPrevented) return;
    const url = new URL(form.getAttribute("action") ?? "", document.baseURI);
    if (url.origin !== HELPER || form.getAttribute("method")?.toLowerCase() === "post") return;
    event.preventDefault();
    url.search = new URLSearchParams(new FormData(form, event.submitter));
    connect(url, form);
  });

  // A popup without its opener ends at its return address, which loads this script: pass the answer
  // on to the page that waits.
  const address = new URL(location.href);
  const query = address.searchParams;
  const nonce = query.get(NONCE);
  if (nonce) {
    const answer = { reference: query.get("reference"), outcome: query.get("outcome") };
    for (const name of [NONCE, "reference", "outcome"]) query.delete(name);
    history.replaceState(history.state, "", address);
    if (isAnswer(answer)) {
      const channel = channelOf(nonce);
      // Close only if a page waits for this nonce. Otherwise the customer goes on in this window.
      channel.addEventListener("message", () => window.close());
      channel.postMessage(answer);
    }
  }

  window.oauthHelper = Object.freeze({ connect });
})();
