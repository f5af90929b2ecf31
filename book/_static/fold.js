// Deeper sections are folded. A link to a place inside one opens it, print opens all and closes them
// again, and so does a button below the head of the page. (The browser's search opens what it finds.)
{
  const folds = [...document.querySelectorAll("details.deeper-fold")];

  function open(hash) {
    const target = hash.length > 1 && document.getElementById(decodeURIComponent(hash.slice(1)));
    if (!target) return;
    const section = target.tagName === "SECTION" ? target.querySelector(":scope > .deeper-fold") : null;
    const closed = folds.filter((fold) => !fold.open && (fold === section || fold.contains(target)));
    closed.forEach((fold) => { fold.open = true; });
    if (closed.length) target.scrollIntoView();
  }
  addEventListener("hashchange", () => open(location.hash));
  open(location.hash);
  // The same link a second time changes no address.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href*='#']");
    if (link && link.pathname === location.pathname) open(link.hash);
  });

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = folds.filter((fold) => !fold.open);
    closed.forEach((fold) => { fold.open = true; });
  });
  addEventListener("afterprint", () => { closed.forEach((fold) => { fold.open = false; }); });

  const head = document.querySelector("main .admonition.learn");
  if (folds.length && head) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "unfold";
    const say = () => {
      button.textContent = folds.every((fold) => fold.open) ? "Fold the deeper sections" : "Unfold everything";
    };
    button.addEventListener("click", () => {
      const all = folds.every((fold) => fold.open);
      folds.forEach((fold) => { fold.open = !all; });
    });
    folds.forEach((fold) => fold.addEventListener("toggle", say));
    say();
    head.append(button);
  }
}
