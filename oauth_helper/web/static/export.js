// A download of failures that shows its progress. Without this script the form works as any other.
"use strict";

// More failures than this could be too much for a tab's memory: the browser downloads them itself.
const MOST_COUNTED = 100000;

for (const part of document.querySelectorAll("[data-export]")) {
  const [bar, count, said] = ["bar", "count", "said"].map((name) => part.querySelector(`[data-${name}]`));
  const progress = bar.querySelector("progress");
  const isCsv = part.dataset.export === "csv";
  const total = Number(part.dataset.total);
  let isRunning = false;

  // The number changes all the time; only the quarters are read aloud.
  const tell = (words, aloud = words) => {
    count.textContent = words;
    if (said.textContent !== aloud) said.textContent = aloud;
  };

  const show = (written) => {
    const number = written.toLocaleString("en");
    if (!total) return tell(`${number} failures downloaded.`, "The download is running.");
    progress.max = total;
    progress.value = Math.min(written, total);
    const quarter = Math.min(75, Math.floor((4 * written) / total) * 25);
    tell(`${number} of ${total.toLocaleString("en")} failures downloaded.`, quarter ? `${quarter} percent.` : "The download is running.");
  };

  const download = async (answer) => {
    const pieces = [];
    // A CSV file begins with a row of names; ends of lines in quotation marks end no row.
    let written = isCsv ? -1 : 0;
    let isQuoted = false;
    const reader = answer.body.getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      for (const byte of piece.value) {
        if (isCsv && byte === 34) isQuoted = !isQuoted;
        else if (byte === 10 && !isQuoted) written += 1;
      }
      pieces.push(piece.value);
      show(Math.max(written, 0));
    }
    const file = document.createElement("a");
    file.href = URL.createObjectURL(new Blob(pieces));
    file.download = answer.headers.get("Content-Disposition").match(/filename="(.*)"/)[1];
    file.click();
    setTimeout(() => URL.revokeObjectURL(file.href), 60000);
    progress.max = progress.value = 1;
    tell(`Finished: ${written.toLocaleString("en")} ${written === 1 ? "failure" : "failures"}.`);
  };

  part.addEventListener("submit", async (event) => {
    if (total > MOST_COUNTED) return;
    event.preventDefault();
    if (isRunning) return;
    isRunning = true;
    bar.hidden = false;
    progress.removeAttribute("value");
    show(0);
    try {
      const address = `${part.action}?${new URLSearchParams(new FormData(part))}`;
      const answer = await fetch(address);
      // The page with the reason, or the way to sign in.
      if (answer.ok && !answer.redirected) await download(answer);
      else location.href = address;
    } catch {
      bar.hidden = true;
      tell("The download broke off, and nothing was saved. Please try again.");
    }
    isRunning = false;
  });
}
