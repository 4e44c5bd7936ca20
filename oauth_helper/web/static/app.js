// Small conveniences. Every page works without them; what needs this script is hidden until it runs.
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
  // Enter would send the form and lose the search.
  box.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
}

// A page that waits for HubSpot's answer notices it when it arrives in another tab.
for (const part of document.querySelectorAll("[data-watch]")) {
  let asked = 0;
  const ask = async () => {
    asked += 1;
    const answer = await fetch(part.dataset.watch, { cache: "no-store" }).catch(() => null);
    if (answer && answer.status === 404) return;
    if (answer && answer.ok && (await answer.json()).status !== "waiting") return arrived();
    // Quickly at first, then rarely: a tab may stay open for days.
    if (asked < 400) setTimeout(ask, asked < 20 ? 3000 : 20000);
  };
  const arrived = () => {
    part.querySelector("[data-arrived]").hidden = false;
    const typed = [...document.querySelectorAll("textarea")].some((box) => box.value.trim());
    const link = part.querySelector("[data-arrived] a");
    if (link && !typed) location.replace(link.href);
  };
  setTimeout(ask, 1500);
}

// Going back from HubSpot may show the first page as it was before; what is known now is new.
addEventListener("pageshow", (event) => {
  if (event.persisted && document.querySelector("[data-fresh]")) location.reload();
});
