// Small conveniences. Every page works without them; what needs this script is hidden until it runs.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  const words = button.innerHTML;
  button.addEventListener("click", async () => {
    const source = document.querySelector(button.dataset.copy);
    await navigator.clipboard.writeText(source.href || source.textContent.trim());
    button.textContent = "Copied";
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
