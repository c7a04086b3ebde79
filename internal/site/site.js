// The page judges in the browser: a program of WebAssembly computes what the page shows.
// Nothing is sent anywhere.
"use strict";

const siteReady = new Promise((resolve, reject) => {
  document.addEventListener("obdcr-ready", () => resolve(), { once: true });
  const go = new Go();
  // A server that knows nothing of the type application/wasm will do.
  fetch("obdcr.wasm")
    .then((answer) => (answer.ok ? answer.arrayBuffer() : Promise.reject(new Error("status " + answer.status))))
    .then((code) => WebAssembly.instantiate(code, go.importObject))
    .then((made) => go.run(made.instance))
    .catch(reject);
});

function siteSays(text) {
  const progress = document.getElementById("progress");
  if (progress) {
    progress.textContent = text;
  }
}

async function siteJudge(form) {
  siteSays("One moment: the rules are loaded.");
  try {
    await siteReady;
  } catch (e) {
    siteSays(location.protocol === "file:"
      ? "A browser loads the rules by http or https alone. Give this folder to a web server, or take obdcr lint --serve."
      : "The rules cannot be loaded (" + e.message + "). Load the page again.");
    return;
  }
  const fields = {};
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string") {
      fields[name] = value;
    }
  }
  const chosen = document.getElementById("file").files[0];
  const limit = 16 << 20;
  if (chosen && chosen.size > limit) {
    siteSays("The file is longer than 16 MiB: a token has a few KiB.");
    return;
  }
  const file = chosen ? new Uint8Array(await chosen.arrayBuffer()) : null;
  let answer;
  try {
    answer = obdcrLint(fields, file);
  } catch (e) { // the program has ended
    answer = { error: "The page has failed (" + e.message + "). Load it again." };
  }
  if (answer.error) {
    siteSays(answer.error);
    return;
  }
  document.title = answer.title + " – obdcr";
  document.getElementById("main").innerHTML = answer.html; // Go's html/template has escaped it
  const first = document.getElementById("faults") || document.getElementById("verdict");
  if (first) {
    first.focus();
    first.scrollIntoView({ block: "start" });
  }
}

document.addEventListener("submit", (e) => {
  if (e.target.id === "lint") {
    e.preventDefault();
    siteJudge(e.target);
  }
});
