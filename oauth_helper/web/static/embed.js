// "Connect HubSpot" from a page of another origin, in a popup. docs/embedding.md tells how to use it.
// Without this script, or where popups are blocked, the same link leads the same way in the same tab.
"use strict";

(() => {
  if (window.oauthHelper) return; // included twice
  const HELPER = new URL(document.currentScript.src).origin;
  const EVENT = "connecthubspot";
  const NONCE = "connecthubspot"; // the parameter of the return address; it names a channel
  const POPUP = "popup,width=520,height=720";
  const REFERENCE = /^[2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4}$/;
  const LONGEST = 440; // return_to may have 500 characters, the nonce among them

  const isAnswer = (data) =>
    REFERENCE.test(data?.reference) && ["connected", "failed"].includes(data.outcome);

  const channelOf = (nonce) => new BroadcastChannel(`${EVENT} ${nonce}`);

  const newNonce = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
      byte.toString(16).padStart(2, "0")).join("");

  const here = () => {
    const { href, origin, pathname } = location;
    const address = href.split("#")[0];
    return address.length > LONGEST ? origin + pathname : address;
  };

  // Follows one popup to its end: events at `element`, and the first of them as a promise.
  const follow = (popup, nonce, element) => new Promise((resolve) => {
    const channel = channelOf(nonce);
    const over = new AbortController();
    let told = "";
    let seenClosed = 0;
    const tell = (outcome, reference = null) => {
      if (told === `${outcome} ${reference}`) return; // a reload of the popup tells it again
      told = `${outcome} ${reference}`;
      const detail = { reference, outcome };
      const place = element.isConnected ? element : document;
      place.dispatchEvent(new CustomEvent(EVENT, { bubbles: true, detail }));
      resolve(detail);
      if (outcome !== "connected") return; // an answer may still come: somebody starts again
      over.abort();
      channel.close();
    };
    const hear = ({ origin, source, data }) => {
      const isOurs = origin === HELPER && source === popup && data?.source === "oauth_helper";
      if (isOurs && isAnswer(data)) tell(data.outcome, data.reference);
    };
    window.addEventListener("message", hear, { signal: over.signal });
    channel.addEventListener("message", ({ data }) => {
      if (!isAnswer(data)) return;
      channel.postMessage("heard");
      tell(data.outcome, data.reference);
    });
    // A popup also reads as closed when a page in it has cut the tie to this one, and then it is in
    // front of the person still. Who has closed it is back here, and this page has the focus. The
    // listeners stay either way: an answer that comes after that is told too.
    const watch = setInterval(() => {
      seenClosed = popup.closed && document.hasFocus() ? seenClosed + 1 : 0;
      if (!told && seenClosed === 2) tell("closed");
      if (told) clearInterval(watch);
    }, 500);
  });

  // Has to be called in a click. Resolves to the first { reference, outcome } of the popup; all of
  // them are events at `element`.
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
      // At another origin nobody would hear the answer.
      if (back.origin === location.origin) popup = window.open(inPopup, "_blank", POPUP);
    } catch {
      // The return address is none: the page that the link leads to says so.
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

  // A popup without its opener ends at its return address, this page: it tells the one that waits.
  const address = new URL(location.href);
  const query = address.searchParams;
  const nonce = query.get(NONCE);
  if (nonce) {
    const answer = { reference: query.get("reference"), outcome: query.get("outcome") };
    for (const name of [NONCE, "reference", "outcome"]) query.delete(name);
    history.replaceState(history.state, "", address);
    if (isAnswer(answer)) {
      const channel = channelOf(nonce);
      // Only where somebody waits for this very nonce; else the page stays for the person.
      channel.addEventListener("message", () => window.close());
      channel.postMessage(answer);
    }
  }

  window.oauthHelper = Object.freeze({ connect });
})();
