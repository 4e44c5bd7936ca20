// Small conveniences. Every page works without them; what needs this script stays hidden until it
// runs.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  const words = button.innerHTML;
  button.addEventListener("click", async () => {
    const source = document.querySelector(button.dataset.copy);
    await navigator.clipboard.writeText(source.href || source.textContent.trim());
    button.textContent = button.dataset.copied || "Copied";
    setTimeout(() => { button.innerHTML = words; }, 1500);
  });
}

for (const row of document.querySelectorAll("[data-ticks]")) {
  row.hidden = false;
  row.addEventListener("click", ({ target }) => {
    if (target.dataset.tick === undefined) return;
    for (const box of row.parentElement.querySelectorAll("input[type=checkbox]")) box.checked = Boolean(target.dataset.tick);
  });
}

// On a phone, the part of the navigation for this page may be out of sight.
const here = document.querySelector(".top nav [aria-current]");
if (here) here.parentElement.scrollLeft = here.offsetLeft - 40;

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

for (const box of document.querySelectorAll("[data-filter]")) {
  box.closest("[data-search]").hidden = false;
  const found = box.parentElement.querySelector("[data-found]");
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const items = [...document.querySelectorAll(box.dataset.filter)];
    let shown = 0;
    for (const item of items) {
      const text = item.dataset.scope.toLowerCase();
      item.hidden = !words.every((word) => text.includes(word));
      if (!item.hidden) shown += 1;
    }
    found.textContent = words.length ? (shown ? `${shown} of ${items.length}` : "Nothing fits") : "";
  });
  // Enter would submit the form and lose the search.
  box.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
}

// A page that waits for HubSpot's response notices when it arrives in another tab.
for (const part of document.querySelectorAll("[data-watch]")) {
  let polls = 0;
  const poll = async () => {
    polls += 1;
    const response = await fetch(part.dataset.watch, { cache: "no-store" }).catch(() => null);
    if (response && response.status === 404) return;
    if (response && response.ok && (await response.json()).status !== "waiting") return arrived();
    // Often at first, then rarely: a tab may stay open for days.
    if (polls < 400) setTimeout(poll, polls < 20 ? 3000 : 20000);
  };
  const arrived = () => {
    part.querySelector("[data-arrived]").hidden = false;
    const typed = [...document.querySelectorAll("textarea")].some((box) => box.value.trim());
    const link = part.querySelector("[data-arrived] a");
    if (link && !typed) location.replace(link.href);
  };
  setTimeout(poll, 1500);
}

// After going back from HubSpot, the browser may show an outdated first page from its cache.
addEventListener("pageshow", (event) => {
  if (event.persisted && document.querySelector("[data-fresh]")) location.reload();
});
