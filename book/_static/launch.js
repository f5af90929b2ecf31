// The files of the download menu are kept, not shown: a browser would print a notebook as text.
for (const link of document.querySelectorAll("a.btn-download-file")) link.download = "";

// Live code needs Binder and a script from elsewhere. It is fetched on a click, and says so if it cannot be.
window.addEventListener("error", ({ target }) => {
  const button = document.querySelector("button.thebe-launch-button");
  if (button && target.src === THEBE_JS_URL) {
    button.textContent = "Live code could not be loaded: it needs the network.";
    button.disabled = true;
    target.remove();
  }
}, true);
