// The support desk: news without a reload, and keys. The pages work without this script.
"use strict";

// ---- news

const title = document.title;
let unseen = 0;

const countInTitle = () => {
  document.title = unseen ? `(${unseen}) ${title}` : title;
};
// New failures count as seen once the user looks at the page or uses it.
const seen = () => {
  if (document.hidden || !unseen) return;
  unseen = 0;
  countInTitle();
};
for (const what of ["visibilitychange", "pointerdown", "keydown", "scroll"]) {
  document.addEventListener(what, seen, { passive: true });
}

// Listens to the server's events after `place`. A browser gives up when the server refuses: for good
// if the session has ended, otherwise while the server or its store is down.
const listen = (address, hear) => {
  const url = new URL(address, location.href);
  const source = new EventSource(url);
  for (const [name, tell] of Object.entries(hear)) {
    source.addEventListener(name, (event) => {
      if (event.lastEventId) url.searchParams.set("place", event.lastEventId);
      tell(JSON.parse(event.data), source);
    });
  }
  source.addEventListener("error", async () => {
    if (source.readyState !== EventSource.CLOSED) return;
    const answer = await fetch(url, { cache: "no-store" }).catch(() => null);
    if (answer && answer.status === 401) document.querySelector("[data-signed-out]").hidden = false;
    else setTimeout(() => listen(url, hear), 10000);
  });
};

// More rows than this make the page slow; older failures are still behind "Older".
const MOST_ROWS = 2000;

for (const part of document.querySelectorAll("[data-live]")) {
  if (!window.EventSource) break;
  const rows = document.querySelector("[data-rows]");
  const state = part.querySelector("[data-live-state]");
  const spoken = document.querySelector("[data-spoken]");
  let fresh = 0;
  let news = 0;
  let unspoken = 0;
  let lastWord = Date.now();
  const say = (text, isLive) => {
    if (state.textContent !== text) state.textContent = text;
    part.classList.toggle("on", isLive);
  };

  const place = (row) => {
    const at = Number(row.dataset.at);
    for (const other of rows.children) {
      const after = Number(other.dataset.at);
      if (after < at || (after === at && other.dataset.reference < row.dataset.reference)) {
        return rows.insertBefore(row, other);
      }
    }
    return rows.append(row);
  };

  const controls = (row) => [...row.querySelectorAll("a, input")];

  const show = (news) => {
    const before = document.getElementById(`row-${news.reference}`);
    if (news.gone && !before) return;
    const template = document.createElement("template");
    template.innerHTML = `<table><tbody>${news.row}</tbody></table>`;
    const [day, row] = template.content.querySelectorAll("tr");
    if (before) {
      const box = row.querySelector("input");
      const ticked = before.querySelector("input");
      if (ticked && ticked.checked && !news.gone) box.checked = true;
      const focused = controls(before).indexOf(document.activeElement);
      before.replaceWith(row);
      if (focused >= 0) (controls(row)[focused] || row.querySelector("a")).focus({ preventScroll: true });
      return;
    }
    // Older failures that changed belong on a later page.
    const last = rows.lastElementChild;
    if (last && part.dataset.perPage >= 50 && Number(row.dataset.at) < Number(last.dataset.at)) return;
    if (!document.getElementById(day.id)) place(day);
    place(row);
    fresh += 1;
    unseen += 1;
    while (rows.children.length > MOST_ROWS) rows.lastElementChild.remove();
  };

  const hereNow = (here) => {
    lastWord = Date.now();
    for (const [name, count] of Object.entries(here.counts || {})) {
      const part = document.querySelector(`[data-count-of="${name}"]`);
      if (part) part.textContent = count;
    }
    if (fresh) {
      document.querySelector(".rows").hidden = false;
      const empty = document.querySelector("[data-empty]");
      if (empty) empty.remove();
      countInTitle();
    }
    news += fresh;
    unspoken += fresh;
    fresh = 0;
    if (part.dataset.gap) say("More has happened than can be shown.", false);
    else say(news ? `Live, ${news} new` : "Live", true);
  };

  listen(part.dataset.live, {
    failure: show,
    gap: () => { part.dataset.gap = "yes"; },
    here: hereNow,
  });
  setInterval(() => {
    if (Date.now() - lastWord > 15000) say("Not live.", false);
    // Read aloud now and then, not for every row.
    if (unspoken) spoken.textContent = unspoken === 1 ? "One new failure." : `${unspoken} new failures.`;
    unspoken = 0;
  }, 10000);
}

