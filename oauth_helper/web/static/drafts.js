// What staff are writing stays in this tab until it is sent: through a look at another page, and
// through signing in again.
"use strict";

{
  const isDone = document.querySelector(".notice.done") !== null;
  for (const box of document.querySelectorAll("main form[method=post] textarea")) {
    const name = `draft:${location.pathname}#${box.id}`;
    // Pressing the button is not enough: the answer may be that it couldn't be taken.
    const isSent = box.defaultValue || (isDone && sessionStorage.getItem("sent") === name);
    if (isSent) sessionStorage.removeItem(name);
    if (!box.value) box.value = sessionStorage.getItem(name) || "";
    box.addEventListener("input", () => sessionStorage.setItem(name, box.value));
    box.form.addEventListener("submit", () => sessionStorage.setItem("sent", name));
  }
}
