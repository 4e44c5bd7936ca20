// How far a download of failures is. Without this script the page has a link that shows the same.
"use strict";

for (const link of document.querySelectorAll("[data-reload]")) link.hidden = true;

for (const part of document.querySelectorAll("[data-export]")) {
  const [bar, count, said] = ["bar", "count", "said"].map((name) => part.querySelector(`[data-${name}]`));
  const progress = bar.querySelector("progress");
  let timer = 0;
  let last = { written: -1, since: 0 };
  let told = "";

  // The number changes all the time; only the quarters are read aloud.
  const tell = (words, aloud) => {
    count.textContent = words;
    if (aloud !== told) said.textContent = told = aloud;
  };

  const show = ({ written, total, done }) => {
    bar.hidden = false;
    const number = written.toLocaleString("en");
    if (done) {
      progress.max = progress.value = 1;
      return tell(`Finished: ${number} failures.`, `Finished: ${number} failures.`);
    }
    if (!total) {
      progress.removeAttribute("value");
      return tell(`${number} failures written.`, "The download is running.");
    }
    progress.max = total;
    progress.value = Math.min(written, total);
    const quarter = Math.min(75, Math.floor((4 * written) / total) * 25);
    tell(`${number} of ${total.toLocaleString("en")} failures written.`, quarter ? `${quarter} per cent.` : "The download is running.");
  };

  const ask = async () => {
    const answer = await fetch(part.dataset.export, { cache: "no-store" }).catch(() => null);
    if (answer && (answer.status === 404 || answer.redirected)) return;
    if (answer && answer.ok) {
      const news = await answer.json();
      show(news);
      if (news.done) return;
      if (news.written !== last.written) last = { written: news.written, since: Date.now() };
    }
    // A download that was stopped, or that failed, says so in the browser's own list.
    if (Date.now() - last.since > 60000) {
      bar.hidden = true;
      return tell("Nothing more has come for a minute: look at the browser's downloads.", "The download has stopped.");
    }
    timer = setTimeout(ask, 1000);
  };

  const watch = () => {
    clearTimeout(timer);
    last = { written: -1, since: Date.now() };
    // The answer for a download before this one may still be there.
    timer = setTimeout(ask, 700);
  };

  part.querySelector("[data-start]").addEventListener("click", watch);
  if ("running" in part.dataset) watch();
}