// A single failure: announces a change by another user, and shows it when this one wants to.
for (const part of document.querySelectorAll("[data-watch-record]")) {
  if (!window.EventSource) break;
  const show = (news, source) => {
    if (news.reference !== part.dataset.reference || news.revision <= Number(part.dataset.revision)) return;
    part.hidden = false;
    unseen += 1;
    countInTitle();
    source.close();
  };
  // This event only brings the place.
  listen(part.dataset.watchRecord, { failure: show, here: () => {} });
}

// ---- keys

const keysAreOn = () => localStorage.getItem("keys") !== "off";
const dialog = document.querySelector("#keys");
const links = () => [...document.querySelectorAll("[data-rows] .title a")];
const stored = (name) => {
  try { return JSON.parse(sessionStorage.getItem(name)); } catch { return null; }
};
const store = (name, value) => sessionStorage.setItem(name, JSON.stringify(value));

// From a failure to the next one of the list that led here.
const neighbour = (step) => {
  const list = stored("list");
  const now = list ? list.references.indexOf(record.dataset.reference) : -1;
  const next = now < 0 ? undefined : list.references[now + step];
  if (next) location.href = location.pathname.replace(/[^/]+$/, next);
};

const move = (step) => {
  if (record) return neighbour(step);
  const all = links();
  const now = all.findIndex((link) => link.closest("tr").contains(document.activeElement));
  const next = all[Math.min(Math.max(now + step, 0), all.length - 1)];
  if (next) next.focus();
};

const record = document.querySelector("[data-watch-record]");
const list = document.querySelector("table.failures");
if (list) {
  const asked = stored("back");
  const kept = stored("list");
  // Only on the way back, so that a newly opened page starts at its top.
  if (asked && kept && kept.address === location.href) {
    const row = document.getElementById(`row-${asked}`);
    if (row) row.querySelector("a").focus();
  }
  sessionStorage.removeItem("back");
  addEventListener("pagehide", () => {
    const references = [...list.querySelectorAll("[data-reference]")].map((row) => row.dataset.reference);
    store("list", { address: location.href, references });
  });
}
const back = document.querySelector("[data-back]");
if (record && back) {
  const kept = stored("list");
  if (kept) back.href = kept.address;
  back.addEventListener("click", () => store("back", record.dataset.reference));
}

// The row that is focused takes part in an action as if it were ticked.
const press = (selector) => {
  const button = [...document.querySelectorAll(selector)].find((each) => each.offsetParent);
  if (!button) return;
  if (many && !ticked().length) tickFocused();
  if (!many || ticked().length) button.click();
};
const tickFocused = () => {
  const row = document.activeElement.closest("tr");
  const box = row && row.querySelector("input[type=checkbox]");
  if (box) box.click();
};

const actions = {
  j: () => move(1),
  k: () => move(-1),
  x: tickFocused,
  a: () => press("[data-key=a], [name=do][value=take]"),
  e: () => press("[data-key=e], [name=do][value=resolve]"),
  c: () => press("[data-copy^='#answer']"),
  n: () => {
    const text = document.querySelector("#text");
    if (text) { text.focus(); text.scrollIntoView({ block: "center" }); } else press("[value=comment]");
  },
  "/": () => {
    const box = document.querySelector("#q");
    if (box) { box.focus(); box.select(); } else location.href = "/support/failures";
  },
  u: () => {
    const back = document.querySelector("[data-back]");
    if (back) back.click();
  },
  "?": () => dialog.showModal(),
};
// Leaves a field or a panel, otherwise clears the selection.
const escape = ({ target }) => {
  const panel = document.querySelector(".drop[open]");
  if (panel) { panel.open = false; panel.firstElementChild.focus(); } else if (target.closest(fields)) target.blur();
  else if (many) many.reset();
};

