// Name the connected account by its domain. It takes a request to HubSpot, so the page comes first.
"use strict";

(async () => {
  const account = document.querySelector("[data-account]");
  if (!account) return;
  const answer = await fetch(account.dataset.account).catch(() => null);
  const { domain } = answer?.ok ? await answer.json() : {};
  if (domain) account.textContent = `${domain} (${account.textContent})`;
})();
