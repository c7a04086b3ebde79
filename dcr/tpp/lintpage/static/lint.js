// The page works without this script. It lets a file be dropped anywhere on the page, and
// moves the focus to what a link of a summary names.
"use strict";

// lintFiles puts files into the control for files, so that the form sends the bytes.
function lintFiles(files) {
  const control = document.getElementById("file");
  if (!control || files.length === 0) {
    return;
  }
  const list = new DataTransfer();
  list.items.add(files[0]);
  control.files = list.files;
  lintNamed();
}

// lintNamed tells which file is judged.
function lintNamed() {
  const control = document.getElementById("file");
  const told = document.getElementById("dropped");
  if (told) {
    told.textContent = control.files.length ? control.files[0].name + " will be judged, and not the text above." : "";
  }
}

document.documentElement.classList.add("scripted");
document.addEventListener("dragover", (e) => {
  if (e.dataTransfer && Array.from(e.dataTransfer.types).includes("Files")) {
    e.preventDefault();
    document.documentElement.classList.add("dragging");
  }
});
document.addEventListener("dragleave", (e) => {
  if (!e.relatedTarget) {
    document.documentElement.classList.remove("dragging");
  }
});
document.addEventListener("drop", (e) => {
  document.documentElement.classList.remove("dragging");
  if (e.dataTransfer && e.dataTransfer.files.length) {
    e.preventDefault();
    lintFiles(e.dataTransfer.files);
  }
});
document.addEventListener("change", (e) => {
  if (e.target.id === "file") {
    lintNamed();
  }
});
// A link to a control within folded fields opens them.
document.addEventListener("click", (e) => {
  const link = e.target.closest('a[href^="#"]');
  const at = link && document.getElementById(link.getAttribute("href").slice(1));
  if (at) {
    const folded = at.closest("details");
    if (folded) {
      folded.open = true;
    }
    at.focus();
  }
});