const fields = "input:not([type=checkbox]), textarea, select, [contenteditable]";
if (dialog) {
  const box = dialog.querySelector("[data-keys-on]");
  box.checked = keysAreOn();
  box.addEventListener("change", () => localStorage.setItem("keys", box.checked ? "on" : "off"));
  for (const button of document.querySelectorAll("[data-keys]")) {
    button.hidden = false;
    button.addEventListener("click", () => dialog.showModal());
  }
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") return escape(event);
    if (event.ctrlKey || event.metaKey || event.altKey || !keysAreOn() || event.target.closest(fields)) return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

// ---- one failure

// What an action says stays in sight for a while, then takes its place at the top of the page.
if (record) {
  const kept = stored("place");
  sessionStorage.removeItem("place");
  if (kept !== null) scrollTo(0, kept);
  for (const form of document.querySelectorAll("[data-stay]")) {
    form.addEventListener("submit", () => store("place", scrollY));
  }
  for (const notice of document.querySelectorAll("[data-flash]")) {
    notice.classList.add("toast");
    notice.tabIndex = -1;
    notice.focus({ preventScroll: true });
    setTimeout(() => notice.classList.remove("toast"), 10000);
  }
}
for (const select of document.querySelectorAll("[data-submits]")) {
  select.form.querySelector("button").hidden = true;
  select.addEventListener("change", () => select.form.requestSubmit());
}

// ---- search

// Completes the last word of the search with fields, and with the values that the filters offer.
const search = document.querySelector("#q");
const known = document.querySelector("#search-terms");
if (known) {
  const values = (select) => [...select.options].map(({ value }) => value).filter(Boolean);
  const terms = values(known);
  for (const part of document.querySelectorAll("select[form=find], #scopes")) {
    const name = part.name || "scope";
    if (name !== "within") terms.push(...values(part).map((value) => `${name}:${/\s/.test(value) ? `"${value}"` : value}`));
  }
  search.addEventListener("input", () => {
    const [, before, word] = search.value.match(/^((?:.*\s)?-?)(\S*)$/s);
    const fitting = word ? terms.filter((term) => term.startsWith(word) && term !== word) : terms.slice(0, 14);
    known.replaceChildren(...fitting.slice(0, 20).map((term) => new Option("", `${before}${term}`)));
  });
}

// ---- slow networks

// Shows that something is happening after a button was pressed.
addEventListener("beforeunload", () => {
  setTimeout(() => document.body.classList.add("loading"), 300);
});
addEventListener("pageshow", () => document.body.classList.remove("loading"));

// ---- selection

const many = document.querySelector("#many");
const boxes = () => [...document.querySelectorAll("[data-rows] input[name=reference]:enabled")];
const ticked = () => boxes().filter((box) => box.checked);
if (many) {
  const onPage = many.querySelector("[data-tick-all] input");
  const everything = many.querySelector("[name=all]");
  const chosen = many.querySelector("[data-chosen]");
  const comment = many.querySelector("dialog");
  const text = comment.querySelector("textarea");
  const count = () => {
    const number = ticked().length;
    many.dataset.count = number;
    onPage.checked = number > 0 && number === boxes().length;
    onPage.indeterminate = number > 0 && !onPage.checked;
    if (everything && !onPage.checked) everything.checked = false;
    chosen.innerHTML = everything && everything.checked ? "All<span> selected</span>" : number ? `${number}<span> selected</span>` : "Select all";
    const spoken = document.querySelector("[data-spoken]");
    if (spoken) spoken.textContent = number ? chosen.textContent : "";
  };
  onPage.closest("label").hidden = false;
  onPage.addEventListener("change", () => {
    for (const box of boxes()) box.checked = onPage.checked;
    count();
  });
  document.addEventListener("change", (event) => {
    if (event.target === everything && everything.checked) for (const box of boxes()) box.checked = true;
    if (event.target === everything || event.target.matches("[data-rows] input[name=reference]")) count();
  });
  many.addEventListener("reset", () => setTimeout(count));
  comment.querySelector("[data-close]").addEventListener("click", () => comment.close());
  many.addEventListener("submit", (event) => {
    // Only what is in the open dialog is sent.
    text.disabled = !comment.open;
    if (event.submitter.value !== "comment") return;
    event.preventDefault();
    text.disabled = false;
    comment.showModal();
    text.focus();
  });
  // The browser may have kept ticks when it came back to this page.
  count();
}
