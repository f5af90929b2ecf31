// The files of the download menu are kept, not shown: a browser would print a notebook as text.
for (const link of document.querySelectorAll("a.btn-download-file")) link.download = "";

// Live code is a script from elsewhere, fetched on a click. Where it cannot be had, the page says so;
// the menu tries again.
window.addEventListener("error", ({ target }) => {
  const button = document.querySelector("button.thebe-launch-button");
  if (!button || target.src !== THEBE_JS_URL) return;
  document.querySelector("#no-live-code")?.remove();
  const message = document.createElement("p");
  message.id = "no-live-code";
  message.setAttribute("role", "alert");
  message.textContent = "Live code could not be loaded. It needs the network.";
  button.replaceWith(message);
  target.remove();
}, true);
